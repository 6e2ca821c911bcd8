//! What users may ask for.

use justmanage_model::{Bytes, ClusterSpec, Engine, Failure, Io, MilliCpus, Place, Resources};

use crate::{fault, is_spelt, survives_json};

pub(crate) fn spec() -> ClusterSpec {
    ClusterSpec::new(Engine::Redis, "7.0".parse().unwrap(), 1, 0, Bytes::mib(64))
}

fn faults(change: impl FnOnce(&mut ClusterSpec)) -> Vec<(String, String)> {
    let mut changed = spec();
    change(&mut changed);
    let pair = |fault: Failure| {
        assert!(fault.hint.is_some(), "says what would be right: {fault}");
        (fault.about.to_string(), fault.summary)
    };
    changed.validate().into_iter().map(pair).collect()
}

fn one(about: &str, summary: &str) -> Vec<(String, String)> {
    vec![(about.to_owned(), summary.to_owned())]
}

#[test]
fn shapes_have_limits() {
    assert_eq!(faults(|_| {}), []);
    assert_eq!(faults(|s| s.memory = Bytes::mib(16)), []);
    assert_eq!(faults(|s| s.memory = Bytes::new((16 << 20) - 1)), one("memory", "Amount of memory out of range"));
    assert_eq!(faults(|s| s.memory = Bytes::new(u64::MAX)), one("memory", "Amount of memory out of range"));
    assert_eq!(faults(|s| s.shards = 0), one("shards", "Number of shards out of range"));
    assert_eq!(faults(|s| s.shards = 100), []);
    assert_eq!(faults(|s| s.shards = 101), one("shards", "Number of shards out of range"));
    assert_eq!(faults(|s| s.replicas_per_shard = 5), []);
    assert_eq!(faults(|s| s.replicas_per_shard = 6), one("replicas_per_shard", "Number of replicas out of range"));
    assert_eq!(faults(|s| (s.shards, s.replicas_per_shard) = (50, 1)), []);
    assert_eq!(faults(|s| (s.shards, s.replicas_per_shard) = (51, 1)), one("shards", "Too many nodes"));
    assert_eq!(faults(|s| (s.shards, s.memory) = (0, Bytes::new(1))).len(), 2, "every fault at once");
}

#[test]
fn configuration_stays_on_its_line() {
    let with = |key: &str, value: &str| faults(|s| drop(s.config.insert(key.to_owned(), value.to_owned())));
    for (key, value) in
        [("maxmemory-policy", "allkeys-lru"), ("save", ""), ("bf.error-rate", "0.01"), ("bio_cpulist", "1")]
    {
        assert_eq!(with(key, value), []);
    }
    for key in ["", "Save", "a b", "a\nport 1", "a\"", "*", "1a"] {
        assert_eq!(with(key, "1"), one(&format!("config[{key:?}]"), "Configuration key not valid"));
    }
    for value in ["a\nport 1", "\0", "\u{1b}[0m"] {
        assert_eq!(with("save", value), one("config[\"save\"]", "Configuration value not valid"));
    }
    assert_eq!(with("save", &"1".repeat(1025)), one("config[\"save\"]", "Configuration value too long"));
}

#[test]
fn nodes_are_primaries_and_their_replicas() {
    let mut large = spec();
    (large.shards, large.replicas_per_shard) = (3, 1);
    assert_eq!(large.nodes(), 6);
    survives_json(&large);
}

#[test]
fn switches_for_tests_leave_no_trace_where_they_are_off() {
    let mut changed = spec();
    let text = |spec: &ClusterSpec| serde_json::to_string(spec).unwrap();
    assert!(!text(&changed).contains("testing"));
    changed.testing.plaintext = true;
    assert!(text(&changed).contains("testing"));
    survives_json(&changed);
}

#[test]
fn processor_time_is_written_in_processors() {
    for text in ["1", "0.5", "1.25", "0.01", "4095.999"] {
        is_spelt::<MilliCpus>(text);
    }
    assert_eq!("1.5".parse::<MilliCpus>().unwrap().get(), 1500);
    for text in ["", "0", "0.009", "0.001", "1.", ".5", "1.2345", "-1", "+1", "1e3", "4096", "99999999999", "1,5"] {
        fault::<MilliCpus>(text);
    }
}

#[test]
fn thousandths_of_a_processor_are_written_as_kubernetes_does_too() {
    for (text, thousandths) in [("1500m", 1500), ("10m", 10), ("4095999m", 4_095_999)] {
        assert_eq!(text.parse::<MilliCpus>().unwrap().get(), thousandths);
    }
    assert_eq!("1500m".parse::<MilliCpus>().unwrap().to_string(), "1.5");
    for text in ["m", "9m", "0m", "1.5m", "-1m", "+10m", "4096000m", "99999999999m", "10M"] {
        fault::<MilliCpus>(text);
    }
}

#[test]
fn resources_that_are_not_asked_for_leave_no_trace() {
    let mut changed = spec();
    let text = |spec: &ClusterSpec| serde_json::to_string(spec).unwrap();
    assert!(!text(&changed).contains("resources"));
    changed.resources.cpu = Some("1.5".parse().unwrap());
    assert!(text(&changed).contains("\"resources\":{\"cpu\":\"1.5\"}"), "{}", text(&changed));
    survives_json(&changed);
    let io = Io { read_bandwidth: Some(Bytes::mib(10)), write_iops: Some(100), weight: Some(200), ..Io::NOTHING };
    changed.resources = Resources { io, memory: Some(Bytes::mib(4096)), ..changed.resources };
    assert_eq!(changed.validate(), []);
    survives_json(&changed);
}

#[test]
fn resources_that_are_too_few_are_faults_at_their_attributes() {
    let asked = |memory: u64, resources: Resources| ClusterSpec { memory: Bytes::mib(memory), resources, ..spec() };
    let process = |mib: u64| Resources { memory: Some(Bytes::mib(mib)), ..Resources::NOTHING };
    let disk = |io: Io| Resources { io, ..Resources::NOTHING };
    let narrow = Some(Bytes::new((1 << 20) - 1));
    for (memory, resources, about) in [
        (64, process(320), None),
        (64, process(319), Some("resources.memory")),
        (1024, process(2432), None),
        (1024, process(2431), Some("resources.memory")),
        (
            64,
            disk(Io { read_bandwidth: Some(Bytes::mib(1)), read_iops: Some(10), weight: Some(10_000), ..Io::NOTHING }),
            None,
        ),
        (64, disk(Io { read_bandwidth: narrow, ..Io::NOTHING }), Some("resources.io.read_bandwidth")),
        (64, disk(Io { write_bandwidth: narrow, ..Io::NOTHING }), Some("resources.io.write_bandwidth")),
        (64, disk(Io { read_iops: Some(9), ..Io::NOTHING }), Some("resources.io.read_iops")),
        (64, disk(Io { write_iops: Some(0), ..Io::NOTHING }), Some("resources.io.write_iops")),
        (64, disk(Io { weight: Some(0), ..Io::NOTHING }), Some("resources.io.weight")),
        (64, disk(Io { weight: Some(10_001), ..Io::NOTHING }), Some("resources.io.weight")),
    ] {
        let found: Vec<String> =
            asked(memory, resources).validate().iter().map(|fault| fault.about.to_string()).collect();
        assert_eq!(found, about.into_iter().collect::<Vec<_>>(), "{memory} MiB, {resources:?}");
    }
    let fault = asked(1024, process(2000)).validate().remove(0);
    let figures = [
        "can need 2432MiB",
        "1GiB of data",
        "256MiB for what replicas",
        "128MiB for itself",
        "With resources.memory = 2000MiB",
    ];
    assert!(figures.iter().all(|words| fault.detail.contains(words)), "{}", fault.detail);
}

#[test]
fn what_is_within_both_of_two_disks_limits_is_the_wider_one() {
    let one = Io { read_bandwidth: Some(Bytes::mib(10)), read_iops: Some(100), weight: Some(50), ..Io::NOTHING };
    let other = Io { read_bandwidth: Some(Bytes::mib(20)), write_iops: Some(10), weight: Some(70), ..Io::NOTHING };
    let wider = Io { read_bandwidth: Some(Bytes::mib(20)), weight: Some(70), ..Io::NOTHING };
    assert_eq!(one.wider(other), wider);
}

#[test]
fn policies_are_kept_as_their_definitions_and_older_specs_have_none() {
    let bare = serde_json::to_value(spec()).unwrap();
    assert!(bare.get("maintenance_window").is_none() && bare.get("backup_policy").is_none(), "as before: {bare}");
    let mut changed: ClusterSpec = serde_json::from_value(bare).unwrap();
    assert_eq!((&changed.maintenance_window, &changed.backup_policy), (&None, &None));
    let window = "Sun 02:00-03:00 Asia/Kolkata; upgrade patch; min_age 7d";
    let policy = "daily 03:30 Asia/Kolkata; destination file:///var/backups; retention last 7";
    changed.maintenance_window = Some(window.parse().unwrap());
    changed.backup_policy = Some(policy.parse().unwrap());
    assert_eq!(changed.validate(), []);
    let kept = serde_json::to_value(&changed).unwrap();
    assert_eq!((kept["maintenance_window"].as_str(), kept["backup_policy"].as_str()), (Some(window), Some(policy)));
    survives_json(&changed);
}

#[test]
fn a_pinned_version_is_not_upgraded() {
    let with = |version: &str, window: &str| {
        faults(|s| {
            s.version = version.parse().unwrap();
            s.maintenance_window = Some(window.parse().unwrap());
        })
    };
    assert_eq!(with("7.0", "Sun 02:00-03:00 UTC; upgrade patch"), []);
    assert_eq!(with("7.0.15", "Sun 02:00-03:00 UTC"), []);
    for upgrade in ["patch", "security"] {
        let window = format!("Sun 02:00-03:00 UTC; upgrade {upgrade}");
        assert_eq!(with("7.0.15", &window), one("version", "Pinned version would be upgraded"));
    }
}

#[test]
fn policies_that_could_not_be_kept_are_refused() {
    use justmanage_model::window::DateRange;
    let day = |n: i16| format!("{}-01-01", 2026 + n).parse::<DateRange>().unwrap();
    assert_eq!(
        faults(|s| {
            let mut window: justmanage_model::MaintenanceWindow = "Sun 02:00-03:00 UTC".parse().unwrap();
            window.exclude = (0..300).map(day).collect();
            s.maintenance_window = Some(window);
        }),
        one("maintenance_window", "Maintenance window not valid")
    );
    assert_eq!(
        faults(|s| {
            let text = "every 6h; destination s3://bucket; retention last 1";
            let mut policy: justmanage_model::BackupPolicy = text.parse().unwrap();
            policy.schedule.clear();
            s.backup_policy = Some(policy);
        }),
        one("backup_policy", "Backup policy not valid")
    );
}

#[test]
fn a_backup_that_nobody_could_make_is_not_asked_for() {
    let with = |place: Place, policy: Option<&str>, word: Option<&str>| {
        faults(|s| {
            s.place = place;
            s.backup_policy = policy.map(|text| text.parse().unwrap());
            s.backup_now = word.map(str::to_owned);
        })
    };
    let to = |destination: &str| format!("every 6h; destination {destination}; retention last 1");
    let (here, there) = (to("file:///b"), to("s3://bucket"));
    assert_eq!(with(Place::Local, Some(&here), Some("friday")), []);
    assert_eq!(with(Place::Local, Some(&there), None), []);
    assert_eq!(with(Place::Local, None, Some("friday")), one("backup_now", "Backup without a policy"));
    assert_eq!(with(Place::Local, Some(&there), Some("friday")), one("backup_now", "Backup not possible"));
    for odd in ["", "a\nb", &"a".repeat(65)] {
        assert_eq!(with(Place::Local, Some(&here), Some(odd)), one("backup_now", "Word not valid"), "{odd:?}");
    }
    // Where an agent of a server may write.
    for inside in ["file:///var/backups/justmanage", "file:///var/backups/justmanage/a"] {
        assert_eq!(with(Place::Servers, Some(&to(inside)), None), []);
    }
    for outside in ["file:///b", "file:///var/backups", "file:///var/backups/justmanage-too"] {
        assert_eq!(with(Place::Servers, Some(&to(outside)), None), one("backup_policy", "Destination out of reach"));
    }
}

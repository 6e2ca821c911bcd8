//! Maintenance windows and backup policies: values that are planned as such, and that clusters keep.

use tfkit::{Diagnostics, Path, Value};

use crate::world::{CLUSTER, World, cluster, get, refused, text};

const WINDOW: &str = "justmanage_maintenance_window";
const BACKUP: &str = "justmanage_backup_policy";
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn window(more: &[(&str, Value)]) -> Value {
    object(&[("schedule", Value::list(["Sun 02:00-03:00 Asia/Kolkata"]))], more)
}

fn backup(more: &[(&str, Value)]) -> Value {
    let usual = [
        ("schedule", Value::list(["daily 03:30 Asia/Kolkata"])),
        ("destination", "file:///var/backups/redis".into()),
        ("retention", Value::object([("last", Value::from(7)), ("daily", 30.into())])),
    ];
    object(&usual, more)
}

fn object(usual: &[(&str, Value)], more: &[(&str, Value)]) -> Value {
    let all = usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.clone()));
    Value::object(all)
}

fn warned(diagnostics: &Diagnostics) -> Vec<(String, &str)> {
    diagnostics.iter().map(|one| (one.path.to_string(), one.summary.as_str())).collect()
}

#[tokio::test]
async fn a_definition_is_known_in_the_plan_and_its_id_stays() {
    let mut world = World::new().await;
    let first = window(&[("upgrade", "patch".into()), ("min_age", "1w".into())]);
    let change = world.host.plan(WINDOW, None, &first).await.expect("plan");
    let definition = "Sun 02:00-03:00 Asia/Kolkata; upgrade patch; min_age 7d";
    assert_eq!(text(&change.planned, "definition"), definition, "known before anything is made");
    let id = text(&change.planned, "id").to_owned();
    let state = world.host.apply(&change).await.expect("lawful").state.expect("a state");
    assert_eq!((text(&state.value, "definition"), text(&state.value, "id")), (definition, id.as_str()));
    let read = world.host.read(WINDOW, &state).await.expect("read").expect("it is there");
    assert!(world.host.plan(WINDOW, Some(&read), &first).await.expect("plan").is_empty());

    let respelled = window(&[
        ("schedule", Value::list(["sunday 2:00 - 3:00 asia/kolkata"])),
        ("upgrade", "patch".into()),
        ("min_age", "7d".into()),
    ]);
    assert!(world.host.plan(WINDOW, Some(&read), &respelled).await.expect("plan").is_empty(), "means the same");

    let wider = window(&[("exclude", Value::list(["2026-12-24", "2026-11-20..2026-12-02"])), ("urgent", "now".into())]);
    let change = world.host.plan(WINDOW, Some(&read), &wider).await.expect("plan");
    let definition = "Sun 02:00-03:00 Asia/Kolkata; exclude 2026-11-20..2026-12-02, 2026-12-24; urgent now";
    assert_eq!((text(&change.planned, "definition"), text(&change.planned, "id")), (definition, id.as_str()));
    assert!(change.replace.is_empty(), "in place");
}

#[tokio::test]
async fn a_definition_of_what_is_not_known_yet_is_not_known() {
    let mut world = World::new().await;
    let later = window(&[("min_age", Value::Unknown(tfkit::Refinement::default()))]);
    let change = world.host.plan(WINDOW, None, &later).await.expect("plan");
    assert!(get(&change.planned, "definition").is_unknown() && get(&change.planned, "id").is_unknown());
    let list = Value::List(vec!["Sun 02:00-03:00 UTC".into(), Value::Unknown(tfkit::Refinement::default())]);
    let change = world.host.plan(WINDOW, None, &window(&[("schedule", list)])).await.expect("plan");
    assert!(get(&change.planned, "definition").is_unknown());
    let kept = Value::object([("last", Value::Unknown(tfkit::Refinement::default()))]);
    let change = world.host.plan(BACKUP, None, &backup(&[("retention", kept)])).await.expect("plan");
    assert!(get(&change.planned, "definition").is_unknown());
}

#[tokio::test]
async fn every_fault_is_blamed_at_its_attribute_with_the_token() {
    let mut world = World::new().await;
    let bad = window(&[
        ("schedule", Value::list(["Sun 02:00-03:00 UTC", "Sun 02:00-03:00 IST", "Sundey 02:00-03:00 UTC"])),
        ("exclude", Value::list(["2026-02-30"])),
        ("upgrade", "minor".into()),
        ("min_age", "soon".into()),
        ("blocked", Value::list(["8.0.3", "8.0"])),
    ]);
    let said = world.errors(WINDOW, &bad).await;
    for (path, says) in [
        ("schedule[1]", "\"IST\" is an abbreviation that means several time zones"),
        ("schedule[1]", "\"Europe/Dublin\""),
        ("schedule[2]", "At character 1: \"Sundey\" is not a day."),
        ("exclude[0]", "not in the calendar"),
        ("upgrade", "\"patch\""),
        ("min_age", "\"7d\""),
        ("blocked[1]", "\"8.0\" is not a version"),
    ] {
        assert!(said.iter().any(|(at, detail)| at == path && detail.contains(says)), "{path} {says}: {said:?}");
    }
    assert_eq!(said.len(), 6, "{said:?}");
    let none = world.errors(WINDOW, &window(&[("schedule", Value::List(Vec::new()))])).await;
    assert!(none[0].0 == "schedule" && none[0].1.contains("It never opens"), "{none:?}");

    let bad = backup(&[
        ("schedule", Value::list(["every 5h"])),
        ("destination", "s3://key:hunter2@bucket".into()),
        ("retention", Value::object([("last", Value::from(0))])),
        ("compression", "gzip".into()),
        ("encryption", Value::list([RECIPIENT, "AGE-SECRET-KEY-1HUNTER2"])),
    ]);
    let said = world.errors(BACKUP, &bad).await;
    for (path, says) in [
        ("schedule[0]", "\"5h\" is not an interval"),
        ("destination", "credentials come from the machine's role"),
        ("retention", "No backup would be kept."),
        ("compression", "\"zstd\""),
        ("encryption[1]", "This is a secret key."),
    ] {
        assert!(said.iter().any(|(at, detail)| at == path && detail.contains(says)), "{path} {says}: {said:?}");
    }
    assert!(!format!("{said:?}").to_lowercase().contains("hunter2"), "{said:?}");
    let many = backup(&[("retention", Value::object([("weekly", Value::from(70000))]))]);
    assert!(world.errors(BACKUP, &many).await.iter().any(|(at, _)| at == "retention.weekly"));
}

#[tokio::test]
async fn an_import_takes_the_definition_as_id() {
    let mut world = World::new().await;
    let definition = "Sun 02:00-03:00 UTC; Wed 02:00-03:00 UTC; exclude 2026-12-24; upgrade security; blocked 8.0.3; notify_before 24h";
    let imported = world.host.import(WINDOW, definition).await.expect("import");
    assert_eq!(text(&imported.value, "definition"), definition);
    let config = object(
        &[
            ("schedule", Value::list(["Sunday 02:00-03:00 UTC", "Wed 02:00-03:00 UTC"])),
            ("exclude", Value::list(["2026-12-24"])),
            ("upgrade", "security".into()),
            ("blocked", Value::list(["8.0.3"])),
            ("notify_before", "1d".into()),
        ],
        &[],
    );
    let change = world.host.plan(WINDOW, Some(&imported), &config).await.expect("plan");
    assert!(change.is_empty(), "{:?}", change.planned);

    let definition =
        "daily 03:30 Asia/Kolkata; destination file:///var/backups/redis; retention last 7, daily 30; verify false";
    let imported = world.host.import(BACKUP, definition).await.expect("import");
    let change = world.host.plan(BACKUP, Some(&imported), &backup(&[("verify", false.into())])).await.expect("plan");
    assert!(change.is_empty(), "{:?}", change.planned);
    let error = refused(world.host.import(BACKUP, "daily 03:30 Asia/Kolkata").await);
    assert!(error.detail.contains("where backups go"), "{error:?}");
}

#[tokio::test]
async fn a_cluster_keeps_its_policies_and_every_plan_says_what_nothing_acts_on() {
    let mut world = World::new().await;
    let window = "Sun 02:00-03:00 Asia/Kolkata; upgrade patch; min_age 7d";
    let policy = "daily 03:30 Asia/Kolkata; destination s3://backups/redis; retention last 7";
    let both = cluster(&[("maintenance_window", window.into()), ("backup_policy", policy.into())]);
    let said = [
        ("maintenance_window".to_owned(), "No upgrade will be found"),
        ("backup_policy".to_owned(), "No backups are made"),
    ];
    let change = world.plan(None, &both).await.expect("plan");
    assert_eq!(warned(&change.warnings), said);
    let state = world.host.apply(&change).await.expect("lawful").state.expect("a state");
    let spec = world.stage.record().spec;
    assert_eq!(spec.maintenance_window.map(|window| window.to_string()).as_deref(), Some(window));
    assert_eq!(spec.backup_policy.map(|policy| policy.to_string()).as_deref(), Some(policy));

    // Nothing changes, and it is said all the same.
    let state = world.refreshed(&state).await;
    let respelled = cluster(&[
        ("maintenance_window", "min_age 1w; sunday 2:00-3:00 asia/kolkata; upgrade patch".into()),
        ("backup_policy", policy.into()),
    ]);
    let change = world.plan(Some(&state), &respelled).await.expect("plan");
    assert!(change.is_empty(), "another spelling is no change");
    assert_eq!(warned(&change.warnings), said);
    // Of what is not known yet nothing is said.
    let later = cluster(&[("maintenance_window", Value::Unknown(tfkit::Refinement::default()))]);
    let change = world.plan(Some(&state), &later).await.expect("plan");
    assert!(warned(&change.warnings).is_empty());

    // A change is an update in place, and without them it is quiet.
    let change = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert!(!change.is_empty() && change.replace.is_empty() && change.warnings.is_empty(), "{change:?}");
    let done = world.host.apply(&change).await.expect("lawful");
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert_eq!(world.stage.record().spec.backup_policy, None);
}

#[tokio::test]
async fn a_policy_that_was_changed_elsewhere_shows_and_an_import_brings_it() {
    let mut world = World::new().await;
    let window = "Sun 02:00-03:00 UTC";
    let config = cluster(&[("maintenance_window", window.into())]);
    let state = world.made(&config).await;
    let imported = world.host.import(CLUSTER, "local/cache").await.expect("import");
    assert_eq!(text(&imported.value, "maintenance_window"), window);
    assert!(world.plan(Some(&imported), &config).await.expect("plan").is_empty());

    // Another state of the same cluster applies something else.
    let other = cluster(&[("maintenance_window", "Mon 02:00-03:00 UTC".into())]);
    world.apply(Some(&state), &other).await;
    let state = world.refreshed(&state).await;
    assert_eq!(text(&state.value, "maintenance_window"), "Mon 02:00-03:00 UTC");
    assert!(!world.plan(Some(&state), &config).await.expect("plan").is_empty());
}

#[tokio::test]
async fn a_definition_that_is_not_valid_is_refused_at_the_cluster() {
    let mut world = World::new().await;
    for (attribute, value, says) in [
        ("maintenance_window", "Sun 02:00-03:00 IST", "\"Asia/Kolkata\", \"Europe/Dublin\", \"Asia/Jerusalem\""),
        ("maintenance_window", "Sun 02:00-03:00 UTC; upgrde patch", "Did you mean \"upgrade\"?"),
        ("backup_policy", "every 6h; destination s3://bucket", "It does not say what is kept."),
    ] {
        let said = world.errors(CLUSTER, &cluster(&[(attribute, value.into())])).await;
        assert!(said.len() == 1 && said[0].0 == attribute && said[0].1.contains(says), "{said:?}");
    }
    let upgrades: Value = "Sun 02:00-03:00 UTC; upgrade patch".into();
    let pinned = cluster(&[("version", "7.0.15".into()), ("maintenance_window", upgrades)]);
    let said = world.errors(CLUSTER, &pinned).await;
    assert!(said.len() == 1 && said[0].0 == "version" && said[0].1.contains("pinned to 7.0.15"), "{said:?}");
    // Where the window is known only in the plan, the plan says so.
    let error = refused(world.plan(None, &pinned).await);
    assert_eq!((error.summary.as_str(), error.path), ("Pinned version would be upgraded", Path::attribute("version")));
    let quiet = cluster(&[("version", "7.0.15".into()), ("maintenance_window", "Sun 02:00-03:00 UTC".into())]);
    assert_eq!(world.errors(CLUSTER, &quiet).await, []);
}

#[tokio::test]
async fn the_data_source_shows_what_is_kept() {
    let mut world = World::new().await;
    world.made(&cluster(&[("maintenance_window", "Sun 02:00-03:00 UTC".into())])).await;
    let config = Value::object([("name", Value::from("cache")), ("local", Value::object::<&str>([]))]);
    let seen = world.host.read_data_source(CLUSTER, &config).await.expect("a reading");
    assert_eq!(text(&seen, "maintenance_window"), "Sun 02:00-03:00 UTC");
    assert!(get(&seen, "backup_policy").is_null());
}

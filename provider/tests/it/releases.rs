//! The data source of releases: it answers from the catalogue, without a cluster, an agent or a configured provider.

use justmanage_releases::catalogue;
use tfkit::testing::{Host, HostError};
use tfkit::{Path, Value};

use crate::provider;
use crate::world::{get, refused, text};

const RELEASES: &str = "justmanage_releases";

async fn host() -> Host {
    provider().start().await.expect("the provider starts")
}

async fn read(host: &mut Host, config: &[(&str, &str)]) -> Result<Value, HostError> {
    let attributes = config.iter().map(|(name, value)| (*name, Value::from(*value)));
    host.read_data_source(RELEASES, &Value::object(attributes)).await
}

fn elements<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    get(value, name).as_elements().unwrap_or_else(|| panic!("{name} is no list in {value:?}")).iter().collect()
}

/// One attribute of each element; `-` for null.
fn of_each(value: &Value, list: &str, name: &str) -> Vec<String> {
    let one = |element: &Value| get(element, name).as_str().unwrap_or("-").to_owned();
    elements(value, list).into_iter().map(one).collect()
}

#[tokio::test]
async fn lines_say_until_when_they_are_kept_up_as_of_the_catalogues_day() {
    let mut host = host().await;
    let found = read(&mut host, &[("engine", "redis")]).await.expect("an answer");
    assert_eq!(text(&found, "catalogue_date"), catalogue::as_of().to_string());
    assert_eq!(of_each(&found, "lines", "line"), ["7.0", "7.2", "7.4", "8.0", "8.2", "8.4", "8.6", "8.8", "8.10"]);
    assert_eq!(of_each(&found, "lines", "latest_patch")[..2], ["7.0.15", "7.2.16"]);
    assert_eq!(of_each(&found, "lines", "date")[1], "2026-08-17");
    let ends = of_each(&found, "lines", "end_of_life");
    assert_eq!((ends[0].as_str(), ends[8].as_str()), ("2024-07-29", "-"));
    let passed: Vec<&Value> = elements(&found, "lines").iter().map(|line| get(line, "end_of_life_passed")).collect();
    assert_eq!(passed[..2], [&Value::from(true), &false.into()]);
    // 8.0 ends after the catalogue's day: it has not ended, whatever day this test runs.
    assert_eq!((ends[3].as_str(), passed[3]), ("2026-12-01", &false.into()));
    assert_eq!(passed[8], &false.into(), "none is announced");
    // Without a version: the newest line.
    assert_eq!(text(&found, "latest_patch"), "8.10.1");
    assert!(elements(&found, "upgrades").is_empty() && elements(&found, "known_vulnerabilities").is_empty());
}

#[tokio::test]
async fn what_stands_between_a_version_and_the_newest_patch_is_told_one_by_one() {
    let mut host = host().await;
    let found = read(&mut host, &[("engine", "valkey"), ("version", "8.0.8")]).await.expect("an answer");
    assert_eq!(text(&found, "latest_patch"), "8.0.11");
    assert_eq!(of_each(&found, "upgrades", "version"), ["8.0.9", "8.0.10", "8.0.11"]);
    assert_eq!(of_each(&found, "upgrades", "date"), ["2026-05-06", "2026-07-21", "2026-08-31"]);
    assert_eq!(of_each(&found, "upgrades", "urgency"), ["-", "SECURITY", "-"]);
    let [_, security, _] = elements(&found, "upgrades")[..] else { panic!("three") };
    assert_eq!(crate::world::texts(security, "cves"), ["CVE-2026-56684", "CVE-2026-63639"]);
    assert_eq!(text(security, "summary"), "Security release; closes CVE-2026-56684, CVE-2026-63639.");
    assert_eq!(of_each(&found, "known_vulnerabilities", "cve"), ["CVE-2026-56684", "CVE-2026-63639"]);
    assert_eq!(of_each(&found, "known_vulnerabilities", "fixed_in"), ["8.0.10", "8.0.10"]);

    // A line stands for its newest patch.
    let line = read(&mut host, &[("engine", "valkey"), ("version", "8.0")]).await.expect("an answer");
    assert!(elements(&line, "upgrades").is_empty() && elements(&line, "known_vulnerabilities").is_empty());
    assert_eq!(text(&line, "latest_patch"), "8.0.11");
}

#[tokio::test]
async fn of_a_distributions_package_its_revision_tells() {
    let mut host = host().await;
    let mut of = async |package: &str| {
        let config = [("engine", "redis"), ("version", "7.0.15"), ("package", package)];
        read(&mut host, &config).await.expect("an answer")
    };
    let older = of("5:7.0.15-1~deb12u9").await;
    assert_eq!(of_each(&older, "known_vulnerabilities", "fixed_in_package"), ["5:7.0.15-1~deb12u10"; 2]);
    assert!(get(&older, "vulnerabilities_not_known").is_null());
    let newest = of("5:7.0.15-1~deb12u10").await;
    assert!(elements(&newest, "known_vulnerabilities").is_empty());
    // Of packages that nobody looked at, nothing is claimed, neither holes nor that there are none.
    let unknown = of("7.0.15-4.el9").await;
    assert!(get(&unknown, "known_vulnerabilities").is_null());
    assert!(text(&unknown, "vulnerabilities_not_known").contains("7.0.15-4.el9"));
    assert!(of_each(&unknown, "possible_vulnerabilities", "cve").contains(&"CVE-2026-81934".to_owned()));
}

#[tokio::test]
async fn what_there_is_not_is_blamed_at_its_attribute_with_the_nearest_that_there_is() {
    let mut host = host().await;
    for (config, at, says) in [
        (vec![("engine", "valky")], "engine", "Did you mean \"valkey\"?"),
        (vec![("engine", "redis"), ("version", "7.3")], "version", "Did you mean \"7."),
        (vec![("engine", "redis"), ("version", "9.0.1")], "version", "9.0 is a line of valkey"),
        (vec![("engine", "redis"), ("version", "seven")], "version", "such as \"7.2\""),
        (vec![("engine", "redis"), ("package", "5:7.0.15-1~deb12u9")], "package", "Give the exact `version`"),
        (vec![("engine", "redis"), ("version", "7.0"), ("package", "5:7.0.15-1")], "package", "7.0 is a line"),
        (vec![("engine", "redis"), ("version", "7.2.5"), ("package", "5:7.0.15-1")], "package", "not one of 7.2.5"),
        (
            vec![("engine", "redis"), ("version", "7.0.15"), ("package", "a b")],
            "package",
            "not the version of a package",
        ),
    ] {
        let error = refused(read(&mut host, &config).await);
        assert_eq!(error.path, Path::attribute(at), "{error:?}");
        assert!(error.detail.contains(says), "{says} is not in {error:?}");
    }
}

//! Which release is taken next, and which catalogs are not believed.

use justmanage_model::Engine::{Redis, Valkey};

use super::*;

const CATALOG: &str = r#"{
  "schema": 1, "serial": 7, "expires": "2027-01-01T00:00:00Z", "comment": "a field of later",
  "releases": [
    {"engine": "redis", "version": "8.0.3", "date": "2026-07-06", "urgency": "SECURITY", "cves": ["CVE-1"],
     "programs": [{"arch": "x86_64", "url": "8.0.3/redis-server", "sha256": "03"}]},
    {"engine": "redis", "version": "8.0.4", "date": "2026-11-02", "urgency": "MODERATE",
     "programs": [{"arch": "x86_64", "url": "8.0.4/redis-server", "sha256": "04"},
                  {"arch": "aarch64", "url": "8.0.4/arm", "sha256": "a4"}]},
    {"engine": "redis", "version": "8.0.5", "date": "2026-11-20", "cves": ["CVE-2", "CVE-1"],
     "programs": [{"arch": "x86_64", "url": "8.0.5/redis-server", "sha256": "05"}]},
    {"engine": "redis", "version": "8.0.6", "date": "2026-11-21"},
    {"engine": "redis", "version": "8.2.0", "date": "2026-01-01",
     "programs": [{"arch": "x86_64", "url": "8.2.0/redis-server", "sha256": "20"}]},
    {"engine": "valkey", "version": "8.0.9", "date": "2026-01-01",
     "programs": [{"arch": "x86_64", "url": "8.0.9/valkey-server", "sha256": "09"}]}
  ]}"#;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn catalog() -> Published {
    Published::read(CATALOG.as_bytes(), 0, at("2026-11-23T00:00:00Z")).expect("a catalog")
}

#[test]
fn the_newest_patch_is_taken_that_the_window_wants() {
    let catalog = catalog();
    let said = |settings: &str, (engine, runs): (Engine, &str), arch: &str| {
        let url = "https://mirror.example/c.json RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        let window: MaintenanceWindow =
            format!("Sun 02:00-03:00 Asia/Kolkata; {settings}; catalog {url}").parse().expect("a window");
        let runs = Release::new(engine, runs.parse().expect("a version"));
        let found = catalog.candidate(&window, &runs, arch, at("2026-11-23T00:00:00Z"));
        found.map_or_else(String::new, |one| {
            let kind = if one.security { "security" } else { "patch" };
            format!("{} {} {kind} {}", one.release.version, one.program.sha256, one.closes.join(","))
        })
    };
    for (settings, runs, arch, expected) in [
        // 8.0.6 has no program.
        ("upgrade patch", (Redis, "8.0.2"), "x86_64", "8.0.5 05 security CVE-1,CVE-2"),
        ("upgrade patch; min_age 3d", (Redis, "8.0.2"), "x86_64", "8.0.5 05 security CVE-1,CVE-2"),
        ("upgrade patch; min_age 4d", (Redis, "8.0.2"), "x86_64", "8.0.4 04 security CVE-1"),
        ("upgrade patch; blocked 8.0.5", (Redis, "8.0.2"), "x86_64", "8.0.4 04 security CVE-1"),
        ("upgrade patch; blocked 8.0.5", (Redis, "8.0.3"), "x86_64", "8.0.4 04 patch "),
        ("upgrade security; blocked 8.0.5", (Redis, "8.0.3"), "x86_64", ""),
        ("upgrade security", (Redis, "8.0.3"), "x86_64", "8.0.5 05 security CVE-1,CVE-2"),
        ("upgrade none", (Redis, "8.0.3"), "x86_64", ""),
        ("upgrade patch", (Redis, "8.0.2"), "aarch64", "8.0.4 a4 security CVE-1"),
        ("upgrade patch", (Redis, "8.0.5"), "x86_64", ""),
        ("upgrade patch", (Redis, "7.4.0"), "x86_64", ""),
        ("upgrade patch", (Valkey, "8.0.2"), "x86_64", "8.0.9 09 patch "),
        ("upgrade patch", (Redis, "8.0.2"), "riscv64", ""),
    ] {
        assert_eq!(said(settings, runs, arch), expected, "{settings} {runs:?} {arch}");
    }
}

#[test]
fn what_is_old_expired_or_of_another_layout_is_not_believed() {
    let read = |text: &str, seen, now| Published::read(text.as_bytes(), seen, at(now)).map(|read| read.serial);
    let now = "2026-11-23T00:00:00Z";
    assert_eq!(read(CATALOG, 7, now), Ok(7));
    assert_eq!(read(CATALOG, 8, now), Err(NotBelieved::Older { serial: 7, seen: 8 }));
    assert_eq!(read(CATALOG, 0, "2027-01-01T00:00:00Z"), Err(NotBelieved::Expired(at("2027-01-01T00:00:00Z"))));
    assert_eq!(read(r#"{"schema": 2, "anything": []}"#, 0, now), Err(NotBelieved::OtherSchema(2)));
    let cut = read(&CATALOG[..CATALOG.len() - 2], 0, now).expect_err("it is cut off");
    assert!(matches!(cut, NotBelieved::Unreadable(_)), "{cut}");
}

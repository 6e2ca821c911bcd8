//! Holes of releases and of packages.

use justmanage_model::Engine::{Redis, Valkey};

use super::*;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn of(engine: Engine, text: &str, package: Option<&str>) -> Vulnerabilities {
    let package = package.map(|package| package.parse().unwrap());
    vulnerabilities(&Release { package, ..Release::new(engine, version(text)) })
}

/// "CVE-... fix", in order.
fn known(engine: Engine, text: &str, package: Option<&str>) -> Vec<String> {
    match of(engine, text, package) {
        Vulnerabilities::Known(holes) => holes
            .iter()
            .map(|hole| hole.to_string().replace(" (fixed in ", " "))
            .map(|text| text.replace(')', ""))
            .collect(),
        other => panic!("{engine} {text}: {other:?}"),
    }
}

#[test]
fn later_patches_of_the_line_tell_what_earlier_ones_have() {
    assert_eq!(known(Redis, "8.2.8", None), ["CVE-2026-62356 8.2.9", "CVE-2026-81934 8.2.9"]);
    // The first that closes it, where two name it.
    assert!(known(Redis, "7.4.3", None).contains(&"CVE-2025-27151 7.4.4".to_owned()));
    assert!(!known(Redis, "7.4.4", None).iter().any(|hole| hole.starts_with("CVE-2025-27151")));
    let Vulnerabilities::Known(holes) = of(Redis, "7.2.5", None) else { panic!("known") };
    let lua = holes.iter().find(|hole| hole.cve == "CVE-2025-49844").expect("the hole in Lua");
    assert_eq!((lua.fixed_in, lua.urgency), (Some(version("7.2.11")), Some(Urgency::Security)));
}

#[test]
fn the_newest_patch_of_a_line_that_is_kept_up_has_none() {
    for (engine, newest) in [(Redis, "7.2.16"), (Redis, "8.10.1"), (Valkey, "8.0.11"), (Valkey, "9.1.2")] {
        assert_eq!(known(engine, newest, None), [""; 0], "{engine} {newest}");
        // One that is newer than the catalogue, too.
        let newer = engine_next(newest);
        assert_eq!(known(engine, &newer, None), [""; 0], "{engine} {newer}");
    }
}

fn engine_next(text: &str) -> String {
    let version = version(text);
    version.line().patch(version.patch + 1).to_string()
}

#[test]
fn a_line_without_fixes_has_what_its_neighbours_on_both_sides_had() {
    // 8.0 ended in February 2026; 7.4 and 8.2 were fixed in May, July and August.
    assert_eq!(
        known(Redis, "8.0.6", None),
        [
            "CVE-2026-23479 8.2.6",
            "CVE-2026-23631 8.2.6",
            "CVE-2026-25243 8.2.6",
            "CVE-2026-66373 8.2.8",
            "CVE-2026-81934 8.2.9"
        ]
    );
    // CVE-2026-62356 is fixed in 8.2 and above only: nobody knows whether 8.0 has it. CVE-2025-62507 came with 8.2.
    assert!(!known(Redis, "8.0.0", None).iter().any(|hole| hole.contains("62356") || hole.contains("62507")));
    // 8.8 and 8.10 began after the fix of July, or have it without saying so.
    assert!(!known(Redis, "8.8.1", None).iter().any(|hole| hole.contains("66373")));
}

#[test]
fn a_version_whose_line_has_ended_has_what_packages_of_it_had_to_fix() {
    let holes = known(Redis, "7.0.15", None);
    for expected in [
        "CVE-2024-31227 7.2.6",
        "CVE-2025-49844 7.2.11",
        "CVE-2025-67733 7.2.13",
        "CVE-2026-81934 7.2.16",
        "CVE-2026-92925 (no release is known to fix it",
    ] {
        assert!(holes.iter().any(|hole| hole == expected), "{expected}: {holes:?}");
    }
    // The unblocking of clients was written for 7.2: no package of 7.0 had to mend it.
    assert!(!holes.iter().any(|hole| hole.contains("23479")), "{holes:?}");
    let older = known(Redis, "7.0.12", None);
    assert!(older.contains(&"CVE-2023-41056 7.0.15".to_owned()) && older.len() > holes.len(), "{older:?}");
}

#[test]
fn the_revision_of_a_package_tells_what_it_closed() {
    let debian = |revision: &str| format!("5:7.0.15-1~deb12u{revision}");
    assert_eq!(known(Redis, "7.0.15", Some(&debian("10"))), [""; 0], "the newest of Debian 12");
    assert_eq!(
        known(Redis, "7.0.15", Some(&debian("9"))),
        ["CVE-2026-81934 5:7.0.15-1~deb12u10", "CVE-2026-92925 5:7.0.15-1~deb12u10"]
    );
    assert_eq!(known(Redis, "7.0.15", Some(&debian("9+b1"))).len(), 2, "rebuilt");
    assert_eq!(known(Redis, "7.0.15", Some(&debian("1"))).len(), known(Redis, "7.0.15", None).len());
    // Ubuntu closes less in the open part of its archive.
    let ubuntu = known(Redis, "7.0.15", Some("5:7.0.15-1ubuntu0.24.04.5"));
    assert!(ubuntu.contains(&"CVE-2025-46817 7.2.11".to_owned()) && !ubuntu.iter().any(|hole| hole.contains("81934")));
    // Redis does not call this one a hole, and Debian left it.
    assert_eq!(known(Redis, "8.0.2", Some("5:8.0.2-3+deb13u3")), ["CVE-2025-46686 8.0.4"], "the newest of Debian 13");
    let valkey = known(Valkey, "8.1.1", Some("8.1.1+dfsg1-3+deb13u2"));
    assert_eq!(valkey.first().map(String::as_str), Some("CVE-2026-23479 8.1.7"));
    assert_eq!(known(Valkey, "8.0.1", Some("8.0.1+dfsg1-1~bpo12+1")), known(Valkey, "8.0.1", None), "nothing mended");
}

#[test]
fn of_packages_that_nobody_looked_at_nothing_is_said() {
    let unknown =
        ["7.0.15-4.el9", "5:7.0.15-1ubuntu0.24.04.4+esm1", "5:7.0.15-1~deb12u", "5:7.0.15-1~deb12u0", "5:7.0.15-1"];
    for package in unknown {
        let Vulnerabilities::NotKnown { why, perhaps } = of(Redis, "7.0.15", Some(package)) else {
            panic!("{package} is not known")
        };
        assert!(why.contains(package), "{why}");
        assert!(perhaps.iter().any(|hole| hole.cve == "CVE-2026-81934"), "{package}");
        assert!(of(Redis, "7.0.15", Some(package)).certain().is_empty());
    }
    // The prefix of one version with the number of another.
    assert!(matches!(of(Redis, "7.2.5", Some("5:7.0.15-1~deb12u10")), Vulnerabilities::NotKnown { .. }));
    // Nothing to close, nothing to ask.
    assert_eq!(known(Redis, "7.2.16", Some("7.2.16-1.fc44")), [""; 0]);
}

#[test]
fn a_revision_newer_than_the_catalogue_has_at_least_what_earlier_ones_have() {
    assert_eq!(known(Redis, "7.0.15", Some("5:7.0.15-1~deb12u11")), [""; 0]);
    let Vulnerabilities::NotKnown { why, perhaps } = of(Valkey, "8.1.1", Some("8.1.1+dfsg1-3+deb13u3")) else {
        panic!("what it closes is not known")
    };
    assert!(why.contains("newer than 8.1.1+dfsg1-3+deb13u2"), "{why}");
    let perhaps: Vec<_> = perhaps.iter().map(|hole| hole.cve).collect();
    assert!(perhaps.contains(&"CVE-2026-25243") && !perhaps.contains(&"CVE-2026-21863"), "{perhaps:?}");
}

#[test]
fn of_lines_that_are_not_in_the_catalogue_nothing_is_said() {
    let Vulnerabilities::NotKnown { why, perhaps } = of(Redis, "6.2.14", None) else { panic!("not known") };
    assert!(why.contains("redis 6.2"), "{why}");
    assert!(perhaps.is_empty());
}

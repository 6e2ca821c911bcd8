//! Engines, versions, lines, targets, artefacts.

use justmanage_model::{Artefact, Engine, Line, PackageRevision, Release, ReleaseTarget, Version};

use crate::{fault, is_spelt, json_refuses, survives_json};

#[test]
fn each_has_one_spelling() {
    is_spelt::<Engine>("redis");
    is_spelt::<Engine>("valkey");
    for version in ["0.0.0", "7.0.15", "10.20.30", "65535.0.1"] {
        is_spelt::<Version>(version);
        is_spelt::<ReleaseTarget>(version);
    }
    is_spelt::<Line>("8.10");
    is_spelt::<ReleaseTarget>("8.10");
    is_spelt::<PackageRevision>("5:7.0.15-1~deb12u10");
    for (text, hint) in [
        ("", "Write a line"),
        ("7", "such as \"7.0\""),
        ("7.0.15.1", "Write a line"),
        ("v7.0.15", "Write a line"),
        ("7.0.x", "Write a line"),
        ("07.0.1", "Write a line"),
        ("7.00", "Write a line"),
        ("7.0.", "Write a line"),
        ("7.0.65536", "Write a line"),
        ("latest", "Write a line"),
        (" 7.0", "Write a line"),
    ] {
        let said = fault::<ReleaseTarget>(text);
        assert!(said.hint.contains(hint), "{text:?}: {said}");
        json_refuses::<ReleaseTarget>(text);
    }
    fault::<Engine>("Redis");
    fault::<PackageRevision>("a b");
    fault::<PackageRevision>("");
}

#[test]
fn versions_sort_by_number() {
    let mut versions: Vec<Version> = ["8.10.0", "8.2.9", "7.0.15", "8.2.10"].map(|text| text.parse().unwrap()).to_vec();
    versions.sort();
    let sorted: Vec<String> = versions.iter().map(ToString::to_string).collect();
    assert_eq!(sorted, ["7.0.15", "8.2.9", "8.2.10", "8.10.0"]);
}

#[test]
fn targets_admit_what_they_name() {
    let version = |text: &str| text.parse::<Version>().unwrap();
    let target = |text: &str| text.parse::<ReleaseTarget>().unwrap();
    assert_eq!(target("7.2"), ReleaseTarget::LatestPatch(Line::new(7, 2)));
    assert_eq!(target("7.2.5"), ReleaseTarget::Exactly(Version::new(7, 2, 5)));
    for (asked, had, admitted) in [
        ("7.2", "7.2.5", true),
        ("7.2", "7.2.0", true),
        ("7.2", "7.20.5", false),
        ("7.2.5", "7.2.5", true),
        ("7.2.5", "7.2.6", false),
    ] {
        assert_eq!(target(asked).admits(version(had)), admitted, "{asked} {had}");
    }
    assert_eq!(target("7.2.5").line(), target("7.2").line());
}

#[test]
fn a_running_server_does_not_know_its_package() {
    let release = |package: Option<&str>| Release {
        package: package.map(|text| text.parse().unwrap()),
        ..Release::new(Engine::Redis, Version::new(7, 0, 15))
    };
    let (plain, old, new) = (release(None), release(Some("5:7.0.15-1")), release(Some("5:7.0.15-2")));
    assert!(plain.agrees_with(&old) && old.agrees_with(&plain) && old.agrees_with(&old));
    assert!(!old.agrees_with(&new));
    assert!(!plain.agrees_with(&Release::new(Engine::Valkey, Version::new(7, 0, 15))));
    assert!(!plain.agrees_with(&Release::new(Engine::Redis, Version::new(7, 0, 14))));
    assert_eq!(old.to_string(), "redis 7.0.15 (5:7.0.15-1)");
    survives_json(&old);
}

#[test]
fn artefacts_are_absolute_and_pinned() {
    let digest = "0a".repeat(32);
    let artefact = Artefact::new("/usr/bin/redis-server", digest.clone()).unwrap();
    survives_json(&artefact);
    assert_eq!((artefact.server().to_str(), artefact.sha256()), (Some("/usr/bin/redis-server"), digest.as_str()));
    assert!(Artefact::new("bin/redis-server", digest.clone()).is_err());
    assert!(Artefact::new("/usr/bin/redis-server", "0A".repeat(32)).is_err());
    let bad = serde_json::json!({ "server": "redis-server", "sha256": digest });
    assert!(serde_json::from_value::<Artefact>(bad).is_err());
}

#[test]
fn a_program_of_another_version_is_not_the_packages() {
    let package = |text: &str| text.parse::<PackageRevision>().expect("a revision");
    let version = Version::new(7, 0, 15);
    for fits in ["5:7.0.15-1~deb12u10", "7.0.15", "7.0.15+dfsg1-1", "6:7.0.15-1rl1~bookworm1"] {
        assert!(package(fits).is_of(version), "{fits}");
    }
    for other in ["5:7.0.14-1", "5:7.0.151-1", "5:7.0.15.1-1", "15:7.0.1-1", "7.2.5"] {
        assert!(!package(other).is_of(version), "{other}");
    }
}

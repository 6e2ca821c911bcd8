//! The catalogue: its shape, and the answers from it.

use justmanage_model::Engine::{Redis, Valkey};

use super::*;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn catalogue_is_well_formed() {
    for engine in Engine::ALL {
        let lines = lines(engine);
        assert!(lines.is_sorted() && lines.len() >= 4, "{engine}: {lines:?}");
        for entry in entries(engine) {
            assert!(!entry.releases.is_empty(), "{engine} {}", entry.line);
            for (patch, release) in entry.releases.iter().enumerate() {
                let at = format!("{engine} {}", release.version);
                assert_eq!(
                    release.version,
                    entry.line.patch(u16::try_from(patch).unwrap()),
                    "every patch, in order: {at}"
                );
                assert!(release.date <= as_of(), "{at} is not from the future: {}", release.date);
                assert!(release.cves.iter().all(|cve| cve.starts_with("CVE-20")), "{at}: {:?}", release.cves);
            }
        }
    }
}

#[test]
fn lines_that_are_offered() {
    let text = |engine| lines(engine).iter().map(Line::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(text(Redis), "7.0 7.2 7.4 8.0 8.2 8.4 8.6 8.8 8.10");
    assert_eq!(text(Valkey), "8.0 8.1 9.0 9.1");
    assert_eq!(newest_line(Redis), Line::new(8, 10));
}

#[test]
fn questions_have_answers() {
    assert_eq!(latest_patch(Redis, Line::new(7, 0)), Some(version("7.0.15")));
    assert_eq!(latest_patch(Redis, Line::new(6, 2)), None);
    assert!(is_known(Valkey, version("8.0.1")) && !is_known(Valkey, version("8.0.99")));
    assert_eq!(end_of_life(Redis, Line::new(7, 0)), Some(jiff::civil::date(2024, 7, 29)));
    assert_eq!(end_of_life(Redis, Line::new(8, 10)), None);
    assert_eq!(released(Redis, version("7.2.6")), Some((jiff::civil::date(2024, 10, 2), Some(Urgency::Security))));
}

#[test]
fn fixes_of_packages_have_a_source_and_are_of_releases_that_there_are() {
    let mut series = 0;
    for engine in Engine::ALL {
        for entry in package_series(engine) {
            series += 1;
            let at = &entry.prefix;
            assert!(is_known(engine, entry.version), "{at}");
            assert!(at.contains(&entry.version.to_string()) && !at.ends_with(|c: char| c.is_ascii_digit()), "{at}");
            assert!(entry.source.contains("changelog") && !entry.revisions.is_empty(), "{at}: {}", entry.source);
            let cves: Vec<_> = entry.revisions.iter().flatten().collect();
            assert!(cves.iter().all(|cve| cve.starts_with("CVE-20")), "{at}");
            let once: std::collections::BTreeSet<_> = cves.iter().collect();
            assert_eq!(once.len(), cves.len(), "{at}: a hole is closed once");
        }
    }
    assert_eq!(series, 5);
}

#[test]
fn an_engine_is_known_by_its_name_and_a_slip_is_named() {
    for (name, near) in [("valky", Some("valkey")), ("Redis", Some("redis")), ("memcached", None)] {
        let failure = check_engine(name).expect_err("no engine");
        assert_eq!(failure.about, FieldPath::of("engine"));
        let hint = failure.hint.expect("what there is");
        assert!(hint.contains("\"redis\" and \"valkey\""), "{hint}");
        assert_eq!(hint.contains("Did you mean"), near.is_some(), "{hint}");
        assert!(near.is_none_or(|near| hint.ends_with(&format!("\"{near}\"?"))), "{hint}");
    }
    assert_eq!(check_engine("valkey"), Ok(Valkey));
}

#[test]
fn targets_are_checked() {
    let check = |engine, text: &str| check_target(engine, text.parse().unwrap()).map(|f| (f.summary, f.hint.unwrap()));
    for (engine, fine) in [(Redis, "7.0"), (Redis, "7.0.15"), (Redis, "8.10.7"), (Valkey, "8.0"), (Valkey, "9.1.2")] {
        assert_eq!(check(engine, fine), None, "{engine} {fine}");
    }
    let cases = [
        (Redis, "6.2", "Version line not offered", "Lines of redis are 7.0, 7.2, 7.4, 8.0, 8.2, 8.4, 8.6, 8.8, 8.10."),
        (Redis, "9.1", "Version line not offered", "(9.1 is a line of valkey: is that the engine you mean?)"),
        (Valkey, "8.3", "Version line not offered", "Did you mean \"8.0\"?"),
        (Valkey, "7.4.1", "Version line not offered", "(7.4 is a line of redis: is that the engine you mean?)"),
    ];
    for (engine, target, summary, hint) in cases {
        let (said, given) = check(engine, target).unwrap_or_else(|| panic!("{engine} {target} is a fault"));
        assert_eq!(said, summary);
        assert!(given.contains(hint), "{engine} {target}: {given}");
    }
}

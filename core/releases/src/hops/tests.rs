//! The ways between releases, and the shape of the tables.

use justmanage_model::PackageRevision;

use super::matrix::Matrix;
use super::*;

fn release(text: &str) -> Release {
    let (engine, version) = text.split_once(' ').unwrap();
    Release::new(engine.parse().unwrap(), version.parse().unwrap())
}

/// What a hop takes, in words; or that there is none.
fn takes(from: &Release, to: &Release) -> String {
    match hop(from, to) {
        Ok(hop) => [(hop.empties, "empties"), (hop.refuses_field_ttls, "refuses field TTLs")]
            .into_iter()
            .filter_map(|(is, word)| is.then_some(word))
            .collect::<Vec<_>>()
            .join(", "),
        Err(_) => "no".to_owned(),
    }
}

#[test]
fn what_a_hop_takes() {
    for (from, to, wanted) in [
        // Patches of one line: measured, and not.
        ("redis 8.0.2", "redis 8.0.6", ""),
        ("redis 8.0.6", "redis 8.0.2", "empties"),
        ("redis 7.2.4", "redis 7.2.16", ""),
        ("redis 7.2.16", "redis 7.2.4", "empties"),
        ("redis 8.4.1", "redis 8.4.6", ""),
        ("redis 8.10.1", "redis 8.10.0", "empties"),
        ("valkey 9.0.0", "valkey 9.0.6", ""),
        ("valkey 9.1.0", "valkey 9.1.2", ""),
        ("valkey 9.1.2", "valkey 9.1.0", "empties"),
        // Higher lines of Redis: those that were measured, from patches that were and were not.
        ("redis 7.0.15", "redis 7.2.4", ""),
        ("redis 7.0.3", "redis 7.4.11", ""),
        ("redis 7.0.15", "redis 8.6.6", ""),
        ("redis 7.4.1", "redis 8.2.9", ""),
        ("redis 8.2.3", "redis 8.6.3", ""),
        ("redis 8.2.3", "redis 8.4.0", "no"),
        ("redis 8.4.0", "redis 8.6.3", "no"),
        ("redis 8.6.3", "redis 8.8.0", "no"),
        ("redis 8.6.3", "redis 8.10.1", "no"),
        // Lower lines of Redis.
        ("redis 8.2.3", "redis 7.4.1", "empties"),
        ("redis 8.0.6", "redis 7.4.11", "empties"),
        ("redis 7.4.1", "redis 7.2.4", "no"),
        ("redis 7.2.4", "redis 7.0.15", "no"),
        ("redis 8.6.3", "redis 8.2.3", "no"),
        // From Redis to Valkey: only from before Redis 7.4.
        ("redis 7.0.15", "valkey 8.0.1", ""),
        ("redis 7.2.16", "valkey 8.1.10", ""),
        ("redis 7.2.4", "valkey 9.1.2", ""),
        ("redis 7.4.1", "valkey 8.0.1", "no"),
        ("redis 7.4.1", "valkey 9.1.2", "no"),
        ("redis 8.6.3", "valkey 9.1.2", "no"),
        // Valkey.
        ("valkey 8.0.1", "valkey 8.1.1", ""),
        ("valkey 8.1.10", "valkey 9.0.6", ""),
        ("valkey 8.0.11", "valkey 9.1.2", ""),
        ("valkey 9.0.0", "valkey 9.1.2", ""),
        ("valkey 8.1.1", "valkey 8.0.1", "empties"),
        ("valkey 9.1.2", "valkey 9.0.0", "empties"),
        ("valkey 9.1.2", "valkey 8.1.10", "empties, refuses field TTLs"),
        ("valkey 9.0.0", "valkey 8.1.1", "no"),
        // From Valkey to Redis: no further than 7.4, and the files never.
        ("valkey 8.0.1", "redis 7.2.4", "empties"),
        ("valkey 8.1.1", "redis 7.4.1", "empties"),
        ("valkey 9.1.2", "redis 7.2.16", "empties, refuses field TTLs"),
        ("valkey 9.1.2", "redis 7.0.15", "no"),
        ("valkey 9.1.2", "redis 8.0.6", "no"),
        ("valkey 8.0.1", "redis 8.6.3", "no"),
        ("valkey 9.0.0", "redis 7.2.4", "no"),
    ] {
        assert_eq!(takes(&release(from), &release(to)), wanted, "{from} -> {to}");
    }
}

#[test]
fn another_package_of_a_version_takes_nothing() {
    let package = |text: &str| -> Option<PackageRevision> { Some(text.parse().unwrap()) };
    let old = Release { package: package("5:7.0.15-1~deb12u7"), ..release("redis 7.0.15") };
    let new = Release { package: package("5:7.0.15-1~deb12u10"), ..release("redis 7.0.15") };
    for (from, to) in [(&old, &new), (&new, &old), (&new, &new), (&release("redis 8.10.0"), &release("redis 8.10.0"))] {
        assert_eq!(takes(from, to), "", "{from} -> {to}");
    }
    assert_eq!(takes(&new, &release("valkey 9.1.2")), "", "a package says nothing about the ways between versions");
}

#[test]
fn a_refusal_says_why_and_what_can_be_done() {
    let second = |line: &str| {
        format!("make a second cluster of {line} and write the data into it with a client that reads this one.")
    };
    for (from, to, why, instead) in [
        (
            "redis 7.4.1",
            "valkey 9.1.2",
            "A node of valkey 9.1.2 cannot copy the data of a node of redis 7.4.1. This was measured.",
            format!("There is no way over other releases either: {}", second("valkey 9.1")),
        ),
        (
            "redis 7.4.6",
            "valkey 8.1.10",
            "A node of valkey 8.1.10 cannot copy the data of a node of redis 7.4.6. This was measured with redis 7.4.1 and \
             valkey 8.1.1.",
            format!("There is no way over other releases either: {}", second("valkey 8.1")),
        ),
        (
            "valkey 9.0.0",
            "valkey 8.1.8",
            "A node of valkey 8.1.8 cannot copy the data of a node of valkey 9.0.0. This was measured.",
            "Go to valkey 9.1 first.".to_owned(),
        ),
        (
            "valkey 9.1.2",
            "redis 8.6.3",
            "In a cluster that goes from valkey 9.1.2 to redis 8.6.3, replicas do not get the votes to take over, or nodes do \
             not start again. This was measured.",
            "Go to redis 7.2 first.".to_owned(),
        ),
        (
            "redis 7.2.16",
            "redis 8.4.6",
            "Nobody measured whether a cluster can go from redis 7.2.16 to redis 8.4.6: there was no redis 8.4 to measure \
             with. Just Manage goes only where the way was measured.",
            format!("From here, a cluster can go to redis 7.4, 8.0, 8.2 or 8.6. Or {}", second("redis 8.4")),
        ),
        (
            "redis 8.8.0",
            "redis 8.10.0",
            "Nobody measured whether a cluster can go from redis 8.8.0 to redis 8.10.0: there was no redis 8.8 and no redis \
             8.10 to measure with. Just Manage goes only where the way was measured.",
            format!("There is no way over other releases either: {}", second("redis 8.10")),
        ),
    ] {
        let no = hop(&release(from), &release(to)).unwrap_err();
        assert_eq!((no.why.as_str(), no.instead), (why, instead), "{from} -> {to}");
    }
}

/// The first step of a longer way, and each after it, is a hop: else the advice would be wrong.
#[test]
fn every_way_that_is_told_can_be_gone() {
    let mut longer = 0;
    for (from, to) in offered().flat_map(|from| offered().map(move |to| (from.clone(), to))) {
        let stops = way(&from, &to);
        if hop(&from, &to).is_ok() || stops.is_empty() {
            continue;
        }
        longer += 1;
        let all = [&[from], &stops[..], &[to]].concat();
        for step in all.windows(2) {
            assert!(hop(&step[0], &step[1]).is_ok(), "{} -> {}", step[0], step[1]);
        }
    }
    assert!(longer > 0, "no pair has a longer way: then nothing was tried here");
}

#[test]
fn the_tables_are_whole() {
    let matrix = &*MATRIX;
    assert!(matrix.measured >= jiff::civil::date(2026, 11, 22));
    let sorted = matrix.releases.is_sorted_by_key(|release| (release.engine, release.version));
    assert!(sorted && matrix.releases.len() >= 12, "{:?}", matrix.releases);
    for from in 0..matrix.releases.len() {
        for to in 0..matrix.releases.len() {
            let cell = |table| matrix.cell(table, Pair { from, to });
            let at = format!("{} -> {}", matrix.releases[from], matrix.releases[to]);
            for table in Table::ALL {
                let release = &matrix.releases[from];
                let knows_field_ttls = release.version.line()
                    >= if release.engine == Engine::Redis { Line::new(7, 4) } else { Line::new(9, 0) };
                let was_tried = match table {
                    Table::Copies | Table::Files | Table::NodesConf => true,
                    Table::FieldTtls => knows_field_ttls,
                    Table::Votes => from != to && cell(Table::Copies) == Some(true),
                };
                assert_eq!(cell(table).is_some(), was_tried, "{at}: {table:?}");
            }
            if cell(Table::FieldTtls) == Some(true) {
                assert_eq!(cell(Table::Copies), Some(true), "{at}: more data, but not less");
            }
            if from == to {
                for table in [Table::Copies, Table::Files, Table::NodesConf] {
                    assert_eq!(
                        cell(table),
                        Some(true),
                        "{at}: a release understands itself, or what measured is broken"
                    );
                }
            }
        }
    }
}

/// What the rule about patches rests on: see the module's text.
#[test]
fn patches_of_one_line_that_were_measured_all_get_along() {
    let mut pairs = 0;
    for (from, one) in MATRIX.releases.iter().enumerate() {
        for (to, other) in MATRIX.releases.iter().enumerate() {
            if from != to && one.engine == other.engine && one.version.line() == other.version.line() {
                pairs += 1;
                for table in [Table::Copies, Table::Files, Table::NodesConf, Table::Votes] {
                    assert_eq!(MATRIX.cell(table, Pair { from, to }), Some(true), "{one} -> {other}: {table:?}");
                }
            }
        }
    }
    assert!(pairs >= 8, "{pairs}");
}

#[test]
fn a_file_that_is_not_whole_is_refused() {
    let file = |releases: &str, rows: &str| {
        let tables =
            ["copies", "field_ttls", "files", "nodes_conf", "votes"].map(|table| format!("\"{table}\": {rows}"));
        format!("{{\"schema\": 1, \"measured\": \"2026-11-22\", \"releases\": {releases}, {}}}", tables.join(", "))
    };
    assert!(Matrix::read(&file(r#"["redis 7.0.15 (5:7.0.15-1~deb12u10)"]"#, r#"["+"]"#)).is_ok());
    for (releases, rows) in [
        (r#"["redis 7.0.15"]"#, r#"["++"]"#),
        (r#"["redis 7.0.15"]"#, r#"[]"#),
        (r#"["redis 7.0.15"]"#, r#"["?"]"#),
        (r#"["redis"]"#, r#"["+"]"#),
        (r#"["redis 7.0"]"#, r#"["+"]"#),
        (r#"["redis 7.0.15 (1"]"#, r#"["+"]"#),
    ] {
        assert!(Matrix::read(&file(releases, rows)).is_err(), "{releases} {rows}");
    }
}

//! The journal as the agent uses it.

use std::fs;

use justmanage_model::Generation;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("a moment")
}

fn node() -> NodeId {
    NodeId::from_entropy([1; 10])
}

fn open(home: &tempfile::TempDir) -> Journal {
    Journal::open(&Directory::new(home.path()), node()).expect("a journal")
}

fn step(text: &str) -> Draft {
    Draft { what: Event::Step(text.to_owned()), ..Draft::default() }
}

fn steps(journal: &Journal) -> Vec<(u64, String)> {
    let text = |entry: Entry| match entry.what {
        Event::Step(text) => (entry.number, text),
        other => (entry.number, format!("{other:?}")),
    };
    journal.page(0, 0).expect("a page").into_iter().map(text).collect()
}

/// Waits until something is so, for 30 s at most.
fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_written_is_read_at_once_and_after_a_restart() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    let draft = Draft {
        generation: Some(Generation::new(7)),
        who: Who::Agent(node()),
        why: "it had to be".to_owned(),
        outcome: Outcome::Failed("it could not".to_owned()),
        planned: false,
        ..step("restart")
    };
    journal.write(now(), draft);
    let read = journal.page(0, 0).expect("a page");
    let [entry] = &read[..] else { panic!("{read:?}") };
    assert_eq!((entry.number, entry.at, entry.node, entry.generation), (1, now(), node(), Some(Generation::new(7))));
    assert_eq!((entry.why.as_str(), entry.planned), ("it had to be", false));
    drop(journal);
    let journal = open(&home);
    assert_eq!(journal.page(0, 0).expect("a page"), read);
    journal.write(now(), step("again"));
    assert_eq!(steps(&journal), [(1, "restart".to_owned()), (2, "again".to_owned())], "numbers go on");
}

#[test]
fn of_many_writers_every_entry_has_its_own_number_and_none_is_lost() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    thread::scope(|scope| {
        for writer in 0..8 {
            let journal = &journal;
            scope.spawn(move || (0..50).for_each(|turn| journal.write(now(), step(&format!("{writer}.{turn}")))));
        }
    });
    let seen = steps(&journal);
    assert_eq!(seen.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=400).collect::<Vec<_>>());
    drop(journal);
    assert_eq!(steps(&open(&home)), seen, "on disk in the same order");
}

#[test]
fn a_reader_goes_on_where_it_was() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    (0..2500).for_each(|turn| journal.write(now(), step(&turn.to_string())));
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = journal.page(after, 0).expect("a page");
        assert!(page.len() <= 1000);
        let Some(last) = page.last() else { break };
        after = last.number;
        seen.extend(page.iter().map(|entry| entry.number));
    }
    assert_eq!(seen, (1..=2500).collect::<Vec<_>>());
    assert_eq!(journal.page(2, 3).expect("a page").iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn a_disk_that_takes_nothing_is_tried_again_and_nobody_waits_for_it() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    let folder = home.path().join(FOLDER);
    journal.write(now(), step("before"));
    wait_until("the first entry is on disk", || journal.shared.desk().waiting.is_empty());
    // Another day needs another file, and there is no folder for it.
    fs::remove_dir_all(&folder).expect("removed");
    let tomorrow = now() + Duration::from_secs(86_400);
    let begin = Instant::now();
    journal.write(tomorrow, step("meanwhile"));
    assert!(begin.elapsed() < Duration::from_millis(500), "writing does not wait");
    fs::create_dir(&folder).expect("a folder");
    wait_until("the disk has it", || fs::read_dir(&folder).expect("a folder").count() == 1);
    wait_until("it is written", || journal.shared.desk().waiting.is_empty());
    assert_eq!(steps(&journal), [(2, "meanwhile".to_owned())]);
}

#[test]
fn entries_that_a_dead_disk_cannot_take_are_bounded_and_counted() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    let folder = home.path().join(FOLDER);
    fs::remove_dir_all(&folder).expect("removed");
    (0..WAITING_MAX + 5).for_each(|_| journal.write(now(), step("x")));
    assert_eq!(journal.shared.desk().waiting.len(), WAITING_MAX);
    assert_eq!(journal.tally().not_kept(), 5);
    let begin = Instant::now();
    drop(journal);
    assert!(begin.elapsed() < FAREWELL + Duration::from_secs(5), "the end does not wait for the disk either");
}

#[test]
fn what_happened_is_counted_by_kind() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    journal.write(now(), step("one"));
    journal.write(now(), Draft { outcome: Outcome::Failed("no".to_owned()), ..step("two") });
    journal.write(now(), Draft { what: Event::Down, planned: false, ..Draft::default() });
    let tally = journal.tally();
    let expected = [("down", false, false, 1), ("step", true, false, 1), ("step", true, true, 1)];
    assert_eq!(tally.events().filter(|(_, _, _, count)| *count > 0).collect::<Vec<_>>(), expected);
    assert!(tally.events().any(|event| event == ("started_empty", false, false, 0)), "what has not happened is a zero");
    assert_eq!((tally.failed("step"), tally.failed("down"), tally.not_kept()), (1, 0, 0));
}

#[test]
fn kinds_are_called_as_in_json() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    let events = [
        Event::AgentStarted,
        Event::Up,
        Event::Down,
        Event::Promoted,
        Event::Demoted,
        Event::RecordChanged(Vec::new()),
        Event::Step(String::new()),
        Event::StartedEmpty,
        Event::Leader(None),
    ];
    for what in events {
        let json = serde_json::to_string(&what).expect("json");
        let before = journal.tally();
        journal.write(now(), Draft { what, ..Draft::default() });
        let tally = journal.tally();
        assert_eq!(before.events().count(), tally.events().count(), "no kind is new");
        let new = tally.events().find(|event| !before.events().any(|old| old == *event)).expect("one more");
        assert!(json.contains(&format!("\"{}\"", new.0)), "{json} {}", new.0);
    }
}

#[test]
fn long_texts_are_cut_between_characters() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    let long = "ü".repeat(5000);
    let draft = Draft { why: long.clone(), note: long.clone(), outcome: Outcome::Failed(long.clone()), ..step(&long) };
    journal.write(now(), draft);
    let entry = journal.page(0, 1).expect("a page").remove(0);
    for text in [&entry.why, &entry.note] {
        assert_eq!(text.chars().count(), 2001);
        assert!(text.ends_with("ü…"));
    }
    assert!(serde_json::to_string(&entry).expect("json").len() < 20_000);
}

fn record(generation: u64, phase: &str) -> Record {
    let record = serde_json::json!({
        "layout": 1, "epoch": "0101010101010101", "generation": generation, "cluster": "jmc0000000000000000",
        "name": "cache", "phase": phase, "unclaimed": false,
        "spec": {
            "engine": "redis", "version": "7.0", "shards": 1, "replicas_per_shard": 0, "memory": 1 << 26,
            "config": {}, "place": "local",
        },
        "release": { "engine": "redis", "version": "7.0.15", "package": null },
        "artefact": { "server": "/usr/bin/redis-server", "sha256": "0".repeat(64) },
        "operators": [], "members": {}, "users": {}, "ca_certificate": null, "grant": null,
    });
    serde_json::from_value(record).expect("a Record")
}

#[test]
fn what_an_operator_proposed_is_told_with_their_words_and_what_became_of_it() {
    let home = tempfile::tempdir().expect("a directory");
    let journal = open(&home);
    let operator = Pin::from_digest([3; 32]);
    let words = || ("no longer needed".to_owned(), "OPS-7".to_owned());
    let (first, second) = (record(1, "formed"), record(2, "leaving"));
    journal.proposed(now(), operator, None, &first, words(), &Ok::<_, String>(()));
    journal.proposed(now(), operator, Some(&first), &second, words(), &Err("somebody was first"));
    let mut more = second.clone();
    more.spec.shards = 2;
    more.release.version = "7.2.5".parse().expect("a version");
    journal.proposed(now(), operator, Some(&first), &more, words(), &Ok::<_, String>(()));
    let entries = journal.page(0, 0).expect("a page");
    let told: Vec<_> =
        entries.iter().map(|entry| (entry.what.clone(), entry.generation.map(Generation::get))).collect();
    let changed = |sections: &[&str]| Event::RecordChanged(sections.iter().map(|name| (*name).to_owned()).collect());
    let expected = [
        (changed(&["all"]), Some(1)),
        (changed(&["phase"]), Some(1)),
        (changed(&["phase", "release", "spec"]), Some(2)),
    ];
    assert_eq!(told, expected);
    assert!(entries.iter().all(|entry| entry.who == Who::Operator(operator) && entry.planned));
    assert!(entries.iter().all(|entry| entry.note == "no longer needed" && entry.ticket == "OPS-7"));
    assert_eq!(entries[1].outcome, Outcome::Failed("somebody was first".to_owned()));
    assert_eq!(entries[2].outcome, Outcome::Done);
}

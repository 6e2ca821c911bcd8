//! Files that are cut short, damaged, many, or of a wrong clock.

use justmanage_model::journal::{Outcome, Who};
use justmanage_model::{NodeId, Timestamp};

use super::*;

/// An entry of that number, so many days after the first.
fn entry(number: u64, day: i64) -> Entry {
    Entry {
        number,
        at: Timestamp::from_second(1_795_000_000 + day * 86_400).expect("a moment"),
        node: NodeId::from_entropy([1; 10]),
        generation: None,
        who: Who::Server,
        what: Event::Up,
        why: String::new(),
        outcome: Outcome::Done,
        planned: true,
        note: String::new(),
        ticket: String::new(),
    }
}

/// A folder with these entries, each appended by a writer of its own.
fn folder(entries: &[Entry]) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    for entry in entries {
        append(&home, entry);
    }
    home
}

fn append(home: &tempfile::TempDir, entry: &Entry) {
    let (written, error) = Files::open(home.path()).expect("files").append(std::slice::from_ref(entry));
    assert!(written == 1 && error.is_none(), "{error:?}");
}

fn numbers(home: &tempfile::TempDir, after: u64, limit: usize) -> Vec<u64> {
    read(home.path(), after, limit).expect("entries").iter().map(|entry| entry.number).collect()
}

fn names(home: &tempfile::TempDir) -> Vec<String> {
    let names = list(home.path()).expect("files");
    names.iter().map(|named| named.path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn a_day_has_a_file_and_what_is_read_is_what_was_written() {
    let written = [entry(1, 0), entry(2, 0), entry(3, 1), entry(4, 3)];
    let home = folder(&written);
    assert_eq!(names(&home), ["2026-11-18.1.jsonl", "2026-11-19.3.jsonl", "2026-11-21.4.jsonl"]);
    assert_eq!(read(home.path(), 0, 9).expect("entries"), written);
    assert_eq!(Files::open(home.path()).expect("files").next().expect("a number"), 5);
}

#[test]
fn a_reader_gets_what_comes_after_and_no_more_than_asked() {
    let written: Vec<_> = (1..=9).map(|number| entry(number, number as i64 / 3)).collect();
    let home = folder(&written);
    for (after, limit, expected) in
        [(0, 100, 1..=9), (0, 4, 1..=4), (2, 3, 3..=5), (3, 100, 4..=9), (8, 100, 9..=9), (5, 1, 6..=6)]
    {
        assert_eq!(numbers(&home, after, limit), expected.collect::<Vec<_>>(), "after {after}, at most {limit}");
    }
    assert!(numbers(&home, 9, 100).is_empty() && numbers(&home, u64::MAX, 100).is_empty());
}

#[test]
fn a_torn_last_line_costs_that_line_only() {
    let home = folder(&[entry(1, 0), entry(2, 0)]);
    let path = home.path().join(&names(&home)[0]);
    let whole = fs::read(&path).expect("a file");
    // Cut at every place within the second line; the last of them takes only the line's end away.
    let second = whole.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for length in second..whole.len() {
        fs::write(&path, &whole[..length]).expect("a file");
        let left = if length == whole.len() - 1 { 2 } else { 1 };
        assert_eq!(Files::open(home.path()).expect("files").next().expect("a number"), left + 1);
        append(&home, &entry(left + 1, 0));
        append(&home, &entry(left + 2, 0));
        assert_eq!(numbers(&home, 0, 9), (1..=left + 2).collect::<Vec<_>>(), "cut after {length} bytes");
    }
}

#[test]
fn numbers_go_on_where_a_whole_file_is_damaged() {
    let home = folder(&[entry(1, 0), entry(2, 0), entry(3, 1)]);
    fs::write(home.path().join(&names(&home)[1]), [0xff; 100]).expect("a file");
    assert_eq!(Files::open(home.path()).expect("files").next().expect("a number"), 4);
    append(&home, &entry(4, 1));
    assert_eq!(numbers(&home, 0, 9), [1, 2, 4]);
    // A file that was made, and into which nothing came.
    fs::write(home.path().join("2026-11-30.9.jsonl"), "").expect("a file");
    assert_eq!(Files::open(home.path()).expect("files").next().expect("a number"), 10);
}

#[test]
fn a_clock_that_is_set_back_neither_mixes_nor_deletes() {
    let home = folder(&[entry(1, 5), entry(2, 50_000), entry(3, 5), entry(4, 0), entry(5, 5)]);
    assert_eq!(numbers(&home, 0, 9), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(&home, 3, 9), [4, 5]);
}

#[test]
fn ninety_days_are_kept() {
    let written: Vec<_> = (1..=100).map(|number| entry(number, number as i64)).collect();
    let home = folder(&written);
    assert_eq!(names(&home).len(), 90);
    assert_eq!(numbers(&home, 0, 1000), (11..=100).collect::<Vec<_>>());
}

#[test]
fn what_is_kept_is_bounded_also_within_a_day() {
    let home = tempfile::tempdir().expect("a directory");
    let mut files = Files::open(home.path()).expect("files");
    let long = |number| Entry { why: "x".repeat(64 << 10), ..entry(number, 0) };
    for number in 1..=400 {
        let (written, error) = files.append(&[long(number)]);
        assert!(written == 1 && error.is_none(), "{error:?}");
    }
    let bytes: u64 =
        fs::read_dir(home.path()).expect("a folder").map(|e| e.expect("e").metadata().expect("m").len()).sum();
    assert!(bytes <= BYTES_MAX, "{bytes}");
    assert!(bytes > BYTES_MAX - 3 * FILE_MAX, "no more is deleted than must be: {bytes}");
    let kept = numbers(&home, 0, 1000);
    assert_eq!(kept, (kept[0]..=400).collect::<Vec<_>>(), "the newest, without a gap");
}

#[test]
fn files_of_others_are_left_alone() {
    let home = folder(&[entry(1, 0)]);
    for name in ["notes.txt", "2026-11-18.jsonl", "x.7.jsonl", "2026-11-18.7.jsonl.bak"] {
        fs::write(home.path().join(name), "something").expect("a file");
    }
    assert_eq!(numbers(&home, 0, 9), [1]);
    assert_eq!(Files::open(home.path()).expect("files").next().expect("a number"), 2);
    assert_eq!(fs::read_dir(home.path()).expect("a folder").count(), 5);
}

#[test]
fn what_befell_the_cluster_is_forced_to_disk() {
    let fell = Entry { what: Event::Down, planned: false, ..entry(1, 0) };
    let emptied = Entry { what: Event::StartedEmpty, ..entry(1, 0) };
    assert!(to_be_sure_of(&fell) && to_be_sure_of(&emptied));
    assert!(!to_be_sure_of(&entry(1, 0)));
}

#[test]
fn entries_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().expect("a directory");
    let folder = home.path().join("journal");
    let (written, _) = Files::open(&folder).expect("files").append(&[entry(1, 0)]);
    assert_eq!(written, 1);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("2026-11-18.1.jsonl"))), (0o700, 0o600));
}

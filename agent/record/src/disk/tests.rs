//! Power cuts, a full disk, and what is kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::{CommittedLeaderId, EntryPayload, Membership, RaftLogReader};
use ring::digest;

use super::sectors::Sectors;
use super::{BALLAST_BYTES, DiskError};
use crate::log::Log;
use crate::types::{Entry, LogId, RaftId, Vote, Voter};

/// Numbers that look random, and are the same in each run.
struct Chance(u64, u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.1 += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.1.to_be_bytes());
        let digest = digest::digest(&digest::SHA256, &bytes);
        digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// How long the long tests take, from the environment.
fn limit() -> Duration {
    let seconds = std::env::var("JUSTMANAGE_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

fn entry(term: u64, index: u64) -> Entry {
    Entry { log_id: LogId::new(CommittedLeaderId::new(term, 7), index), payload: EntryPayload::Blank }
}

/// What was acknowledged.
#[derive(Clone, Debug, Default, PartialEq)]
struct Promised {
    vote: Option<Vote>,
    purged: Option<LogId>,
    log: Vec<LogId>,
}

/// One write as the library does it. What it promises is promised when it returns; until then the disk may hold either.
async fn write(log: &mut Log, chance: &mut Chance, promised: &Promised) -> (Promised, bool) {
    let mut next = promised.clone();
    let last = promised.log.last().copied().or(promised.purged);
    let term = promised.vote.map_or(0, |vote| vote.leader_id.term);
    let written = match chance.below(10) {
        0 | 1 => {
            let vote = Vote::new(term + 1, 7);
            next.vote = Some(vote);
            log.save_vote(&vote).await.is_ok()
        }
        2 if promised.log.len() > 3 => {
            let from = promised.log[promised.log.len() - 2];
            next.log.truncate(promised.log.len() - 2);
            log.truncate(from).await.is_ok()
        }
        3 if promised.log.len() > 20 => {
            let upto = promised.log[9];
            (next.purged, next.log) = (Some(upto), promised.log[10..].to_vec());
            log.purge(upto).await.is_ok()
        }
        4 => log.save_committed(last).await.is_ok(),
        _ => {
            let first = last.map_or(0, |last| last.index + 1);
            let entries: Vec<_> = (first..first + 1 + chance.below(3)).map(|index| entry(term, index)).collect();
            next.log.extend(entries.iter().map(|entry| entry.log_id));
            log.blocking_append(entries).await.is_ok()
        }
    };
    (next, written)
}

async fn there(log: &mut Log) -> Promised {
    let state = log.get_log_state().await.expect("a state");
    let entries = log.try_get_log_entries(..).await.expect("entries");
    let found = Promised {
        vote: log.read_vote().await.expect("a vote"),
        purged: state.last_purged_log_id,
        log: entries.iter().map(|entry| entry.log_id).collect(),
    };
    assert_eq!(state.last_log_id, found.log.last().copied().or(found.purged));
    found
}

#[tokio::test]
async fn trap_10_nothing_acknowledged_is_lost_by_a_power_cut() {
    let home = tempfile::tempdir().expect("a directory");
    let begun = Instant::now();
    let (mut cuts, mut writes, mut slowest) = (0, 0, Duration::ZERO);
    while begun.elapsed() < limit() {
        let sectors = Sectors::default();
        let mut chance = Chance(1, cuts << 32);
        let (mut promised, mut tried) = (Promised::default(), None);
        // The same disk through several cuts.
        for _ in 0..10 {
            let opening = Instant::now();
            let disk = sectors.disk(home.path());
            disk.open().unwrap_or_else(|fault| panic!("after {cuts} cuts: {fault}"));
            slowest = slowest.max(opening.elapsed());
            let mut log = Log::new(disk.clone());
            let found = there(&mut log).await;
            assert!(
                found == promised || Some(&found) == tried.as_ref(),
                "after {cuts} cuts: {found:?} of {promised:?}"
            );
            promised = found;
            sectors.cut_in(chance.below(200));
            tried = None;
            for _ in 0..20 {
                let (next, written) = write(&mut log, &mut chance, &promised).await;
                if !written {
                    tried = Some(next);
                    break;
                }
                (promised, writes) = (next, writes + 1);
            }
            disk.close();
            sectors.after_cut(|| chance.below(2) == 0);
            cuts += 1;
        }
        std::fs::remove_file(home.path().join("voted")).unwrap_or_default();
    }
    println!("{cuts} power cuts, {writes} writes, slowest open {slowest:?}");
    assert!(writes > cuts, "the power lasted for some writes");
}

#[tokio::test]
async fn a_full_disk_is_called_full_and_room_is_kept_for_it() {
    let home = tempfile::tempdir().expect("a directory");
    let sectors = Sectors::default();
    let disk = sectors.disk(home.path());
    disk.open().expect("a disk");
    disk.keep_ballast();
    let ballast = home.path().join("record/ballast");
    assert_eq!(std::fs::metadata(&ballast).expect("kept").len(), BALLAST_BYTES as u64);
    let mut log = Log::new(disk.clone());
    log.save_vote(&Vote::new(1, 7)).await.expect("room");
    sectors.full(true);
    log.save_vote(&Vote::new(2, 7)).await.expect_err("no room");
    assert_eq!(disk.fault(), Some(DiskError::Full));
    disk.release_ballast();
    assert!(!ballast.exists());
    sectors.full(false);
    disk.open().expect("room again");
    assert_eq!(disk.fault(), None);
    assert_eq!(log.read_vote().await.expect("a vote"), Some(Vote::new(1, 7)));
}

#[tokio::test]
async fn entries_are_sent_in_batches_that_arrive_in_time() {
    let home = tempfile::tempdir().expect("a directory");
    let disk = Sectors::default().disk(home.path());
    disk.open().expect("a disk");
    let mut log = Log::new(disk);
    let large = |index| {
        // As large as an entry can be; what it says does not matter here.
        let nodes: BTreeMap<RaftId, Voter> = (0..500).map(|id| (id, Voter::default())).collect();
        let membership = Membership::new(vec![[0].into()], nodes);
        Entry { payload: EntryPayload::Membership(membership), ..entry(1, index) }
    };
    log.blocking_append((0..8).map(large)).await.expect("appended");
    let batch = log.limited_get_log_entries(0, 8).await.expect("entries");
    assert!(!batch.is_empty() && batch.len() < 4, "{} of 8", batch.len());
    assert_eq!(log.limited_get_log_entries(7, 8).await.expect("entries").len(), 1, "one is sent however large it is");
    assert_eq!(log.try_get_log_entries(0..8).await.expect("entries").len(), 8);
}

#[tokio::test]
async fn a_file_that_was_left_half_made_is_in_nobodys_way() {
    let home = tempfile::tempdir().expect("a directory");
    let (directory, marker) = (home.path().join("record"), home.path().join("voted"));
    std::fs::create_dir(&directory).expect("a directory");
    // As the library leaves it when it is killed: of the right length, and without its mark.
    std::fs::write(directory.join("record.new"), vec![0; 1 << 20]).expect("a file");
    let disk = super::Disk::new(&directory, marker.clone()).expect("a directory");
    disk.open().expect("a new file");
    let mut log = Log::new(disk.clone());
    log.save_vote(&Vote::new(3, 7)).await.expect("written");
    disk.close();
    assert!(!directory.join("record.new").exists());
    let disk = super::Disk::new(&directory, marker).expect("a directory");
    disk.open().expect("the same file");
    assert_eq!(Log::new(disk).read_vote().await.expect("a vote"), Some(Vote::new(3, 7)));
}

/// What is on disk as the kernel has it at this moment: what the next process finds if this one is killed now.
fn killed_now(directory: &std::path::Path, home: &std::path::Path) -> super::Disk {
    let found = home.join("found");
    std::fs::create_dir(&found).expect("a directory");
    for file in std::fs::read_dir(directory).expect("the directory") {
        let file = file.expect("a file").path();
        std::fs::copy(&file, found.join(file.file_name().expect("a name"))).expect("copied");
    }
    let disk = super::Disk::new(&found, home.join("voted")).expect("a directory");
    disk.open().expect("the files of a process that was killed");
    disk
}

#[tokio::test]
async fn what_was_agreed_on_is_known_to_be_after_a_kill() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("record");
    let disk = super::Disk::new(&directory, home.path().join("voted")).expect("a directory");
    disk.open().expect("a new file");
    let mut log = Log::new(disk);
    assert_eq!(log.read_committed().await.expect("nothing yet"), None);
    log.blocking_append((0..12).map(|index| entry(1, index))).await.expect("appended");
    for index in [3, 11, 10] {
        let last = entry(1, index).log_id;
        log.save_committed(Some(last)).await.expect("noted");
        assert_eq!(log.read_committed().await.expect("noted"), Some(last));
    }
    let mut after = Log::new(killed_now(&directory, home.path()));
    assert_eq!(after.read_committed().await.expect("noted"), Some(entry(1, 10).log_id));
}

#[tokio::test]
async fn a_note_about_another_log_says_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("record");
    let disk = super::Disk::new(&directory, home.path().join("voted")).expect("a directory");
    disk.open().expect("a new file");
    let mut log = Log::new(disk);
    log.blocking_append((0..4).map(|index| entry(1, index))).await.expect("appended");
    for other in [entry(2, 2).log_id, entry(1, 4).log_id] {
        log.save_committed(Some(other)).await.expect("noted");
        assert_eq!(log.read_committed().await.expect("read"), None, "{other} is not in this log");
    }
    std::fs::write(directory.join("committed"), "half of so").expect("written");
    assert_eq!(log.read_committed().await.expect("read"), None);
}

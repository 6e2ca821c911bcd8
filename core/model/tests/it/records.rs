//! What holds in every Record, and from one to the next.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::backup::{BackupDone, BackupFailure, BackupId, BackupRun, Occasion};
use justmanage_model::record::{BACKUP_TRIES, LAYOUT, Operation, RECORD_BYTES_MAX, RecordFault, USERS_MAX};
use justmanage_model::user::Given;
use justmanage_model::{
    Artefact, BusId, Bytes, Claim, ClusterId, Engine, Epoch, Fence, Generation, Grant, Member, NodeId, PasswordHash,
    Phase, Pin, Program, Record, Release, SealingKey, Seat, Spare, Takeover, User, Vault, Version,
};

use crate::specs::spec;
use crate::survives_json;

pub(crate) fn node(number: u8) -> NodeId {
    NodeId::from_entropy([number; 10])
}

pub(crate) fn member(number: u8) -> Member {
    let port = |base: u16| ([127, 0, 0, 1], base + u16::from(number)).into();
    Member {
        seat: Seat { shard: 0, ordinal: number.into() },
        pin: Pin::from_digest([number; 32]),
        agent: port(20000),
        client: port(21000),
        bus_port: 31000 + u16::from(number),
        sealing: SealingKey::new([number; 32]),
        bus_id: Some(BusId::new([number; 20])),
    }
}

pub(crate) fn record() -> Record {
    Record {
        generation: Generation::new(7),
        phase: Phase::Formed,
        unclaimed: false,
        operators: BTreeSet::from([Pin::from_digest([9; 32])]),
        members: BTreeMap::from([(node(1), member(1)), (node(2), member(2))]),
        ca_certificate: Some("PEM".to_owned()),
        ..Record::first(
            Epoch::from_entropy([1; 8]),
            ClusterId::from_entropy([1; 10]),
            "orders".parse().unwrap(),
            spec(),
            Program {
                release: Release::new(Engine::Redis, Version::new(7, 0, 15)),
                artefact: Artefact::new("/usr/bin/redis-server", "00".repeat(32)).unwrap(),
            },
        )
    }
}

fn fault(change: impl FnOnce(&mut Record)) -> String {
    let mut changed = record();
    change(&mut changed);
    changed.check().expect_err("a fault").to_string()
}

fn give(nodes: &[NodeId], given: u64) -> Option<Grant> {
    let nodes = nodes.iter().copied().collect();
    Some(Grant { operation: Operation::Restart, nodes, given: Generation::new(given), moves: Vec::new() })
}

#[test]
fn a_right_record_passes_and_survives_json() {
    let mut right = record();
    right.users.insert(
        "orders".parse().unwrap(),
        User { acl: "~*".parse().unwrap(), passwords: vec![], given: Default::default() },
    );
    right.grant = give(&[node(1)], 7);
    assert_eq!(right.check(), Ok(()));
    survives_json(&right);
    survives_json(&Claim {
        cluster: right.cluster,
        name: right.name.clone(),
        node: node(1),
        seat: Some(member(1).seat),
    });
    let forming = Record { phase: Phase::Forming, ca_certificate: None, ..right };
    assert_eq!(forming.check(), Ok(()));
}

#[test]
fn what_must_hold_is_checked() {
    assert!(fault(|r| r.layout = LAYOUT + 1).contains("update it first"));
    assert!(fault(|r| r.spec.shards = 0).contains("spec is not valid"));
    assert!(fault(|r| r.release.engine = Engine::Valkey).contains("not what the spec asks for"));
    assert!(fault(|r| r.release.version = Version::new(7, 2, 0)).contains("not what the spec asks for (7.0)"));
    assert!(fault(|r| r.operators.clear()).contains("no operator"));
    assert!(fault(|r| r.ca_certificate = None).contains("no certificate authority"));
    assert!(fault(|r| r.members.get_mut(&node(2)).unwrap().seat = member(1).seat).contains("same seat"));
    assert!(fault(|r| r.members.get_mut(&node(2)).unwrap().pin = member(1).pin).contains("same public key"));
    assert!(fault(|r| r.members.get_mut(&node(2)).unwrap().agent = member(1).agent).contains("same agent address"));
    assert!(fault(|r| r.members.get_mut(&node(2)).unwrap().client = member(1).client).contains("same client address"));
    assert!(fault(|r| r.members = (1..=101).map(|n| (node(n), member(n))).collect()).contains("101 nodes"));
}

#[test]
fn a_grant_names_whom_it_may_disturb() {
    assert!(fault(|r| r.grant = give(&[node(3)], 7)).contains("no member"));
    assert!(fault(|r| r.grant = give(&[node(1), node(2)], 7)).contains("exactly one node"));
    assert!(fault(|r| r.grant = give(&[], 7)).contains("exactly one node"));
    assert!(fault(|r| r.grant = give(&[node(1)], 8)).contains("later generation"));
}

#[test]
fn it_never_outgrows_its_store() {
    let user = |length: usize| User {
        acl: format!("~{}", "a".repeat(length)).parse().unwrap(),
        passwords: vec![],
        given: Default::default(),
    };
    let many = |r: &mut Record, count: usize, length| {
        r.users = (0..count).map(|n| (format!("user-{n}").parse().unwrap(), user(length))).collect();
    };
    assert!(fault(|r| many(r, USERS_MAX + 1, 1)).contains("201 users; at most 200"));
    let mut full = record();
    many(&mut full, USERS_MAX, 100);
    assert_eq!(full.check(), Ok(()), "as many users as there may be, with usual rules");
    let large = fault(|r| many(r, 20, 4000));
    assert!(large.contains("bytes; at most 61440"), "{large}");
    const { assert!(RECORD_BYTES_MAX < 64 << 10) };
}

/// A hundred nodes and policies as long as they may be leave room for so many users with a password and usual rules; a smaller
/// cluster, for [`USERS_MAX`].
const USERS_OF_THE_LARGEST: usize = 24;

#[test]
fn the_largest_cluster_has_room_for_its_secrets_and_for_users() {
    let mut full = record();
    (full.spec.shards, full.spec.replicas_per_shard) = (50, 1);
    full.members = (0..100).map(|number| (node(number), member(number))).collect();
    let sealed = full.members.keys().map(|node| (*node, "A".repeat(108))).collect();
    full.vault = Some(Vault { content: "A".repeat(400), keys: sealed });
    full.zones = full.members.keys().map(|node| (*node, "eu-central-1a".parse().unwrap())).collect();
    full.fences = BTreeMap::from([(0, Fence::Closing { since: Generation::new(7) }), (1, Fence::Closed)]);
    let from = node(1);
    let takeover =
        Takeover { by: node(2), from, cleared: true, done: false, at: "2026-11-21T04:00:00Z".parse().unwrap() };
    full.takeovers = BTreeMap::from([(0, takeover)]);
    let user = User {
        acl: "~orders:* +@all -@dangerous".parse().unwrap(),
        passwords: vec![PasswordHash::from_digest([7; 32]).into()],
        given: Given { version: Some(20_261_121), grace: "24h".parse().ok(), hashed: true },
    };
    // Policies as long as they may be.
    let dates: Vec<String> = (1..).map(|n| format!("20{:02}-01-{:02}", n / 28 + 30, n % 28 + 1)).take(80).collect();
    full.spec.maintenance_window = Some(format!("Sun 02:00-03:00 UTC; exclude {}", dates.join(",")).parse().unwrap());
    let bucket = format!("s3://bucket/{}", "a".repeat(330));
    let policy =
        format!("{}destination {bucket}; retention last 7", "daily 03:30 America/Argentina/Buenos_Aires; ".repeat(14));
    full.spec.backup_policy = Some(policy.parse().unwrap());
    let kept = |text: String| (900..=justmanage_model::DEFINITION_MAX).contains(&text.len());
    assert!(full.spec.maintenance_window.as_ref().is_some_and(|window| kept(window.to_string())));
    assert!(full.spec.backup_policy.as_ref().is_some_and(|policy| kept(policy.to_string())));
    // And one backup under way, one that is whole and one that failed.
    let begun: justmanage_model::Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
    let id = BackupId::new(begun, Generation::new(9999));
    let occasion = Occasion::Demand { word: "w".repeat(64) };
    let parts = (0..50).map(|shard| (shard, node(u8::try_from(shard).unwrap()))).collect();
    full.backups.run = Some(BackupRun { id: id.clone(), occasion: occasion.clone(), begun, parts, complete: true });
    let (stored, keys) = (Bytes::mib(1 << 20), 1 << 40);
    full.backups.last =
        Some(BackupDone { id: id.clone(), occasion: occasion.clone(), ended: begun, keys, stored, verified: true });
    full.backups.failed = Some(BackupFailure { id, occasion, at: begun, why: "w".repeat(300), tries: 3 });
    full.users = (0..USERS_OF_THE_LARGEST).map(|n| (format!("service-{n}").parse().unwrap(), user.clone())).collect();
    full.raise_layout();
    assert_eq!(full.check(), Ok(()));
    survives_json(&full);
}

#[test]
fn all_users_of_a_usual_cluster_can_change_their_passwords_at_once() {
    let mut full = record();
    (full.spec.shards, full.spec.replicas_per_shard) = (3, 1);
    full.members = (0..6).map(|number| (node(number), member(number))).collect();
    let sealed = full.members.keys().map(|node| (*node, "A".repeat(108))).collect();
    full.vault = Some(Vault { content: "A".repeat(400), keys: sealed });
    let mut user = User::new("~orders:* +@all -@dangerous".parse().unwrap(), PasswordHash::from_digest([7; 32]));
    let now = "2026-11-21T04:00:00Z".parse().unwrap();
    user.set_password(PasswordHash::from_digest([8; 32]), now, std::time::Duration::from_secs(86_400));
    full.users = (0..USERS_MAX).map(|n| (format!("service-{n}").parse().unwrap(), user.clone())).collect();
    assert_eq!(full.check(), Ok(()));
}

#[test]
fn one_follows_the_other() {
    let now = record();
    let follows = |change: fn(&mut Record)| {
        let mut next = Record { generation: now.generation.next(), ..now.clone() };
        change(&mut next);
        match now.check_next(&next) {
            Ok(()) => "yes".to_owned(),
            Err(RecordFault::DoesNotFollow { why, .. }) => why.to_owned(),
            Err(other) => other.to_string(),
        }
    };
    assert_eq!(follows(|_| {}), "yes");
    assert_eq!(follows(|r| r.phase = Phase::Leaving), "yes");
    assert_eq!(follows(|r| r.phase = Phase::Forming), "its phase goes back");
    assert_eq!(follows(|r| r.layout = LAYOUT - 1), "its layout goes back");
    assert_eq!(follows(|r| r.generation = Generation::new(7)), "its generation is not the next one");
    assert_eq!(follows(|r| r.generation = Generation::new(9)), "its generation is not the next one");
    assert_eq!(follows(|r| r.epoch = Epoch::from_entropy([2; 8])), "it is of another epoch");
    assert_eq!(follows(|r| r.cluster = ClusterId::from_entropy([2; 10])), "it is of another cluster");
    assert_eq!(follows(|r| r.name = "other".parse().unwrap()), "it is of another cluster");
    assert_eq!(follows(|r| r.spec.engine = Engine::Valkey), "it has another engine");
    assert_eq!(follows(|r| r.operators.clear()), "the record names no operator, so nobody could ever change it");
}

fn with_spare() -> Record {
    let mut record = record();
    record.spec.spares = 1;
    record.spares = [(node(3), spare(3))].into();
    record
}

fn spare(number: u8) -> Spare {
    let Member { pin, sealing, agent, client, bus_port, .. } = member(number);
    Spare { pin, sealing, agent, client, bus_port }
}

#[test]
fn a_spare_belongs_to_the_cluster_and_has_no_place() {
    let right = with_spare();
    assert_eq!(right.check(), Ok(()));
    survives_json(&right);
    assert!(right.belongs(node(3)) && right.shard_of(node(3)).is_none());
    assert_eq!(right.agents().map(|(node, _)| node).collect::<Vec<_>>(), [node(1), node(2), node(3)]);
    assert_eq!(right.agent(node(3)).map(|agent| (agent.seat, agent.pin)), Some((None, member(3).pin)));
    let fault = |change: &dyn Fn(&mut Record)| {
        let mut changed = with_spare();
        change(&mut changed);
        changed.check().expect_err("a fault").to_string()
    };
    assert!(fault(&|r| r.spares.get_mut(&node(3)).unwrap().pin = member(1).pin).contains("same public key"));
    assert!(fault(&|r| r.spares.get_mut(&node(3)).unwrap().client = member(1).client).contains("same client address"));
    assert!(fault(&|r| r.spares.extend([(node(1), spare(4))])).contains("same id"));
    assert!(fault(&|r| assert!(r.retired.insert(node(3)))).contains("its machine is to go"));
    // Older agents would not know whom to let in.
    assert!(fault(&|r| r.layout = 5).contains("cannot say all of this"));
}

#[test]
fn a_spare_takes_a_place_and_the_lost_node_is_to_go() {
    let mut record = with_spare();
    record.grant = give(&[node(2)], 7);
    record.replace(node(2), node(3));
    assert_eq!(record.members[&node(3)], Member { bus_id: None, seat: member(2).seat, ..member(3) });
    assert!(record.spares.is_empty() && record.retired == BTreeSet::from([node(2)]));
    assert!(record.grant.is_none() && !record.belongs(node(2)), "it died with its grant");
    assert_eq!((record.check(), record.spares_missing()), (Ok(()), 1));
    // Whoever comes too late changes nothing.
    let before = record.clone();
    record.replace(node(2), node(3));
    record.replace(node(1), node(3));
    assert_eq!(record, before);
}

#[test]
fn claims_of_before_there_were_spares_are_read_and_those_of_spares_have_no_seat() {
    let claim = |seat| Claim { cluster: record().cluster, name: record().name, node: node(1), seat };
    let seated = serde_json::to_value(claim(Some(member(1).seat))).unwrap();
    assert_eq!(seated["seat"], serde_json::json!({ "shard": 0, "ordinal": 1 }), "as it always was");
    let spare = serde_json::to_value(claim(None)).unwrap();
    assert!(spare.get("seat").is_none());
    assert_eq!(serde_json::from_value::<Claim>(spare).unwrap(), claim(None));
}

#[test]
fn a_backup_is_begun_once_and_ends_once() {
    let mut record = record();
    let begun: justmanage_model::Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
    let run = |occasion: Occasion| BackupRun {
        id: BackupId::new(begun, Generation::new(7)),
        occasion,
        begun,
        parts: [(0, node(1))].into(),
        complete: false,
    };
    let done = |run: &BackupRun| BackupDone {
        id: run.id.clone(),
        occasion: run.occasion.clone(),
        ended: begun,
        keys: 1,
        stored: Bytes::mib(1),
        verified: true,
    };
    let failure = |run: &BackupRun, tries| BackupFailure {
        id: run.id.clone(),
        occasion: run.occasion.clone(),
        at: begun,
        why: "the store is full".to_owned(),
        tries,
    };
    let (timely, asked) = (run(Occasion::Schedule { due: begun }), run(Occasion::Demand { word: "friday".to_owned() }));

    // A time of the schedule is given up after some tries; what is asked for is not.
    for tries in 1..=BACKUP_TRIES {
        record.begin_backup(&timely);
        assert_eq!(record.backup_part_of(node(1)).map(|(shard, _)| shard), Some(0));
        assert_eq!(record.backups.served, None);
        record.give_up_backup(&failure(&timely, tries));
    }
    assert!(record.backups.served > Some(begun) && record.backups.run.is_none());
    record.begin_backup(&asked);
    record.give_up_backup(&failure(&asked, 9));
    assert_eq!((record.backups.demand.as_deref(), record.halt.is_some()), (None, false));

    record.begin_backup(&asked);
    record.complete_backup();
    assert!(record.backups.run.as_ref().is_some_and(|run| run.complete));
    record.keep_backup(&done(&asked));
    assert_eq!((record.backups.demand.as_deref(), &record.backups.failed), (Some("friday"), &None));
    assert_eq!(record.backups.last.as_ref().map(|last| last.keys), Some(1));
    // Told twice, it is the same.
    let before = record.clone();
    record.keep_backup(&done(&asked));
    record.give_up_backup(&failure(&asked, 1));
    assert_eq!(record, before);

    record.layout = 1;
    record.raise_layout();
    assert_eq!((record.layout, record.check()), (7, Ok(())));
    survives_json(&record);

    // Without the backup before it, no release is gone over to.
    let (from, to) = (record.release.clone(), record.release.clone());
    let before = run(Occasion::Upgrade { from, to });
    record.begin_backup(&before);
    record.give_up_backup(&failure(&before, 1));
    assert!(record.halt.as_ref().is_some_and(|halt| halt.what.contains("the store is full")));
}

//! Slots that move while clients write, with servers and movers that die meanwhile.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use justmanage_engine::acl::{AGENT_USER, REPLICATION_USER};
use justmanage_engine::migrate::{Healed, MoveError, MoveOrder, Moved, Mover, heal, weigh};
use justmanage_engine::{CallError, Connection, Login, OwnUsers, Reach};
use justmanage_model::{BusView, Generation, Secret, Slot, SlotSet};

use crate::client::{Client, Said};
use crate::cluster::Cluster;
use crate::node::{AGENT_PASSWORD, DEADLINE, REPLICATION_PASSWORD, own};
use crate::servers::{find, on_servers};
use crate::traffic::{Writers, assert_same, read_all, write_all_kinds, write_large};

/// Where slots move by parcels, and where the servers move them as a whole.
macro_rules! on_moving_servers {
    ($($test:ident),* $(,)?) => {
        on_servers! { [redis_7_0 redis_7_2 redis_8_6 valkey_8_1 valkey_9_0 valkey_9_1] $($test)* }
    };
}

on_moving_servers! {
    slots_move_under_writers_from_two_sources,
    a_move_that_is_interrupted_anywhere_goes_on,
    what_somebody_left_half_way_is_healed,
    a_target_without_room_is_not_touched,
    slots_are_weighed_and_our_users_reach_as_far_as_they_are_let,
}

pub(crate) fn slots(text: &str) -> SlotSet {
    text.parse().unwrap()
}

pub(crate) fn login(password: &str) -> Login {
    Login { user: REPLICATION_USER.to_owned(), password: Secret::new(password.to_owned()) }
}

pub(crate) async fn agent(cluster: &Cluster, position: usize) -> Result<Connection, CallError> {
    cluster.nodes[position].open(AGENT_USER, AGENT_PASSWORD).await
}

/// One turn from one node to another, over connections of its own.
pub(crate) async fn turn(
    cluster: &Cluster,
    (from, to): (usize, usize),
    slots: &SlotSet,
    mover: &mut Mover,
    time: Duration,
) -> Result<Moved, MoveError> {
    let (mut source, mut target) = (agent(cluster, from).await?, agent(cluster, to).await?);
    let login = login(REPLICATION_PASSWORD);
    let order = MoveOrder { slots, to: cluster.ids[to], at: cluster.nodes[to].address, login: &login };
    mover.turn(&mut source, &mut target, &order, Instant::now() + time, |_| ()).await
}

/// Turns until nothing is left.
pub(crate) async fn move_all(cluster: &Cluster, way: (usize, usize), slots: &SlotSet) -> Moved {
    let (mut mover, mut all, started) = (Mover::default(), Moved::default(), Instant::now());
    while !all.done {
        let moved = turn(cluster, way, slots, &mut mover, Duration::from_millis(300)).await.unwrap();
        (all.slots, all.keys, all.done) = (all.slots + moved.slots, all.keys + moved.keys, moved.done);
        assert!(started.elapsed() < DEADLINE, "{all:?}");
    }
    all
}

fn owners(views: &[BusView]) -> Vec<String> {
    views.iter().map(|view| view.slots.to_string()).collect()
}

async fn slots_move_under_writers_from_two_sources(path: PathBuf) {
    let mut cluster = Cluster::moving(&path, 3).await;
    let mut client = Client::of(&cluster);
    let mut keys = write_all_kinds(&mut client, 1000);
    // In slot 1827 of the first node, and slot 7365 of the second.
    keys.extend(write_large(&mut client, "tag-of-first", 10_000_000));
    keys.extend(write_large(&mut client, "c", 5_000_000));
    let before = read_all(&mut client, &keys);
    let writers = Writers::start(&cluster, 3);
    let (first, second) = (slots("100-1999 5000-5461"), slots("6000-7999"));
    let moves = tokio::join!(move_all(&cluster, (0, 2), &first), move_all(&cluster, (1, 2), &second));
    assert!(moves.0.done && moves.1.done);
    assert!(writers.acknowledged.load(Ordering::Relaxed) > 100);
    let gap = writers.stop_and_check();
    assert!(gap < Duration::from_secs(10), "{gap:?}");
    let views = cluster.settled(|views| views[2].slots.contains(first.ranges()[0].first())).await;
    assert_eq!(owners(&views), ["0-99 2000-4999", "5462-5999 8000-10922", "100-1999 5000-5461 6000-7999 10923-16383"]);
    assert_same(&before, &read_all(&mut client, &keys));
    for position in 0..3 {
        let node = agent(&cluster, position).await.unwrap().myself().await.unwrap();
        assert!(node.leaving.is_empty() && node.arriving.is_empty(), "{node:?}");
    }
    // Once more: nothing is left to do.
    assert_eq!(move_all(&cluster, (0, 2), &first).await.slots, 0);
}

/// The pieces in which the slots go, so that a fast machine is interrupted as often as a slow one. The server that gives
/// and the one that takes are killed in turn, each in the middle of a piece or just after it.
const PIECES: u16 = 6;

/// How often a server is killed meanwhile. It serves again after two seconds.
const KILLS: u16 = 4;

/// Where it is interrupted is not drawn, it sweeps: some early, some late, some not at all.
async fn a_move_that_is_interrupted_anywhere_goes_on(path: PathBuf) {
    let mut cluster = Cluster::moving(&path, 3).await;
    let mut client = Client::of(&cluster);
    let keys = write_all_kinds(&mut client, 3000);
    // By the usual `everysec`, a server whose disk is busy acknowledges writes up to two seconds before it hands them to the
    // kernel: whoever is killed meanwhile loses them, and what had just moved there with them.
    let always = [("appendfsync".to_owned(), "always".to_owned())];
    for position in 0..3 {
        cluster.server(position).config_set(&always.clone().into()).await.unwrap();
        cluster.nodes[position].config.extend(always.clone());
    }
    let before = read_all(&mut client, &keys);
    let writers = Writers::start(&cluster, 2);
    let (mut rounds, mut interrupted) = (0_u64, 0);
    for piece in 1..=PIECES {
        // All so far: what has moved is not moved again.
        let (part, started) = (slots(&format!("0-{}", 5461 * piece / PIECES)), Instant::now());
        let (mut done, mut killed) = (false, piece > KILLS);
        while !(done && killed) {
            assert!(started.elapsed() < DEADLINE, "it comes to no end");
            rounds += 1;
            // A new mover, as after the death of an agent.
            let mut mover = Mover::default();
            let patience =
                Duration::from_millis(if started.elapsed() < DEADLINE / 3 { 1 + rounds * 37 % 90 } else { 5000 });
            let turn = turn(&cluster, (0, 1), &part, &mut mover, Duration::from_millis(2000));
            match tokio::time::timeout(patience, turn).await {
                Ok(Ok(moved)) => done = moved.done,
                Ok(Err(
                    error @ (MoveError::Elsewhere { .. } | MoveError::Denied { .. } | MoveError::NoRoom { .. }),
                )) => {
                    panic!("{error:?}")
                }
                // It is asked again at once when it was interrupted, and a moment later when a server is away.
                Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(_) => interrupted += 1,
            }
            // At once, in the middle of what has begun; the next when the cluster serves again.
            let serves = cluster.views().await.is_some_and(|views| views.iter().all(|view| view.ok));
            if !killed && serves {
                killed = true;
                cluster.kill(usize::from(piece % 2));
                cluster.start(usize::from(piece % 2)).await;
            }
        }
    }
    assert!(interrupted > 0, "nothing was interrupted in {rounds} rounds");
    writers.stop_and_check();
    let views = cluster.settled(|views| views[0].slots.is_empty() && views[1].slots.len() == 10923).await;
    assert_eq!(owners(&views), ["", "0-10922", "10923-16383"]);
    assert_same(&before, &read_all(&mut client, &keys));
}

async fn what_somebody_left_half_way_is_healed(path: PathBuf) {
    let mut cluster = Cluster::moving(&path, 2).await;
    let mut client = Client::of(&cluster);
    // Slots 5061 and 6657 are the first node's.
    client.ok(&["SET", "{bar}1", "one"]);
    client.ok(&["SET", "{bar}2", "two"]);
    client.ok(&["SET", "{key:1}", "three"]);
    let here = |position: usize, words: &[&str]| {
        let said = cluster.nodes[position].client(AGENT_USER, AGENT_PASSWORD, words);
        assert!(["OK", "NOKEY"].contains(&said.as_str()), "{words:?}: {said}");
    };
    let (one, two) = (cluster.ids[0].to_string(), cluster.ids[1].to_string());
    let open = |slot: &str| {
        here(1, &["CLUSTER", "SETSLOT", slot, "IMPORTING", &one]);
        here(0, &["CLUSTER", "SETSLOT", slot, "MIGRATING", &two]);
    };
    let (port, password) = (cluster.nodes[1].address.port().to_string(), REPLICATION_PASSWORD);
    let send = |key: &str| {
        here(0, &["MIGRATE", "127.0.0.1", &port, "", "0", "10000", "AUTH2", REPLICATION_USER, password, "KEYS", key]);
    };
    // A key is over there; none is; one side alone is marked; the target owns it already.
    open("5061");
    send("{bar}1");
    open("100");
    here(0, &["CLUSTER", "SETSLOT", "101", "MIGRATING", &two]);
    here(1, &["CLUSTER", "SETSLOT", "102", "IMPORTING", &one]);
    open("103");
    here(1, &["CLUSTER", "SETSLOT", "103", "NODE", &two]);
    let (mut source, mut target) = (agent(&cluster, 0).await.unwrap(), agent(&cluster, 1).await.unwrap());
    open("104");

    let healed = heal(&mut source, &mut target, &slots("104")).await.unwrap();
    assert_eq!(healed.go_on, slots("5061"));
    assert_eq!(healed.undone, slots("100-102"));
    assert!(healed.stranded.is_empty());
    assert_eq!(
        heal(&mut source, &mut target, &slots("104")).await.unwrap(),
        Healed { go_on: slots("5061"), ..Healed::default() }
    );
    let moved = move_all(&cluster, (0, 1), &healed.go_on.union(&slots("104"))).await;
    assert_eq!(moved.slots, 2);
    assert_eq!(heal(&mut source, &mut target, &SlotSet::empty()).await.unwrap(), Healed::default());
    for (key, value) in [("{bar}1", "one"), ("{bar}2", "two"), ("{key:1}", "three")] {
        assert_eq!(client.ok(&["GET", key]), Said::Text(value.as_bytes().to_vec()), "{key}");
    }
    let views = cluster.settled(|views| views[1].slots.len() == 8195).await;
    assert_eq!(views[1].slots, slots("103-104 5061 8192-16383"));
}

async fn a_target_without_room_is_not_touched(path: PathBuf) {
    let mut cluster = Cluster::moving(&path, 2).await;
    let mut client = Client::of(&cluster);
    // Of the first node and of the second: 24 MB each, of which the limit of 64 MiB is one and a half.
    for tag in ["bar", "foo"] {
        write_large(&mut client, tag, 12_000_000);
    }
    let limit = ("maxmemory".to_owned(), (40_u64 << 20).to_string());
    cluster.server(1).config_set(&[limit].into()).await.unwrap();
    let before = cluster.settled(|_| true).await;
    let error =
        turn(&cluster, (0, 1), &slots("0-8191"), &mut Mover::default(), Duration::from_secs(5)).await.unwrap_err();
    let MoveError::NoRoom { need, free } = error else { panic!("{error:?}") };
    assert!(need.get() > 20_000_000 && free.get() < 20_000_000, "{need:?} {free:?}");
    let node = agent(&cluster, 0).await.unwrap().myself().await.unwrap();
    assert!(node.leaving.is_empty(), "nothing was opened");
    assert_eq!(owners(&cluster.settled(|_| true).await), owners(&before));
}

async fn slots_are_weighed_and_our_users_reach_as_far_as_they_are_let(path: PathBuf) {
    let cluster = Cluster::formed(&path, 2, 0).await;
    let mut client = Client::of(&cluster);
    for number in 0..2000 {
        client.ok(&["SET", &format!("key:{number}"), &"x".repeat(100)]);
    }
    // In slot 5061, of the first node.
    write_large(&mut client, "bar", 3_000_000);
    let (node, mine) = (&cluster.nodes[0], slots("0-8191"));
    let mut server = agent(&cluster, 0).await.unwrap();
    let denied = weigh(&mut server, &mine, Generation::FIRST).await.unwrap_err();
    assert!(matches!(denied, CallError::Denied { .. }), "{denied:?}");
    let reaching = |reach| OwnUsers { reach, ..own(REPLICATION_PASSWORD) };
    server.apply_users(&node.users, &node.release, &reaching(Reach::Weighing)).await.unwrap();
    let weights = weigh(&mut server, &mine, Generation::new(7)).await.unwrap();
    assert_eq!(weights.at, Generation::new(7));
    let of = |text: &str| weights.of(&slots(text)).values().sum::<u64>();
    let large = weights.of(&mine)[&Slot::new(5061).unwrap()] * 64;
    // Valkey sees half of it: it takes a list of large elements for one of small ones.
    assert!((3_000_000..9_000_000).contains(&large), "{large}");
    // Of the other 126 parts each has its share of a thousand keys with a hundred bytes each.
    let rest = of("0-4991") + of("5120-8191");
    assert!((100_000..400_000).contains(&rest), "{rest}");
    let mut other = agent(&cluster, 1).await.unwrap();
    let (all, login) = (slots("5061"), login(REPLICATION_PASSWORD));
    let order = MoveOrder { slots: &all, to: cluster.ids[1], at: cluster.nodes[1].address, login: &login };
    let until = Instant::now() + Duration::from_secs(5);
    let error = Mover::default().turn(&mut server, &mut other, &order, until, |_| ()).await.unwrap_err();
    assert!(matches!(error, MoveError::Source(CallError::Denied { .. })), "{error:?}");
    for (server, node) in [(&mut server, &cluster.nodes[0]), (&mut other, &cluster.nodes[1])] {
        let applied = server.apply_users(&node.users, &node.release, &reaching(Reach::Moving)).await.unwrap();
        assert_eq!(applied.reach(), Reach::Moving);
    }
    assert_eq!(move_all(&cluster, (0, 1), &all).await.slots, 1);
    other.apply_users(&node.users, &node.release, &reaching(Reach::Usual)).await.unwrap();
    let denied = other.count_keys(&all).await.unwrap_err();
    assert!(matches!(denied, CallError::Denied { .. }), "{denied:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_is_told_so() {
    let mut cluster = Cluster::moving(&find("redis_7_2"), 2).await;
    let mut client = Client::of(&cluster);
    // Slots 5061 and 6657.
    client.ok(&["SET", "bar", "one"]);
    client.ok(&["SET", "key:1", "two"]);
    let (mut source, mut target) = (agent(&cluster, 0).await.unwrap(), agent(&cluster, 1).await.unwrap());
    let (all, wrong) = (slots("5061"), login("wrong"));
    let order = MoveOrder { slots: &all, to: cluster.ids[1], at: cluster.nodes[1].address, login: &wrong };
    let until = Instant::now() + Duration::from_secs(5);
    let error = Mover::default().turn(&mut source, &mut target, &order, until, |_| ()).await.unwrap_err();
    assert!(matches!(error, MoveError::Denied { .. }), "{error:?}");
    // As with a server that an agent of an earlier release has started.
    let said = cluster.nodes[0].client(AGENT_USER, AGENT_PASSWORD, &["ACL", "SETUSER", AGENT_USER, "-cluster|setslot"]);
    assert_eq!(said, "OK");
    let another = slots("6657");
    let error = turn(&cluster, (0, 1), &another, &mut Mover::default(), Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, MoveError::Source(CallError::Denied { .. })), "{error:?}");
    let said = cluster.nodes[0].client(AGENT_USER, AGENT_PASSWORD, &["ACL", "SETUSER", AGENT_USER, "+cluster|setslot"]);
    assert_eq!(said, "OK");
    assert_eq!(move_all(&cluster, (0, 1), &all.union(&another)).await.keys, 2);
    cluster.settled(|views| views[1].slots.len() == 8194).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_give_a_whole_move_up_say_so() {
    let mut cluster = Cluster::moving(&find("valkey_9_1"), 2).await;
    let mut client = Client::of(&cluster);
    client.ok(&["SET", "bar", "one"]);
    let wrong = ("masterauth".to_owned(), "wrong".to_owned());
    cluster.server(0).config_set(&[wrong].into()).await.unwrap();
    let mut mover = Mover::default();
    let error = turn(&cluster, (0, 1), &slots("5000-5100"), &mut mover, Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(&error, MoveError::GivenUp { said } if !said.is_empty()), "{error:?}");
    let right = ("masterauth".to_owned(), REPLICATION_PASSWORD.to_owned());
    cluster.server(0).config_set(&[right].into()).await.unwrap();
    assert_eq!(move_all(&cluster, (0, 1), &slots("5000-5100")).await.slots, 101);
}

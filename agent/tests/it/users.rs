//! Database users in the course of time: passwords that end, users who are gone by themselves, sessions that are cut, rules that
//! somebody changes by hand. Nobody but the agents is at work.

use std::time::{Duration, Instant};

use justmanage_agent::secrets;
use justmanage_model::{Password, PasswordHash, Record, Secret, Timestamp, User, UserName};
use redis::aio::MultiplexedConnection;

use crate::cluster::Cluster;
use crate::node::{Node, kill};
use crate::operator::{Said, serving};
use crate::servers::{redis, valkey};
use crate::wait::{DEADLINE, until};
use crate::writer::open;

const RULES: &str = "~* &* +@all";

fn hash(password: &str) -> PasswordHash {
    secrets::hash(&Secret::new(password.to_owned()))
}

fn name(text: &str) -> UserName {
    text.parse().expect("a name")
}

fn user(password: &str) -> User {
    User::new(RULES.parse().expect("rules"), hash(password))
}

fn in_seconds(seconds: u64) -> Timestamp {
    Timestamp::now() + Duration::from_secs(seconds)
}

/// The servers of all nodes have the users of this Record, or of a later one.
fn in_force(said: &Said, record: &Record) -> bool {
    said.converged && said.record().generation >= record.generation
}

/// A session of a user at a node's server.
async fn session(cluster: &Cluster, position: usize, user: &str, password: &str) -> MultiplexedConnection {
    let node = cluster.nodes[position].order.claim.node;
    let endpoint = format!("rediss://{user}:{password}@{}/", cluster.agents[&node].client);
    let begun = Instant::now();
    loop {
        match open(&endpoint, &cluster.authority()).await {
            Ok(session) => return session,
            Err(error) => assert!(begun.elapsed() < DEADLINE, "{user} does not get in: {error}"),
        }
    }
}

/// Whether the server has ended a session. One that is slow to answer has not.
async fn is_cut(session: &mut MultiplexedConnection) -> bool {
    match redis::cmd("PING").query_async::<String>(session).await {
        Ok(_) => false,
        Err(error) => !error.is_timeout(),
    }
}

async fn until_cut(session: &mut MultiplexedConnection) {
    let begun = Instant::now();
    while !is_cut(session).await {
        assert!(begun.elapsed() < DEADLINE, "the session lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn both_passwords_are_valid_until_the_agents_end_the_old_one(server: &std::path::Path) {
    let node = Node::new(server);
    let (_, mut operator) = serving(&node).await;
    let grace = 8;
    let until_then = in_seconds(grace);
    let record = operator
        .change(|record| {
            let ending = Password { hash: hash("old"), until: Some(until_then) };
            let both = User { passwords: vec![hash("new").into(), ending], ..user("new") };
            record.users.insert(name("late"), both);
        })
        .await;
    operator.until("both are in force", |said| in_force(said, &record)).await;
    assert_eq!(node.redis_as("late", "old", &["PING"]), "PONG");
    assert_eq!(node.redis_as("late", "new", &["PING"]), "PONG");
    assert!(Timestamp::now() < until_then, "this machine is too slow for the test");

    until("the old one is refused", || node.redis_as("late", "old", &["PING"]).contains("WRONGPASS").then_some(()));
    assert!(Timestamp::now() >= until_then, "not before its time");
    assert_eq!(node.redis_as("late", "new", &["PING"]), "PONG");
    let said = operator.converged().await;
    assert_eq!(said.record().users[&name("late")], user("new"), "it is gone from the Record, and only it");
    assert_eq!(node.redis(&["PING"]), "PONG", "nobody else noticed");
    let journal = std::fs::read_dir(node.file("journal")).expect("a journal");
    let told: String =
        journal.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("text")).collect();
    assert!(told.contains("an earlier password of user late is valid no more"), "{told}");
    assert!(!told.contains(&hash("old").to_string()) && !told.contains(&hash("new").to_string()), "no hash is told");
    // An agent that begins anew has nothing to do.
    node.kill_agent();
    let mut operator = crate::operator::Operator::of(&node, &node.start());
    assert_eq!(operator.converged().await.record().generation, said.record().generation);
}

#[tokio::test]
async fn both_passwords_are_valid_until_the_agents_end_the_old_one_redis() {
    both_passwords_are_valid_until_the_agents_end_the_old_one(&redis()).await;
}

#[tokio::test]
async fn both_passwords_are_valid_until_the_agents_end_the_old_one_valkey() {
    both_passwords_are_valid_until_the_agents_end_the_old_one(&valkey()).await;
}

#[tokio::test]
async fn an_end_that_came_while_all_agents_were_away_is_made_up_for() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    let guest = UserName::temporary([3; 8]);
    let record = operator
        .change(|record| {
            let rules = RULES.parse().expect("rules");
            let user = User::temporary(rules, hash("guest"), Timestamp::now(), Duration::from_secs(6));
            record.users.insert(guest.clone(), user);
        })
        .await;
    operator.until("the guest is in force", |said| in_force(said, &record)).await;
    node.kill_agent();
    let ends = record.users[&guest].last_end().expect("an end");
    until("its time is over", || (Timestamp::now() > ends).then_some(()));
    assert_eq!(node.redis_as(guest.as_str(), "guest", &["PING"]), "PONG", "nobody is there to end it");
    let mut operator = crate::operator::Operator::of(&node, &node.start());
    let gone = |said: &Said| said.converged && !said.record().users.contains_key(&guest);
    operator.until("the guest is gone", gone).await;
    assert!(node.redis_as(guest.as_str(), "guest", &["PING"]).contains("WRONGPASS"));
}

#[tokio::test]
async fn a_temporary_user_is_gone_by_itself_and_its_sessions_with_it() {
    let cluster = Cluster::formed(&redis(), 3, 0, |_| {}).await;
    let mut operator = cluster.operator(0);
    let guest = UserName::temporary([4; 8]);
    let record = operator
        .change(|record| {
            let rules = RULES.parse().expect("rules");
            let user = User::temporary(rules, hash("guest"), Timestamp::now(), Duration::from_secs(10));
            record.users.insert(guest.clone(), user);
        })
        .await;
    operator.until("the guest is in force", |said| in_force(said, &record)).await;
    let mut sessions = Vec::new();
    for position in 0..3 {
        sessions.push(session(&cluster, position, guest.as_str(), "guest").await);
    }
    let mut other = session(&cluster, 0, "app", crate::node::APP_PASSWORD).await;
    for session in &mut sessions {
        until_cut(session).await;
    }
    assert!(Timestamp::now() >= record.users[&guest].last_end().expect("an end"), "not before its time");
    assert!(!is_cut(&mut other).await, "others stay");
    let said = operator.converged().await;
    assert_eq!(said.record().users.len(), 1, "{:?}", said.record().users);
}

#[tokio::test]
async fn whoever_is_removed_loses_all_sessions_also_where_agent_or_server_were_away() {
    let mut cluster = Cluster::formed(&redis(), 3, 0, |record| {
        record.users.insert(name("one"), user("one"));
        record.users.insert(name("two"), user("two"));
    })
    .await;
    let mut operator = cluster.operator(0);
    let mut sessions = Vec::new();
    for position in 0..3 {
        sessions.push(session(&cluster, position, "one", "one").await);
    }
    // The server of the last one lives on without its agent.
    cluster.nodes[2].kill_agent();
    operator.change(|record| drop(record.users.remove(&name("one")))).await;
    until_cut(&mut sessions[0]).await;
    until_cut(&mut sessions[1]).await;
    assert!(!is_cut(&mut sessions[2]).await, "its agent is away");
    cluster.restart_agent(2);
    until_cut(&mut sessions[2]).await;
    assert!(cluster.nodes[2].redis_as("one", "one", &["PING"]).contains("WRONGPASS"));
    assert_eq!(cluster.nodes[2].redis_as("two", "two", &["PING"]), "PONG");
    operator.converged().await;

    // The next time all of a node is away.
    let server = cluster.nodes[1].noted_server().expect("a server");
    cluster.nodes[1].kill_agent();
    kill(&server);
    operator.change(|record| drop(record.users.remove(&name("two")))).await;
    cluster.restart_agent(1);
    operator.converged().await;
    assert!(cluster.nodes[1].redis_as("two", "two", &["PING"]).contains("WRONGPASS"));
    assert_eq!(cluster.nodes[1].redis(&["PING"]), "PONG");
}

#[tokio::test]
async fn users_that_somebody_changes_on_a_server_are_put_back() {
    let node = Node::new(&valkey());
    let (_, mut operator) = serving(&node).await;
    let record = operator
        .change(|record| {
            record.users.insert(name("admin"), user("admin"));
            record.users.insert(name("reader"), User { acl: "~* +get".parse().expect("rules"), ..user("reader") });
        })
        .await;
    operator.until("in force", |said| in_force(said, &record)).await;
    let admin = |command: &[&str]| node.redis_as("admin", "admin", command);
    let reader = |command: &[&str]| node.redis_as("reader", "reader", command);
    assert_eq!(admin(&["ACL", "SETUSER", "reader", "+set"]), "OK");
    assert_eq!(admin(&["ACL", "SETUSER", "intruder", "on", ">intruder", "~*", "+@all"]), "OK");
    until("the reader only reads again", || reader(&["SET", "key", "value"]).contains("NOPERM").then_some(()));
    until("the intruder is out", || {
        node.redis_as("intruder", "intruder", &["PING"]).contains("WRONGPASS").then_some(())
    });
    assert_eq!(admin(&["ACL", "DELUSER", "reader"]), "1");
    // What it wrote while it could may be there.
    until("the reader is back", || ["", "value"].contains(&reader(&["GET", "key"]).as_str()).then_some(()));
    assert_eq!(operator.converged().await.record().generation, record.generation, "the Record says nothing of it");
}

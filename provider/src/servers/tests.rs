//! What is shown of servers, with answers of our own making.

use justmanage_model::{Claim, Seat};
use tfkit::Attr;

use super::*;

const CLAIMED_BY: &str = "cache";

/// Answers as they are given, in their order.
struct Told(Vec<Result<Facts, Unfit>>);

#[async_trait]
impl Inspect for Told {
    async fn inspect(&self, pool: &Pool) -> Result<Vec<Result<Facts, Unfit>>, Failure> {
        assert_eq!(pool.servers.len(), self.0.len(), "an answer for each");
        Ok(self.0.clone())
    }
}

/// Nobody can be asked.
struct Locked;

#[async_trait]
impl Inspect for Locked {
    async fn inspect(&self, _: &Pool) -> Result<Vec<Result<Facts, Unfit>>, Failure> {
        Err(Failure::new("SSH settings not usable", "There is no key."))
    }
}

fn facts(state: State) -> Facts {
    Facts {
        processors: 4,
        memory: Bytes::mib(8 << 10),
        disk: Bytes::mib(100 << 10),
        disk_free: Bytes::mib(50 << 10),
        machine: "x86_64".into(),
        system: "debian 12".into(),
        glibc: Some((2, 36)),
        systemd: Some(252),
        clock_s: 0,
        state,
    }
}

/// A claim as it stands on a server.
fn claim() -> String {
    let claim = Claim {
        cluster: "jmc0123456789abcdef".parse().expect("an id"),
        name: CLAIMED_BY.parse().expect("a name"),
        node: "jmn0123456789abcdef".parse().expect("an id"),
        seat: Some(Seat { shard: 0, ordinal: 0 }),
    };
    let address = "10.0.0.11".parse().expect("an address");
    let order = NodeOrder { claim, operators: Default::default(), address, peer_names: None, token: None };
    serde_json::to_string(&order).expect("JSON")
}

fn asked(pool: &str) -> ServersData {
    ServersData { pool: pool.to_owned(), servers: Attr::unknown() }
}

async fn servers(pool: &str, answers: Vec<Result<Facts, Unfit>>) -> Vec<ServerData> {
    let data = answered(asked(pool), &Told(answers)).await.expect("an answer");
    data.servers.into_known().expect("servers")
}

#[tokio::test]
async fn a_server_shows_what_it_is_made_of_and_what_the_pool_says_of_it() {
    let shown = servers("10.0.0.11 zone a disk=nvme", vec![Ok(facts(State::Free))]).await;
    let [one] = shown.as_slice() else { panic!("one: {shown:?}") };
    assert_eq!(one.address, "10.0.0.11".into());
    assert_eq!((&one.zone, &one.state), (&"a".into(), &"free".into()));
    assert_eq!((&one.processors, &one.memory), (&Attr::Known(4), &Attr::Known(8 << 30)));
    assert_eq!((&one.disk, &one.disk_free), (&Attr::Known(100 << 30), &Attr::Known(50 << 30)));
    assert_eq!((&one.system, &one.cluster), (&"debian 12".into(), &Attr::Null));
    assert_eq!(one.labels.known().and_then(|labels| labels.get("disk")).map(String::as_str), Some("nvme"));
    assert_eq!(one.missing, Vec::new().into(), "nothing is missing, which is not null");
}

#[tokio::test]
async fn each_state_has_its_word_and_what_is_claimed_its_cluster() {
    let used = || Ok(facts(State::Used(claim())));
    let lacks = || Err(Unfit::Lacks(vec!["It has no gzip.".into(), "It has no useradd.".into()]));
    let silent = || Err(Unfit::Unreachable("h6 is not reachable by SSH: refused.".into()));
    let answers = vec![
        Ok(facts(State::Free)),
        Ok(facts(State::Locked(claim()))),
        used(),
        Ok(facts(State::Hidden)),
        lacks(),
        silent(),
        Ok(facts(State::Free)),
        used(),
        silent(),
        // By a release that writes claims otherwise.
        Ok(facts(State::Used("{\"claim\": 2}".into()))),
    ];
    let shown = servers("h1; h2; h3; h4; h5; h6; h7 hidden; h8 hidden; h9 hidden; h10", answers).await;
    let text = |attribute: &Attr<String>| attribute.known().cloned().unwrap_or_default();
    let said: Vec<(String, String, usize)> = shown
        .iter()
        .map(|one| (text(&one.state), text(&one.cluster), one.missing.known().map_or(0, Vec::len)))
        .collect();
    let expected = [
        ("free", "", 0),
        ("locked", CLAIMED_BY, 0),
        ("used", CLAIMED_BY, 0),
        ("hidden", "", 0),
        ("unfit", "", 2),
        ("unreachable", "", 1),
        ("hidden", "", 0),
        ("used", CLAIMED_BY, 0),
        ("hidden", "", 1),
        ("used", "", 0),
    ];
    assert_eq!(said, expected.map(|(state, cluster, missing)| (state.to_owned(), cluster.to_owned(), missing)));
    let bare: Vec<bool> = shown.iter().map(|one| one.processors.is_null() && one.memory.is_null()).collect();
    assert_eq!(bare, [false, false, false, false, true, true, false, false, true, false], "{shown:?}");
}

#[tokio::test]
async fn whoever_cannot_ask_at_all_says_why_instead_of_showing_nobody() {
    let failure = answered(asked("10.0.0.11"), &Locked).await.expect_err("no key");
    assert_eq!(failure.summary, "SSH settings not usable");
    let failure = answered(asked("10.0.0.300"), &Told(Vec::new())).await.expect_err("no pool");
    assert_eq!(failure.about, FieldPath::of("pool"));
}

//! The replica's side of a failover that a dead primary's own agent asks for.
//!
//! The servers alone need seven to nine seconds to agree that a primary is dead. Its agent sees the process end within a
//! millisecond, holds the restart, and asks here: so writes go on after a tenth of a second.

use std::time::{Duration, Instant};

use justmanage_engine::{CallError, Connection};
use justmanage_model::record::NODE_TIMEOUT;
use justmanage_model::{BusId, BusView, NodeObservation, Role, ServerState, Timestamp};

/// How long taking over may take, all in all. It takes 50 to 150 ms; a vote that is not won within two seconds is not won
/// before the servers try again by themselves, and restarting the dead one is faster then.
pub const LIMIT: Duration = Duration::from_millis(2000);
/// How often the server is asked whether it has won.
const LOOK: Duration = Duration::from_millis(5);

/// Why this node's server must not take over, by what its agent last saw of it.
pub(crate) fn why_not(seen: &NodeObservation, dead: BusId, now: Timestamp) -> Option<String> {
    let ServerState::Running(server) = &seen.server else { return Some("its server does not run".to_owned()) };
    let Some(bus) = &server.bus else { return Some("its server is reading its data".to_owned()) };
    match &bus.role {
        Role::Replica { of, .. } if *of != dead => return Some("its server is a replica of another one".to_owned()),
        // The link may have been seen down already: that is how a primary's death looks from here.
        Role::Replica { link, .. }
            if !link.up && !link.down_since.is_some_and(|since| within(since, now, LINK_LOSS)) =>
        {
            return Some("its server was not linked to the primary".to_owned());
        }
        // A process that dies closes its connections. One that was silent before was cut off, and went on without this replica.
        Role::Replica { link, .. } if link.silent_s.is_some_and(|silent| silent > LINK_LOSS.as_secs()) => {
            return Some("its server had not heard from the primary for a while".to_owned());
        }
        Role::Replica { .. } => {}
        Role::Primary { .. } => return Some("its server is a primary".to_owned()),
    }
    let stale = seen.promoted.filter(|at| server.release.votes_go_stale() && within(*at, now, NODE_TIMEOUT * 4));
    stale.map(|at| format!("its server won an election at {at}, and this release would use the old votes again"))
}

/// How long before the question the link may have been seen to break: the primary's death and the question are milliseconds
/// apart, and a link that broke seconds earlier broke for another reason.
const LINK_LOSS: Duration = Duration::from_secs(2);

fn within(since: Timestamp, now: Timestamp, limit: Duration) -> bool {
    Duration::try_from(now.duration_since(since)).is_ok_and(|age| age < limit)
}

/// Takes over by a vote of the primaries, and waits until the server says that it is the primary.
///
/// # Errors
/// It could not be asked, or did not win in time: then it may still win later, and nothing may be concluded.
pub(crate) async fn take_over(server: &mut Connection) -> Result<(), CallError> {
    let before = server.bus_view().await?.epoch;
    server.cluster_failover_force().await?;
    loop {
        let view = server.bus_view().await?;
        if owns(&view) && view.epoch > before {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes over without a vote, by the decision of the majority of agents; and serves at once.
///
/// A server that had called the cluster failing takes no writes for a node timeout after it became a primary, to see whether a
/// majority tells it otherwise. There is none here, and it has been decided: so that time is cut short, and then put back.
pub(crate) async fn take_over_unvoted(server: &mut Connection) -> Result<(), CallError> {
    let failing = !server.bus_view().await?.ok;
    server.cluster_failover_takeover().await?;
    if failing { serve_again(server).await } else { Ok(()) }
}

/// Has a primary that rests, after it could not reach most of the primaries, take writes again at once.
pub(crate) async fn serve_again(server: &mut Connection) -> Result<(), CallError> {
    set_node_timeout(server, SHORTEST_REJOIN).await?;
    // A server that calls the cluster failing asks itself ten times a second whether that is over.
    let begun = Instant::now();
    let serves = async {
        while begun.elapsed() < LIMIT && !server.bus_view().await?.ok {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    };
    let serves = serves.await;
    // Also when a look failed: a server that kept the short one would take every pause for a death.
    let put_back = set_node_timeout(server, NODE_TIMEOUT).await;
    serves.and(put_back)
}

/// The least that a server waits, whatever its node timeout (`CLUSTER_MIN_REJOIN_DELAY` in the servers' sources).
const SHORTEST_REJOIN: Duration = Duration::from_millis(500);

async fn set_node_timeout(server: &mut Connection, timeout: Duration) -> Result<(), CallError> {
    let value = ("cluster-node-timeout".to_owned(), timeout.as_millis().to_string());
    server.config_set(&[value].into()).await
}

fn owns(view: &BusView) -> bool {
    view.is_primary() && !view.slots.is_empty()
}

#[cfg(test)]
mod tests {
    use justmanage_engine::Login;
    use justmanage_model::{PrimaryLink, Secret};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::samples::{self, next_call};

    const PRIMARY: BusId = BusId::new([2; 20]);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// A replica of [`PRIMARY`], as its agent last saw it.
    fn replica(link: PrimaryLink, promoted: Option<Timestamp>) -> NodeObservation {
        let server = samples::server(Role::Replica { of: PRIMARY, link });
        NodeObservation { promoted, ..samples::running(server) }
    }

    #[test]
    fn only_a_replica_that_was_there_until_now_takes_over() {
        let now = at(100);
        let up = PrimaryLink { up: true, syncing: false, down_since: None, silent_s: Some(0), at: None };
        let down = |since| PrimaryLink { up: false, down_since: Some(at(since)), silent_s: None, ..up };
        for (what, link, promoted, refused) in [
            ("linked", up, None, None),
            ("its link broke just now", down(99), None, None),
            ("a moment's silence", PrimaryLink { silent_s: Some(2), ..up }, None, None),
            ("long silence", PrimaryLink { silent_s: Some(3), ..up }, None, Some("not heard")),
            ("its link broke before", down(97), None, Some("not linked")),
            ("never linked", PrimaryLink { up: false, ..up }, None, Some("not linked")),
            ("stale votes", up, Some(at(85)), Some("old votes")),
            ("old election", up, Some(at(79)), None),
        ] {
            let why = why_not(&replica(link, promoted), PRIMARY, now);
            assert_eq!(why.is_some(), refused.is_some(), "{what}: {why:?}");
            assert!(refused.is_none_or(|part| why.as_ref().is_some_and(|why| why.contains(part))), "{what}: {why:?}");
        }
        assert!(why_not(&replica(up, None), BusId::new([3; 20]), now).is_some_and(|why| why.contains("another one")));
    }

    /// A server that takes settings and answers no question; what it was given as its node timeout, one after the other.
    async fn settings_of_a_server_that_answers_nothing(listener: TcpListener) -> Vec<String> {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (mut lines, mut timeouts) = (BufReader::new(stream).lines(), Vec::new());
        while let Some(call) = next_call(&mut lines).await {
            let answer = match call.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["CONFIG", "SET", "cluster-node-timeout", value] => {
                    timeouts.push(value.to_owned());
                    "+OK\r\n"
                }
                ["AUTH", ..] => "+OK\r\n",
                _ => "-LOADING reading its data\r\n",
            };
            lines.get_mut().write_all(answer.as_bytes()).await.expect("an answer");
        }
        timeouts
    }

    #[tokio::test]
    async fn the_node_timeout_is_put_back_also_when_a_look_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = tokio::spawn(settings_of_a_server_that_answers_nothing(listener));
        let login = Login { user: "agent".to_owned(), password: Secret::new(String::new()) };
        let mut server = Connection::open_plaintext(address, &login, LIMIT).await.expect("a connection");
        let failed = serve_again(&mut server).await;
        assert!(matches!(failed, Err(CallError::Loading)), "{failed:?}");
        drop(server);
        let (short, usual) = (SHORTEST_REJOIN.as_millis().to_string(), NODE_TIMEOUT.as_millis().to_string());
        assert_eq!(served.await.expect("served"), [short, usual]);
    }
}

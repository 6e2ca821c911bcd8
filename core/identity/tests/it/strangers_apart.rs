//! A first meeting: who is let in although nobody knows them, where they get to, and when they have to leave.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Request, Response};
use justmanage_identity::{Allowed, Doors, KeyPair, MeetError, Met, Peer, connect, meet};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;

use crate::world::{SOON, key, pins};

/// Answers every call with the door that it came by, and the caller's pin.
async fn serve(agent: &KeyPair, allowed: &Allowed) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let Doors { known, readers, strangers } = Doors::open(listener, agent, allowed.clone()).expect("a server");
    for (incoming, door) in [(known, "known"), (readers, "readers"), (strangers, "strangers")] {
        let handler = tower::service_fn(move |request: Request<Body>| async move {
            let pin = request.extensions().get::<Peer>().map(|peer| peer.pin.to_string()).unwrap_or_default();
            let response = Response::builder().header("door", door).header("caller", pin);
            Ok::<_, Infallible>(response.body(Body::empty()).expect("a response"))
        });
        tokio::spawn(async move {
            let server = tonic::transport::Server::builder().accept_http1(door == "readers");
            let _ = server.serve_with_incoming(handler, incoming).await;
        });
    }
    address
}

/// By which door one gets in, and as whom.
async fn ask(channel: &Channel) -> Result<(String, String), tonic::transport::Error> {
    let request = Request::builder().uri("https://agent/").body(Body::empty()).expect("a request");
    let answer = tokio::time::timeout(SOON, channel.clone().oneshot(request)).await.expect("an answer or an error")?;
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    Ok((header("door"), header("caller")))
}

async fn met(address: SocketAddr, key: &KeyPair) -> Met {
    meet(address, key).await.expect("somebody")
}

#[tokio::test]
async fn two_who_meet_see_each_others_key_and_strangers_are_kept_apart() {
    let (agent, operator, stranger) = (key(), key(), key());
    let allowed = Allowed::new(Default::default());
    allowed.set_with_strangers(pins(&[&operator]));
    let address = serve(&agent, &allowed).await;
    for (who, door) in [(&operator, "known"), (&stranger, "strangers")] {
        let Met { channel, agent: seen } = met(address, who).await;
        assert_eq!(seen, agent.pin());
        assert_eq!(ask(&channel).await.expect("an answer"), (door.to_owned(), who.pin().to_string()));
    }
    let knows = connect(address, agent.pin(), &stranger).expect("a channel");
    assert_eq!(ask(&knows).await.expect("an answer").0, "strangers", "whose key is not known, whatever they know");
}

#[tokio::test]
async fn where_no_strangers_are_let_in_they_are_told_so() {
    let (agent, operator) = (key(), key());
    let allowed = Allowed::new(pins(&[&operator]));
    let address = serve(&agent, &allowed).await;
    let refused = meet(address, &key()).await.expect_err("refused");
    assert!(matches!(refused, MeetError::Refused), "{refused}");
    assert_eq!(ask(&met(address, &operator).await.channel).await.expect("an answer").0, "known");
}

#[tokio::test]
async fn when_the_door_is_shut_strangers_have_to_leave_and_who_is_known_by_then_stays() {
    let (agent, chosen, other) = (key(), key(), key());
    let allowed = Allowed::new(Default::default());
    allowed.set_with_strangers(pins(&[]));
    let address = serve(&agent, &allowed).await;
    let (first, second) = (met(address, &chosen).await.channel, met(address, &other).await.channel);
    for channel in [&first, &second] {
        assert_eq!(ask(channel).await.expect("an answer").0, "strangers");
    }
    allowed.set(pins(&[&chosen]));
    allowed.admitted(&chosen.pin()).await;
    assert_eq!(ask(&first).await.expect("an answer").0, "strangers", "a connection stays what it is");
    assert_eq!(ask(&met(address, &chosen).await.channel).await.expect("an answer").0, "known");
    ask(&second).await.expect_err("the connection is gone, and is not made anew");
    assert!(matches!(meet(address, &other).await, Err(MeetError::Refused)));
}

#[tokio::test]
async fn one_who_is_no_longer_known_does_not_stay_because_strangers_come_in() {
    let (agent, operator) = (key(), key());
    let allowed = Allowed::new(pins(&[&operator]));
    let address = serve(&agent, &allowed).await;
    let channel = met(address, &operator).await.channel;
    assert_eq!(ask(&channel).await.expect("an answer").0, "known");
    allowed.set_with_strangers(pins(&[]));
    ask(&channel).await.expect_err("the connection is gone");
    assert_eq!(ask(&met(address, &operator).await.channel).await.expect("an answer").0, "strangers");
}

#[tokio::test]
async fn many_strangers_keep_nobody_out_who_is_known() {
    let (agent, operator) = (key(), key());
    let allowed = Allowed::new(Default::default());
    allowed.set_with_strangers(pins(&[&operator]));
    let address = serve(&agent, &allowed).await;
    let mut kept = Vec::new();
    let turned_away = loop {
        match meet(address, &key()).await {
            Ok(met) => kept.push(met),
            Err(why) => break why,
        }
        assert!(kept.len() < 100, "there is no end of strangers");
    };
    assert!(matches!(turned_away, MeetError::Unreachable(_)), "it may try again: {turned_away}");
    assert_eq!(ask(&met(address, &operator).await.channel).await.expect("an answer").0, "known");
    // Whoever leaves makes room.
    kept.clear();
    let begun = std::time::Instant::now();
    while meet(address, &key()).await.is_err() {
        assert!(begun.elapsed() < SOON, "no room again");
    }
}

#[tokio::test]
async fn what_is_no_agent_is_told_from_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let greeting = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        tcp.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await.expect("written");
        (listener, tcp)
    });
    let error = meet(address, &key()).await.expect_err("no agent");
    assert!(matches!(error, MeetError::NoAgent(_)), "{error}");
    drop(greeting.await.expect("a greeting"));
    let error = meet(address, &key()).await.expect_err("nobody");
    assert!(matches!(error, MeetError::Unreachable(_)), "{error}");
}

//! Channels for gRPC: whom they reach, whom not, and that a handler knows who calls.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::{Request, Response};
use justmanage_identity::{Allowed, Incoming, KeyPair, Peer, Target, connect, connect_through};
use justmanage_model::Pin;
use tokio::net::{TcpListener, TcpStream};
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;

use crate::world::{SOON, key, pins};

/// Answers every call with the caller's pin in a header.
async fn serve(listener: TcpListener, agent: &KeyPair, allowed: BTreeSet<Pin>) -> tokio::task::JoinHandle<()> {
    let incoming = Incoming::new(listener, agent, Allowed::new(allowed)).expect("a server");
    let handler = tower::service_fn(|request: Request<Body>| async move {
        let pin = request.extensions().get::<Peer>().map(|peer| peer.pin.to_string()).unwrap_or_default();
        Ok::<_, Infallible>(Response::builder().header("caller", pin).body(Body::empty()).expect("a response"))
    });
    tokio::spawn(async move {
        let _ = tonic::transport::Server::builder().serve_with_incoming(handler, incoming).await;
    })
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Asks the server who we are.
async fn ask(channel: &Channel) -> Result<String, tonic::transport::Error> {
    let request = Request::builder().uri("https://agent/").body(Body::empty()).expect("a request");
    let answer = tokio::time::timeout(SOON, channel.clone().oneshot(request)).await.expect("an answer or an error")?;
    Ok(answer.headers()["caller"].to_str().expect("text").to_owned())
}

#[tokio::test]
async fn a_handler_knows_the_key_of_its_caller() {
    let (agent, operator) = (key(), key());
    let (listener, address) = listen().await;
    serve(listener, &agent, pins(&[&operator])).await;
    let channel = connect(address, agent.pin(), &operator).expect("a channel");
    assert_eq!(ask(&channel).await.expect("an answer"), operator.pin().to_string());
}

#[tokio::test]
async fn neither_the_wrong_agent_nor_the_wrong_operator() {
    let (agent, operator) = (key(), key());
    let (listener, address) = listen().await;
    serve(listener, &agent, pins(&[&operator])).await;
    let to_another = connect(address, key().pin(), &operator).expect("a channel");
    assert!(ask(&to_another).await.is_err(), "the agent has another key than expected");
    let as_another = connect(address, agent.pin(), &key()).expect("a channel");
    assert!(ask(&as_another).await.is_err(), "the operator is not allowed");
}

#[tokio::test]
async fn whoever_answers_at_the_end_of_a_way_has_to_prove_its_key() {
    let (agent, operator) = (key(), key());
    let (listener, address) = listen().await;
    serve(listener, &agent, pins(&[&operator])).await;
    // TEST-NET-1: by itself it leads nowhere.
    let nowhere = [192, 0, 2, 1].into();
    let dial = move || TcpStream::connect(address);
    let channel = connect_through(dial, nowhere, agent.pin(), &operator).expect("a channel");
    assert_eq!(ask(&channel).await.expect("an answer"), operator.pin().to_string());
    let to_another = connect_through(dial, nowhere, key().pin(), &operator).expect("a channel");
    assert!(ask(&to_another).await.is_err(), "the agent has another key than expected");
}

#[tokio::test]
async fn a_channel_comes_back_after_the_agent_was_away() {
    let (agent, operator) = (key(), key());
    let (listener, address) = listen().await;
    let channel = connect(address, agent.pin(), &operator).expect("a channel");
    let server = serve(listener, &agent, pins(&[&operator])).await;
    ask(&channel).await.expect("an answer");
    server.abort();
    let _ = server.await;
    let listener = loop {
        // The task that accepts ends a moment after the server.
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    serve(listener, &agent, pins(&[&operator])).await;
    let deadline = Instant::now() + SOON;
    // The call that finds the old connection broken may fail; one after it connects anew.
    while ask(&channel).await.is_err() {
        assert!(Instant::now() < deadline, "the channel did not come back");
    }
}

#[tokio::test]
async fn an_agent_that_does_not_answer_costs_seconds_not_minutes() {
    // The socket accepts (in the kernel), and nobody ever speaks.
    let (_listener, address) = listen().await;
    let channel = connect(address, key().pin(), &key()).expect("a channel");
    let begun = Instant::now();
    assert!(ask(&channel).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// Every error of a chain, as text.
fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_learns_that_it_is_the_key() {
    let (agent, operator) = (key(), key());
    let (listener, address) = listen().await;
    serve(listener, &agent, pins(&[&operator])).await;
    // Again and again: the alert must not be lost because the connection ends with something still unread.
    for number in 0..100 {
        let channel = connect(address, agent.pin(), &key()).expect("a channel");
        let refused = chain(&ask(&channel).await.expect_err("refused"));
        assert!(refused.contains("AccessDenied"), "call {number}: {refused}");
    }
}

/// An agent that listens on one address of this machine, and a channel to it by a name and another address.
async fn ask_by_name(name: &str, listens: [u8; 4], before: [u8; 4]) -> Result<String, tonic::transport::Error> {
    let (agent, operator) = (key(), key());
    let listener = TcpListener::bind((std::net::IpAddr::from(listens), 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    serve(listener, &agent, pins(&[&operator])).await;
    let target = Target::Name { name: name.to_owned(), before: (before, port).into() };
    let channel = connect(target, agent.pin(), &operator).expect("a channel");
    ask(&channel).await.inspect(|caller| assert_eq!(*caller, operator.pin().to_string()))
}

#[tokio::test]
async fn an_agent_is_found_where_its_name_leads() {
    ask_by_name("localhost", [127, 0, 0, 1], [127, 0, 0, 9]).await.expect("an answer");
}

#[tokio::test]
async fn it_is_found_where_it_was_when_its_name_leads_nowhere() {
    // Reserved for names that do not exist (RFC 6761).
    ask_by_name("nowhere.invalid", [127, 0, 0, 1], [127, 0, 0, 1]).await.expect("an answer");
    ask_by_name("localhost", [127, 0, 0, 9], [127, 0, 0, 9]).await.expect("an answer");
}

#[tokio::test]
async fn whoever_answers_for_its_name_has_to_prove_its_key() {
    let (agent, other, operator) = (key(), key(), key());
    let (listener, address) = listen().await;
    serve(listener, &other, pins(&[&operator])).await;
    let elsewhere = TcpListener::bind(("127.0.0.9", address.port())).await.expect("a port");
    let before = elsewhere.local_addr().expect("an address");
    let to = |before| Target::Name { name: "localhost".to_owned(), before };
    let channel = connect(to(address), agent.pin(), &operator).expect("a channel");
    assert!(ask(&channel).await.is_err(), "another agent answers");
    serve(elsewhere, &agent, pins(&[&operator])).await;
    let channel = connect(to(before), agent.pin(), &operator).expect("a channel");
    ask(&channel).await.expect("the agent is found beside the other one");
}

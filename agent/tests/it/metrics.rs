//! What Prometheus reads at an agent, over HTTP/1.1 and HTTP/2; who may read it; and what it says when the server does not
//! answer.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use justmanage_identity::{KeyPair, connect, tls};
use justmanage_model::Timestamp;
use justmanage_model::node::AgentInfo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::ServiceExt;

use crate::cluster::{Cluster, primary};
use crate::exposition::Exposition;
use crate::node::{Node, signal};
use crate::operator::{Operator, serving};
use crate::servers::{redis, valkey};
use crate::wait::DEADLINE;

/// `GET` in HTTP/1.1, by hand: status line with headers, and body.
pub(crate) async fn get_1(agent: &AgentInfo, key: &KeyPair, path: &str) -> io::Result<(String, String)> {
    let mut config = tls::client(key, agent.pin).expect("a client");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let tcp = TcpStream::connect(agent.agent).await?;
    let name = ServerName::IpAddress(agent.agent.ip().into());
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("an answer in time")?;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    Ok((head.to_owned(), body.to_owned()))
}

/// `GET` in HTTP/2, as Prometheus does it by default.
pub(crate) async fn get_2(agent: &AgentInfo, key: &KeyPair, path: &str) -> (StatusCode, String, String) {
    let channel = connect(agent.agent, agent.pin, key).expect("a channel");
    let request = Request::get(format!("https://agent{path}")).body(tonic::body::Body::empty()).expect("a request");
    let answer = tokio::time::timeout(DEADLINE, channel.oneshot(request)).await.expect("in time").expect("an answer");
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (status, kind) = (answer.status(), kind.to_owned());
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).expect("text"))
}

async fn read(agent: &AgentInfo, key: &KeyPair) -> Exposition {
    let (status, kind, text) = get_2(agent, key, "/metrics").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8"));
    Exposition::read(&text)
}

/// Reads until something is so.
async fn until(what: &str, agent: &AgentInfo, key: &KeyPair, so: impl Fn(&Exposition) -> bool) -> Exposition {
    let begun = Instant::now();
    loop {
        let page = read(agent, key).await;
        if so(&page) {
            return page;
        }
        assert!(begun.elapsed() < DEADLINE, "{what}: not in time; now {page:#?}");
    }
}

async fn a_node_that_serves(server: &Path) {
    let node = Node::new(server);
    let (agent, mut operator) = serving(&node).await;
    assert_eq!(node.redis(&["SET", "here", "1"]), "OK");
    assert_eq!(node.redis(&["GET", "here"]), "1");
    assert_eq!(node.redis(&["GET", "not-here"]), "");
    let page = read(&agent, &node.operator).await;

    let claim = &node.order.claim;
    let (id, version) = (claim.node.to_string(), node.program.release.version.to_string());
    for figure in page.figures() {
        let label = |name: &str| figure.labels.get(name).map(String::as_str);
        assert_eq!(
            (label("cluster"), label("node"), label("shard")),
            (Some("demo"), Some(&*id), Some("0")),
            "{figure:?}"
        );
    }
    let exactly = [
        ("redis_up", 1.0),
        ("justmanage_server_running", 1.0),
        ("justmanage_server_primary", 1.0),
        ("justmanage_server_slots", 16384.0),
        ("justmanage_agent_leader", 1.0),
        ("justmanage_agent_majority", 1.0),
        ("justmanage_cluster_converged", 1.0),
        ("justmanage_cluster_unseen_members", 0.0),
        ("justmanage_agent_steps_failed_total", 0.0),
        ("justmanage_journal_entries_lost_total", 0.0),
        ("redis_memory_max_bytes", f64::from(64 << 20)),
        ("redis_db_keys", 1.0),
        ("redis_keyspace_hits_total", 1.0),
        ("redis_keyspace_misses_total", 1.0),
        ("redis_evicted_keys_total", 0.0),
        ("redis_expired_keys_total", 0.0),
        ("redis_blocked_clients", 0.0),
        ("redis_connected_slaves", 0.0),
        ("redis_cluster_state", 1.0),
        ("redis_cluster_slots_ok", 16384.0),
        ("redis_aof_enabled", 1.0),
        ("redis_aof_last_write_status", 1.0),
        ("redis_rdb_last_bgsave_status", 1.0),
        ("redis_loading_dump_file", 0.0),
        ("redis_slowlog_length", 0.0),
    ];
    for (name, value) in exactly {
        // Of a slow machine every command is slow.
        if name != "redis_slowlog_length" || !page.has(name) || page.get(name) == 0.0 {
            assert_eq!(page.get(name), value, "{name}");
        }
    }
    let record = operator.status().await.expect("a status").record();
    assert_eq!(page.get("justmanage_record_generation"), record.generation.get() as f64);
    assert_eq!(page.get("justmanage_agent_settled_generation"), record.generation.get() as f64);
    let at_least_one = [
        "justmanage_agent_turns_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "justmanage_server_resident_memory_bytes",
        "justmanage_server_open_fds",
        "justmanage_data_used_bytes",
        "justmanage_data_filesystem_avail_bytes",
        "redis_memory_used_bytes",
        "redis_connected_clients",
        "redis_commands_processed_total",
        "redis_net_input_bytes_total",
        "redis_net_output_bytes_total",
    ];
    for name in at_least_one {
        assert!(page.get(name) >= 1.0, "{name}");
    }
    assert!(page.has("process_cpu_seconds_total") && page.has("justmanage_server_cpu_seconds_total"));
    assert_eq!(page.value("redis_commands_total", &[("cmd", "set")]), 1.0);
    assert_eq!(page.value("redis_instance_info", &[("redis_version", &version), ("role", "master")]), 1.0);
    let own = [("version", &*agent.version), ("cluster_id", &claim.cluster.to_string())];
    assert_eq!(page.value("justmanage_agent_build_info", &own), 1.0);
    assert_eq!(page.value("justmanage_journal_entries_total", &[("event", "up"), ("planned", "true")]), 1.0);
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    assert!(page.get("justmanage_server_certificate_expiry_timestamp_seconds") > now);
    assert!((now - page.get("justmanage_server_start_time_seconds")).abs() < 600.0);
}

#[tokio::test]
async fn redis_that_serves_is_read() {
    a_node_that_serves(&redis()).await;
}

#[tokio::test]
async fn valkey_that_serves_is_read() {
    a_node_that_serves(&valkey()).await;
}

#[tokio::test]
async fn known_holes_are_told_one_by_one() {
    let node = Node::new(&redis());
    let (agent, _operator) = serving(&node).await;
    let page = read(&agent, &node.operator).await;
    // The program of these tests lies where dpkg does not know it, so it is taken for Redis' own 7.0.15.
    assert_eq!(node.program.release.package, None);
    let told = page.with("justmanage_known_vulnerability", &[]);
    assert_eq!(page.get("justmanage_known_vulnerabilities"), told.len() as f64);
    assert_eq!(page.value("justmanage_known_vulnerability", &[("cve", "CVE-2025-49844"), ("fixed_in", "7.2.11")]), 1.0);
}

#[tokio::test]
async fn it_is_read_in_http_1_too_and_there_is_nothing_else() {
    let node = Node::new(&redis());
    let (agent, _operator) = serving(&node).await;
    let (head, body) = get_1(&agent, &node.operator, "/metrics").await.expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert_eq!(Exposition::read(&body).get("redis_up"), 1.0);
    for path in ["/", "/justmanage.agent.v1.Agent/Status"] {
        let (head, _) = get_1(&agent, &node.operator, path).await.expect("an answer");
        assert!(head.starts_with("HTTP/1.1 404 "), "{path}: {head}");
    }
}

#[tokio::test]
async fn readers_read_metrics_and_nothing_else_and_others_do_not() {
    let node = Node::new(&redis());
    let (agent, mut operator) = serving(&node).await;
    let reader = KeyPair::generate().expect("a key");
    assert!(get_1(&agent, &reader, "/metrics").await.is_err(), "a stranger");
    operator.change(|record| record.spec.metrics_readers = [reader.pin()].into()).await;
    let begun = Instant::now();
    while get_1(&agent, &reader, "/metrics").await.is_err() {
        assert!(begun.elapsed() < DEADLINE, "the reader is not let in");
    }
    assert_eq!(read(&agent, &reader).await.get("redis_up"), 1.0);
    let refused = Operator::with(&reader, &agent).status().await.expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused}");

    operator.change(|record| record.spec.metrics_readers.clear()).await;
    let begun = Instant::now();
    while get_1(&agent, &reader, "/metrics").await.is_ok() {
        assert!(begun.elapsed() < DEADLINE, "the reader is still let in");
    }
}

#[tokio::test]
async fn a_server_that_hangs_or_is_dead_is_a_figure_and_no_error() {
    let node = Node::new(&redis());
    let (agent, mut operator) = serving(&node).await;
    let before = read(&agent, &node.operator).await;
    let server = node.noted_server().expect("a server");
    signal(server.pid, "-STOP");
    let begun = Instant::now();
    let page = read(&agent, &node.operator).await;
    let took = begun.elapsed();
    signal(server.pid, "-CONT");
    assert!(took < Duration::from_secs(9), "Prometheus waits for ten seconds: {took:?}");
    assert_eq!((page.get("redis_up"), page.get("justmanage_server_running")), (0.0, 1.0));
    assert!(!page.has("redis_memory_used_bytes"), "nothing is said of what is not known");
    assert!(page.has("justmanage_data_used_bytes") && page.has("justmanage_record_generation"));
    assert!(page.has("justmanage_known_vulnerabilities"), "of what the Record wants");
    until("the server answers again", &agent, &node.operator, |page| page.get("redis_up") == 1.0).await;

    // A planned restart: figures of the server begin anew, those of the agent do not.
    signal(server.pid, "-KILL");
    operator.until("another server", |said| said.converged && said.server().is_some_and(|s| s.pid != server.pid)).await;
    let after = until("the new one answers", &agent, &node.operator, |page| page.get("redis_up") == 1.0).await;
    let turns = "justmanage_agent_turns_total";
    assert!(after.get(turns) > before.get(turns));
    let ups = "justmanage_journal_entries_total";
    assert_eq!(after.value(ups, &[("event", "down"), ("planned", "false")]), 1.0);
    assert_eq!(after.value(ups, &[("event", "up"), ("planned", "true")]), 2.0);
    assert_eq!(after.value(ups, &[("event", "started_empty"), ("planned", "false")]), 0.0, "it would be seen to rise");
}

#[tokio::test]
async fn before_there_is_a_cluster_the_first_operator_reads() {
    let node = Node::new(&redis());
    let agent = node.start();
    let page = read(&agent, &node.operator).await;
    assert_eq!((page.get("redis_up"), page.get("justmanage_server_running")), (0.0, 0.0));
    assert_eq!((page.get("justmanage_agent_leader"), page.get("justmanage_agent_majority")), (0.0, 0.0));
    for name in ["justmanage_record_generation", "justmanage_cluster_converged", "justmanage_data_used_bytes"] {
        assert!(!page.has(name), "{name}");
    }
}

#[tokio::test]
async fn primary_and_replica_tell_how_far_the_replica_is() {
    let cluster = Cluster::formed(&redis(), 1, 1, |_| {}).await;
    let said = cluster.operator(0).until("a primary", |said| primary(said, 0).is_some()).await;
    let leader = cluster.position(primary(&said, 0).expect("a primary"));
    let follower = 1 - leader;
    let key = &cluster.nodes[0].operator;
    let agent = |position: usize| &cluster.agents[&cluster.nodes[position].order.claim.node];
    assert_eq!(cluster.nodes[leader].redis(&["SET", "here", "1"]), "OK");
    let lag = "justmanage_replica_lag_bytes";
    let caught_up = |page: &Exposition| page.has(lag) && page.get(lag) == 0.0;
    let page = until("the replica has everything", agent(leader), key, caught_up).await;
    let port = agent(follower).client.port().to_string();
    let replica = [("slave_ip", "127.0.0.1"), ("slave_port", &*port), ("slave_state", "online")];
    assert_eq!(page.value("redis_connected_slave_offset_bytes", &replica), page.get("justmanage_replication_offset"));
    assert!(page.value("redis_connected_slave_lag_seconds", &replica) < 30.0);
    assert_eq!((page.get("redis_connected_slaves"), page.get("justmanage_server_primary")), (1.0, 1.0));
    assert!(!page.has("redis_master_link_up"), "a primary has no such link");

    let page = read(agent(follower), key).await;
    assert_eq!((page.get("redis_master_link_up"), page.get("justmanage_server_primary")), (1.0, 0.0));
    assert_eq!((page.get("redis_master_sync_in_progress"), page.get("justmanage_server_slots")), (0.0, 0.0));
    assert!(page.get("justmanage_replication_offset") > 0.0 && page.has("redis_master_last_io_seconds_ago"));
    assert_eq!(page.value("redis_instance_info", &[("role", "slave")]), 1.0);
    // The agents of the cluster are let in, and have no business here.
    let member = KeyPair::load(&cluster.nodes[follower].file("agent.key")).expect("a key");
    let (status, _, said) = get_2(agent(leader), &member, "/metrics").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(said.contains("metrics_readers"), "{said}");
    // One of the two leads, and only that one speaks of the cluster.
    let (mut leaders, mut speakers) = (0.0, 0);
    for position in [leader, follower] {
        let page = read(agent(position), key).await;
        leaders += page.get("justmanage_agent_leader");
        speakers += i32::from(page.has("justmanage_cluster_converged"));
    }
    assert_eq!((leaders, speakers), (1.0, 1));
}

/// The whole page of a node, for whoever wants to look at it or show it to `promtool check metrics`:
/// `JUSTMANAGE_SHOW=FILE cargo nextest run -p justmanage-agent the_page_is_small`.
#[tokio::test]
async fn the_page_is_small_and_quick_to_read() {
    let node = Node::new(&redis());
    let (agent, _operator) = serving(&node).await;
    let (_, _, text) = get_2(&agent, &node.operator, "/metrics").await;
    if let Some(file) = std::env::var_os("JUSTMANAGE_SHOW") {
        std::fs::write(file, &text).expect("a file");
    }
    assert!(text.len() < 64 << 10, "{} bytes", text.len());
    let calls = |page: &Exposition| page.get("redis_commands_processed_total");
    let before = Exposition::read(&text);
    let begun = Timestamp::now();
    let after = read(&agent, &node.operator).await;
    let took = Timestamp::now().duration_since(begun);
    // AUTH, INFO, CLUSTER INFO, SLOWLOG LEN: of this reading, and at most a few of the agent's own turns besides.
    assert!(calls(&after) - calls(&before) <= 40.0, "{} calls in {took:?}", calls(&after) - calls(&before));
}

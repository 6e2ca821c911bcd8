//! Texts of servers, read.

use super::*;

const A: &str = "07c37dfeb235213a872192d90877d0cd55635b91";
const B: &str = "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1";
const C: &str = "292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f";

fn id(text: &str) -> BusId {
    text.parse().unwrap()
}

fn nodes() -> Vec<BusNode> {
    let text = format!(
        "{A} 127.0.0.1:30004@31004,host.example,shard-id=ab slave,fail {B} 0 1426238317239 4 disconnected\n\
         {B} 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 5462 [5460->-{A}] [5461-<-{C}]\n\
         {C} ::1:30002@31002 master,fail? - 0 0 3 connected 5461 5463-16383\n"
    );
    parse_nodes(&text).unwrap()
}

fn view(info: &str, nodes: &[BusNode], links: Option<&BTreeSet<BusId>>) -> BusView {
    let cluster = "cluster_state:ok\r\ncluster_current_epoch:7\r\ncluster_my_epoch:1\r\n";
    let (info, cluster) = (Fields::parse(info), Fields::parse(cluster));
    Said { info: &info, cluster: &cluster, nodes, links }.view().unwrap()
}

#[test]
fn nodes_are_read() {
    let nodes = nodes();
    let [a, b, c] = &nodes[..] else { panic!("{nodes:?}") };
    assert_eq!(a.at, Some("127.0.0.1:30004".parse().unwrap()), "without the host name and other fields");
    assert_eq!((a.id, a.bus_port, a.primary), (id(A), 31004, Some(id(B))));
    assert!(a.replica && a.failed && !a.suspected && !a.myself && !a.connected && a.slots.is_empty());
    assert!(b.myself && !b.replica && b.primary.is_none() && !b.failed && b.connected);
    assert_eq!(b.slots.to_string(), "0-5460 5462", "with those on their way out, without those on their way in");
    let slot = |number| Slot::new(number).unwrap();
    assert_eq!(b.leaving, BTreeMap::from([(slot(5460), id(A))]));
    assert_eq!(b.arriving, BTreeMap::from([(slot(5461), id(C))]));
    assert_eq!(c.at, Some("[::1]:30002".parse().unwrap()));
    assert!(c.suspected && !c.failed);
}

#[test]
fn a_server_that_was_just_met_is_read() {
    let text = format!(
        "{A} 127.0.0.1:30004@31004 handshake - 1426238317239 0 0 disconnected\n{B} :0@0 master,noaddr - 1 1 0 disconnected\n"
    );
    let nodes = parse_nodes(&text).unwrap();
    assert!(nodes[0].handshake && !nodes[0].replica && !nodes[0].connected);
    assert!(nodes[1].lost && nodes[1].at.is_none());
}

#[test]
fn what_is_no_line_is_refused() {
    for text in [
        "something else\n".to_owned(),
        format!("{A} 127.0.0.1:30004 master - 0 0 1 connected\n"),
        format!("{A} 127.0.0.1:30004@31004 master x 0 0 1 connected\n"),
        format!("{A} 127.0.0.1:30004@31004 master - 0 0 1 connected 99999\n"),
        format!("{A} 127.0.0.1:30004@31004 master - 0 0 1 connected [99999->-{A}]\n"),
        "07c3 127.0.0.1:30004@31004 master - 0 0 1 connected\n".to_owned(),
    ] {
        assert_eq!(parse_nodes(&text), None, "{text}");
    }
}

#[test]
fn links_are_read() {
    let text = |text: &str| Reply::Text(text.to_owned());
    let link = |direction: &str, node: &str| {
        Reply::List(vec![
            text("create-time"),
            Reply::Number(9),
            text("direction"),
            text(direction),
            text("node"),
            text(node),
        ])
    };
    let links = Reply::List(vec![link("to", A), link("from", B), link("from", B)]);
    assert_eq!(parse_links(&links), Some(BTreeSet::from([id(B)])));
    assert_eq!(parse_links(&Reply::List(Vec::new())), Some(BTreeSet::new()));
    for other in [text("OK"), Reply::List(vec![text("to")]), Reply::List(vec![link("from", "x")])] {
        assert_eq!(parse_links(&other), None, "{other:?}");
    }
}

#[test]
fn a_primary_is_seen_with_its_replicas() {
    let info = "role:master\r\nconnected_slaves:3\r\n\
                slave0:ip=127.0.0.1,port=30004,state=online,offset=900,lag=1\r\n\
                slave1:ip=::1,port=30005,state=wait_bgsave,offset=0,lag=0,type=main-channel\r\n\
                slave2:ip=::1,port=30005,state=send_bulk,offset=0,lag=0,type=rdb-channel\r\n\
                master_repl_offset:1000\r\n";
    let links = BTreeSet::from([id(A)]);
    let seen = view(info, &nodes(), Some(&links));
    assert_eq!((seen.id, seen.ok, seen.epoch, seen.config_epoch), (id(B), true, 7, 1));
    let Role::Primary { replicas } = &seen.role else { panic!("{seen:?}") };
    let first = ReplicaLink { at: "127.0.0.1:30004".parse().unwrap(), online: true, lag_bytes: 100, lag_s: 1 };
    let second = ReplicaLink { at: "[::1]:30005".parse().unwrap(), online: false, lag_bytes: 1000, lag_s: 0 };
    assert_eq!(replicas, &[first, second]);
    let a = seen.peer(id(A)).unwrap();
    assert!(!a.linked_to && a.linked_from && a.failed);
    assert_eq!((a.replica_of, a.slots), (Some(id(B)), 0));
    let c = seen.peer(id(C)).unwrap();
    assert!(c.linked_to && !c.linked_from && c.suspected);
    assert_eq!((c.replica_of, c.slots), (None, 1 + 16383 - 5462));
    assert!(view(info, &nodes(), None).peers.iter().all(|peer| peer.linked_from), "unknown is taken for linked");
}

#[test]
fn a_replica_is_seen_with_its_link() {
    let mut nodes = nodes();
    nodes[1] = BusNode { replica: true, primary: Some(id(C)), ..nodes[1].clone() };
    let role = |info: &str| view(info, &nodes, None).role;
    let link = |up, syncing, silent_s| PrimaryLink { up, syncing, down_since: None, silent_s, at: None };
    let follows = |link| Role::Replica { of: id(C), link };
    let up = "role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:2\r\nmaster_sync_in_progress:0\r\n";
    assert_eq!(role(up), follows(link(true, false, Some(2))));
    let at = Some("[fd00::7]:6379".parse().unwrap());
    let called = format!("{up}master_host:fd00::7\r\nmaster_port:6379\r\n");
    assert_eq!(role(&called), follows(PrimaryLink { at, ..link(true, false, Some(2)) }));
    let first =
        "role:slave\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:1\r\n";
    assert_eq!(role(first), follows(link(false, true, None)));
    assert_eq!(
        role("role:master\r\nslave0:ip=::1,port=1,state=online,offset=0,lag=0\r\n"),
        follows(link(false, false, None))
    );
    nodes[1].primary = None;
    assert!(
        matches!(view(up, &nodes, None).role, Role::Replica { of, .. } if of == id(B)),
        "its own until it is known"
    );
}

#[test]
fn views_are_equal_when_servers_agree() {
    let here = nodes();
    let mut there: Vec<BusNode> = here.iter().rev().cloned().collect();
    // Whom one was asked of, links, suspicions, and strangers are no part of it.
    there[0].suspected = false;
    there[1].myself = false;
    there[2] = BusNode { myself: true, connected: true, at: None, ..there[2].clone() };
    there.push(BusNode { id: BusId::new([1; 20]), handshake: true, ..here[2].clone() });
    there.push(BusNode { id: BusId::new([2; 20]), lost: true, ..here[2].clone() });
    assert_eq!(fingerprint(&here), fingerprint(&there));
    for change in [
        |node: &mut BusNode| node.failed = !node.failed,
        |node: &mut BusNode| node.replica = !node.replica,
        |node: &mut BusNode| node.primary = Some(BusId::new([3; 20])),
        |node: &mut BusNode| node.slots = "7".parse().unwrap(),
        |node: &mut BusNode| node.id = BusId::new([4; 20]),
        |node: &mut BusNode| node.handshake = true,
    ] {
        let mut other = here.clone();
        change(&mut other[0]);
        assert_ne!(fingerprint(&here), fingerprint(&other), "{other:?}");
    }
}

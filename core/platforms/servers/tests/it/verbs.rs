//! The verbs, as far as servers have something of their own there.

use std::fs;
use std::path::PathBuf;

use justmanage_model::Bytes;
use justmanage_platforms::{Limits, Machine, MachineRef, MachineState, Platform, PlatformError};
use tokio::io::AsyncReadExt;

use crate::{Place, order, order_of, query, tree};

fn is_running(machine: &Machine) -> bool {
    matches!(machine.state, MachineState::Running(_))
}

#[tokio::test]
async fn a_server_gets_what_its_node_needs_of_the_system() {
    let place = Place::new();
    let servers = place.servers("db1 private 192.0.2.1; db2");
    let made = servers.ensure(&order(1)).await.expect("ensure");
    assert!(is_running(&made), "{made:?}");
    assert_eq!(made.reference, MachineRef(format!("db1/{}", order(1).claim.node)));
    let root = place.root("db1");
    let settings = fs::read_to_string(root.join("etc/sysctl.d/90-justmanage.conf")).expect("settings");
    assert!(settings.contains("# It was 0.\nvm.overcommit_memory = 1\n"), "{settings}");
    let called = fs::read_to_string(root.join("run/calls")).expect("calls");
    for words in [
        "useradd --system",
        "chown -h justmanage:justmanage",
        "enable justmanage-agent.service justmanage-server.socket",
    ] {
        assert!(called.contains(words), "{words}: {called}");
    }
    let text = fs::read_to_string(root.join("var/lib/justmanage/node/order.json")).expect("an order");
    assert!(text.contains("\"address\":\"192.0.2.1\""), "{text}");
}

#[tokio::test]
async fn a_program_is_sent_once_and_what_is_claimed_is_not_claimed_again() {
    let place = Place::new();
    place.servers("db1; db2").ensure(&order(1)).await.expect("first");
    let calls = place.calls().len();
    place.servers("db1; db2").ensure(&order(1)).await.expect("second");
    let again: Vec<String> = place.calls().split_off(calls);
    assert_eq!(again.iter().filter(|call| call.contains("install")).count(), 1, "{again:?}");
    assert!(again.iter().all(|call| !call.contains("claim")), "{again:?}");
}

#[tokio::test]
async fn hosts_that_cannot_be_asked_are_all_named_and_nothing_is_claimed_meanwhile() {
    let place = Place::new();
    let servers = place.servers("db1; db2; db3 hidden; db4");
    for host in ["db2", "db3"] {
        place.cut_off(host, true);
    }
    let errors = [
        servers.find(&query("cache")).await.expect_err("nobody knows"),
        servers.clusters().await.expect_err("nobody knows"),
        servers.ensure(&order(1)).await.expect_err("it may be there already"),
    ];
    for error in errors {
        assert!(matches!(&error, PlatformError::Unreachable { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("2 of 4") && said.contains("db2 ") && said.contains("db3 "), "{said}");
        assert!(error.hint().is_some_and(|hint| hint.contains("db2") && hint.contains("take it out of the pool")));
    }
    assert!(place.calls().iter().all(|call| call.contains("facts")), "{:?}", place.calls());
}

#[tokio::test]
async fn a_node_that_is_there_already_is_found_also_while_others_cannot_be_asked() {
    let place = Place::new();
    place.servers("db1; db2").ensure(&order(1)).await.expect("ensure");
    place.cut_off("db2", true);
    let found = place.servers("db1; db2").ensure(&order(1)).await.expect("its server answers");
    assert!(found.reference.0.starts_with("db1/"));
}

#[tokio::test]
async fn a_server_that_refused_is_asked_again_at_the_next_look() {
    let place = Place::new();
    place.servers("db1; db2").ensure(&order(1)).await.expect("ensure");
    let servers = place.servers("db1; db2");
    place.cut_off("db1", true);
    let seen = servers.find_seen(&query("cache")).await.expect("db2 answers");
    assert!(seen.machines.is_empty() && seen.silent.len() == 1 && seen.silent[0].contains("db1"), "{:?}", seen.silent);
    place.cut_off("db1", false);
    let seen = servers.find_seen(&query("cache")).await.expect("both answer");
    assert_eq!((seen.machines.len(), seen.silent.as_slice()), (1, &[][..]));
}

#[tokio::test]
async fn a_server_that_was_claimed_in_vain_is_given_back_with_the_agents_own_words() {
    let place = Place::new();
    place.install("# does not come up\n");
    let servers = place.servers("db1");
    let before = tree(&place.root("db1"));
    let failed = servers.ensure(&order(1)).await.expect_err("it does not come up");
    assert!(failed.to_string().contains("db1: The agent does not come up: the port is taken"), "{failed}");
    assert!(failed.hint().is_some_and(|hint| hint.contains("Free it.") && hint.contains("journalctl")), "{failed:?}");
    assert_eq!(tree(&place.root("db1")), before);
}

#[tokio::test]
async fn a_server_whose_agent_has_listened_is_not_given_back() {
    let place = Place::new();
    // As if another apply had brought it up meanwhile; and then it does not answer any more.
    place.install("# does not come up\n: >\"${dir:-/nonexistent}/agent.json\"\n");
    place.servers("db1").ensure(&order(1)).await.expect_err("it does not come up");
    assert!(place.root("db1").join("var/lib/justmanage/node/order.json").exists());
    place.install("");
    let found = place.servers("db1").find(&query("cache")).await.expect("find");
    assert_eq!(found[0].state, MachineState::Stopped);
}

#[tokio::test]
async fn a_server_that_was_claimed_before_is_kept_whatever_happens() {
    let place = Place::new();
    place.servers("db1").ensure(&order(1)).await.expect("ensure");
    let root = place.root("db1");
    fs::write(root.join("var/lib/justmanage/node/dump.rdb"), "data").expect("data");
    fs::remove_file(root.join("run/agent")).expect("stop it");
    let program = root.join("var/lib/justmanage/bin/agent").canonicalize().expect("its program");
    let broken = fs::read_to_string(&program).expect("a script") + "# does not come up\n";
    fs::write(&program, &broken).expect("a broken agent");
    place.servers("db1").ensure(&order(1)).await.expect_err("it does not come up");
    assert!(root.join("var/lib/justmanage/node/dump.rdb").exists());
    // A newer provider's agent takes the place of one that does not come up.
    place.install_newer("");
    let made = place.servers_of("db1", "0.2.0").ensure(&order(1)).await.expect("ours");
    let MachineState::Running(agent) = &made.state else { panic!("{made:?}") };
    assert_eq!(agent.version, "0.2.0");
}

#[tokio::test]
async fn an_agent_that_does_not_come_up_is_taken_out_again() {
    let place = Place::new();
    let made = place.servers("db1").ensure(&order(1)).await.expect("ensure");
    let before = tree(&place.root("db1"));
    place.install_newer("# does not come up\n");
    let failed = place.servers_of("db1", "0.2.0").upgrade(&made).await.expect_err("it does not come up");
    assert!(failed.to_string().contains("the one before it runs again: the port is taken"), "{failed}");
    assert_eq!(tree(&place.root("db1")), before);
    assert!(is_running(&place.servers("db1").find(&query("cache")).await.expect("find")[0]));
}

#[tokio::test]
async fn whoever_finds_no_server_free_is_told_whose_they_are() {
    let place = Place::new();
    let servers = place.servers("db1");
    servers.ensure(&order(1)).await.expect("ensure");
    let refused = servers.ensure(&order_of("queue", 9)).await.expect_err("taken");
    assert!(refused.to_string().contains("db1 is locked for cluster cache"), "{refused}");
}

#[tokio::test]
async fn what_a_command_of_a_host_says_reaches_the_user() {
    let place = Place::new();
    let servers = place.servers("db1");
    // A file where a directory has to be made.
    fs::write(place.root("db1").join("var/lib/justmanage"), "").expect("a file");
    let failed = servers.ensure(&order(1)).await.expect_err("no directory");
    assert!(failed.to_string().contains("db1: claiming it failed: ") && failed.hint().is_some(), "{failed:?}");
}

#[tokio::test]
async fn limits_are_a_part_of_the_unit_and_in_force_for_what_runs() {
    let place = Place::new();
    let servers = place.servers("db1");
    let made = servers.ensure(&order(1)).await.expect("ensure");
    let root = place.root("db1");
    fs::create_dir(root.join("run/instances")).expect("a directory");
    fs::write(root.join("run/instances/justmanage-server@1-2-3.service"), "").expect("a server");
    let cpu = "1.5".parse().ok();
    let limits = Limits { memory: Some(Bytes::mib(64)), data: Some(Bytes::mib(16)), cpu, ..Limits::default() };
    assert_eq!(servers.limit(&made, &limits).await.expect("limits"), Vec::<String>::new());
    let part = root.join("etc/systemd/system/justmanage-server@.service.d/limits.conf");
    assert!(fs::read_to_string(&part).expect("a part").contains("MemoryMax=67108864\n"));
    let called = fs::read_to_string(root.join("run/calls")).expect("calls");
    assert!(called.contains("set-property --runtime justmanage-server@1-2-3.service MemoryMax=67108864"), "{called}");
    // What is kept for the server is kept by the slice above it as well.
    let share = root.join("etc/systemd/system/justmanage.slice.d/limits.conf");
    let kept = "MemoryMin=16777216\nMemoryLow=67108864\nCPUWeight=10000\n";
    assert_eq!(fs::read_to_string(&share).expect("a part"), format!("[Slice]\n{kept}"));
    assert!(fs::read_to_string(&part).expect("a part").ends_with(kept));
    let at_once =
        "set-property --runtime justmanage.slice MemoryMin=16777216 MemoryLow=67108864 CPUWeight=10000 IOWeight=100";
    assert!(called.contains(at_once), "{called}");
    for unit in ["justmanage-server@.service", "justmanage-agent.service"] {
        let text = fs::read_to_string(root.join("etc/systemd/system").join(unit)).expect("a unit");
        assert!(text.contains("\nSlice=justmanage.slice\n"), "{unit}");
    }
    assert!(root.join("etc/systemd/system/justmanage.slice").exists());

    // The server has no other process than 0 here: it uses 100 MB, twice which and 128 MiB are what it may come to need.
    fs::create_dir_all(root.join("proc/0")).expect("a directory");
    fs::write(root.join("proc/0/status"), "Name:\tredis-server\nVmRSS:\t  100000 kB\n").expect("a process");
    let now = || fs::read_to_string(root.join("run/memory")).expect("a limit").trim().to_owned();
    let limited = async |mib: u64| {
        let limits = Limits { memory: Some(Bytes::mib(mib)), ..Limits::default() };
        servers.limit(&made, &limits).await.expect("limits")
    };
    assert_eq!(limited(256).await, Vec::<String>::new(), "a wider one can only help");
    assert_eq!(now(), Bytes::mib(256).get().to_string());
    let later = limited(200).await;
    assert!(later[0].contains("not before the server's next start: memory: it uses 100000 KiB now"), "{later:?}");
    assert_eq!(now(), Bytes::mib(256).get().to_string(), "as it was");
    assert!(fs::read_to_string(&part).expect("a part").contains("MemoryMax=209715200\n"), "for its next start");
    assert_eq!(limited(512).await, Vec::<String>::new());
    assert_eq!(limited(400).await, Vec::<String>::new(), "enough");
    assert_eq!(now(), Bytes::mib(400).get().to_string());

    servers.limit(&made, &Limits::default()).await.expect("none");
    for part in [&part, &share] {
        assert!(!part.exists() && !part.parent().expect("a directory").exists(), "{}", part.display());
    }
    servers.limit(&made, &limits).await.expect("limits");
    let gone = Machine { reference: MachineRef(format!("db1/{}", order(2).claim.node)), ..made.clone() };
    let refused = servers.limit(&gone, &limits).await.expect_err("another's");
    assert!(matches!(refused, PlatformError::NotFound { .. }), "{refused:?}");

    servers.remove(&made.reference).await.expect("removed");
    let left = tree(&root).into_keys().filter(|path| path.to_string_lossy().contains("justmanage"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn an_agent_whose_address_leads_nowhere_is_reached_through_its_host() {
    let place = Place::new();
    // TEST-NET-1, which leads nowhere.
    let servers = place.servers("db1 private 192.0.2.1");
    let made = servers.ensure(&order(1)).await.expect("ensure");
    let reached = servers.reach(&made).await.expect("reach");
    assert_eq!(reached.agent.agent.to_string(), "192.0.2.1:7379");
    let way = reached.way.expect("a way");
    assert_eq!(format!("{way:?}"), "Way(\"SSH to db1\")");
    let mut said = String::new();
    way.dial().await.expect("a connection").read_to_string(&mut said).await.expect("text");
    assert_eq!(said, "192.0.2.1:7379 through db1");
}

#[tokio::test]
async fn a_node_goes_where_its_server_has_gone_and_stays_the_same_node() {
    let place = Place::new();
    let made = place.servers("db1; db2").ensure(&order(1)).await.expect("ensure");
    let agent = |machine: &Machine| match &machine.state {
        MachineState::Running(info) => info.agent.to_string(),
        MachineState::Stopped => "stopped".to_owned(),
    };
    assert_eq!(agent(&made), "192.0.2.2:7379");
    let root = place.root("db1");
    let found = async |pool: &str| {
        let found = place.servers(pool).find(&query("cache")).await.expect("find");
        found.iter().map(agent).collect::<Vec<_>>()
    };

    // The pool names another address, which the server does not have: translated on the way.
    assert_eq!(found("db1 private 192.0.2.9; db2").await, ["192.0.2.2:7379"]);
    // It has both: it goes where the pool says.
    fs::write(root.join("run/addresses"), "192.0.2.2 192.0.2.9").expect("a file");
    assert_eq!(found("db1; db2").await, ["192.0.2.2:7379"]);
    assert_eq!(found("db1 private 192.0.2.9; db2").await, ["stopped"]);
    let again = place.servers("db1 private 192.0.2.9; db2").ensure(&order(1)).await.expect("ensure");
    assert_eq!((agent(&again).as_str(), &again.claim), ("192.0.2.9:7379", &made.claim));
    assert_eq!(found("db1; db2").await, ["192.0.2.9:7379"], "where it is it stays, as long as it can");

    // The old one is gone altogether, and who has been killed on the way is followed by the next.
    fs::write(root.join("run/addresses"), "192.0.2.2").expect("a file");
    assert_eq!(found("db1; db2").await, ["stopped"]);
    let back = place.servers("db1; db2").ensure(&order(1)).await.expect("ensure");
    assert_eq!(agent(&back), "192.0.2.2:7379");
    let left: Vec<_> = fs::read_dir(root.join("var/lib/justmanage")).expect("ours").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".order")), "{left:?}");
}

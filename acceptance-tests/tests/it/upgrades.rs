//! A newer provider over a cluster of an older one: states and Records are read, and agents are replaced under servers that run on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use acceptance_tests::steps::{Point, Steps, Victim};
use acceptance_tests::{DEADLINE, Login, Workspace, binaries, processes, wait_until};
use redis::TypedCommands;
use rustix::process::Signal;

use crate::clusters::shaped;
use crate::world::{CLUSTER, agent, applied, login, server, text};

/// Puts provider and agent of another version where Terraform finds them: the same programs, that call themselves so.
pub(crate) fn release(workspace: &Workspace, version: &str) {
    for name in [binaries::PROVIDER, binaries::AGENT] {
        let (place, made) = (workspace.plugins().join(name), workspace.plugins().join(format!("{name}.new")));
        fs::copy(binaries::built(name), &made).expect("a copy");
        let mut program = OpenOptions::new().append(true).open(&made).expect("the copy");
        write!(program, "\njustmanage-version {version}\n").expect("its version");
        fs::rename(made, place).expect("in place");
    }
}

/// The versions of the agents that run, by node.
fn versions(workspace: &Workspace) -> BTreeMap<String, String> {
    let version = |node: &std::path::PathBuf| {
        let info: serde_json::Value = serde_json::from_slice(&fs::read(node.join("agent.json")).expect("agent.json"))
            .expect("what an agent says of itself");
        (node.display().to_string(), text(&info["version"]))
    };
    workspace.nodes().iter().map(version).collect()
}

fn servers(workspace: &Workspace) -> BTreeSet<i32> {
    workspace.running("redis-server").iter().map(|process| process.pid).collect()
}

/// Writes to a key of one shard until it is over; how often, and what went wrong.
fn write_until(over: &AtomicBool, written: &AtomicU64, logins: &[Login]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut client = logins
        .iter()
        .find_map(|login| {
            let mut client = login.connect().ok()?;
            client.set("app:counter", 0).ok()?;
            Some(client)
        })
        .expect("a server takes the key");
    while !over.load(Ordering::SeqCst) {
        match client.set("app:counter", written.load(Ordering::SeqCst) + 1) {
            Ok(()) => drop(written.fetch_add(1, Ordering::SeqCst)),
            Err(error) => {
                faults.push(error.to_string());
                return faults;
            }
        }
    }
    assert_eq!(client.get("app:counter").expect("read"), Some(written.load(Ordering::SeqCst).to_string()));
    faults
}

/// Looks at the agents that run until it is over; the fewest there were.
fn fewest_agents(over: &AtomicBool, workspace: &Workspace) -> usize {
    let mut fewest = usize::MAX;
    while !over.load(Ordering::SeqCst) {
        // `start`, `status` and the like run the same program; the agents themselves say `run`.
        let agents = workspace.running("justmanage-agent");
        fewest = fewest.min(agents.iter().filter(|process| process.command.contains(" run --dir ")).count());
    }
    fewest
}

#[test]
fn agents_are_upgraded_one_at_a_time_under_servers_that_run_on() {
    let mut workspace = shaped(3, 1);
    workspace.allow_alarm("");
    let steps = Steps::of(&mut workspace);
    workspace.apply().ok();
    let serving = servers(&workspace);
    let state = workspace.resource(CLUSTER);
    assert_eq!(state["agent_version"], "0.1.0");
    let one = login(&workspace);
    let endpoints = state["endpoints"].as_array().expect("endpoints");
    let logins: Vec<Login> = endpoints.iter().map(|at| Login { endpoint: text(at), ..one.clone() }).collect();

    release(&workspace, "0.2.0");
    let plan = workspace.planned();
    assert_eq!(plan.actions(CLUSTER), ["update"]);
    assert_eq!(plan.after(CLUSTER)["agent_version"], "0.2.0", "known before it is done");
    let (over, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(&over, &written, &logins));
        let watcher = scope.spawn(|| fewest_agents(&over, &workspace));
        let work = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| half_and_whole(&workspace, &steps)));
        over.store(true, Ordering::SeqCst);
        let (faults, fewest) = (writer.join().expect("the writer"), watcher.join().expect("the watcher"));
        work.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert_eq!(faults, Vec::<String>::new(), "a client notices nothing");
        assert!(fewest >= 5, "never more than one agent is away: {fewest} were there");
    });
    assert!(written.load(Ordering::SeqCst) > 100, "it wrote all the while");
    assert_eq!(servers(&workspace), serving, "the same processes");
    assert_eq!(workspace.resource(CLUSTER)["agent_version"], "0.2.0");
    workspace.assert_no_changes();

    older_again(&workspace);
    assert_eq!(servers(&workspace), serving);
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

/// The provider is killed half-way; a user is changed while agents of both versions run; the next apply finishes.
fn half_and_whole(workspace: &Workspace, steps: &Steps) {
    let name = "terraform-provider-justmanage: platform.upgrade: answered".to_owned();
    steps.kill(Victim::Itself, &Point { name, time: 3 });
    workspace.apply();
    assert!(steps.was_killed(), "three agents were replaced");
    let mixed: BTreeSet<String> = versions(workspace).into_values().collect();
    assert_eq!(mixed, BTreeSet::from(["0.1.0".to_owned(), "0.2.0".to_owned()]));

    // By the older provider, which does not go on with the upgrade.
    release(workspace, "0.1.0");
    let main = fs::read_to_string(workspace.config().join("main.tf")).expect("configuration");
    workspace.write("main.tf", &main.replace("-@dangerous", "-@dangerous +ping"));
    workspace.apply().ok();
    let still: BTreeSet<String> = versions(workspace).into_values().collect();
    assert_eq!(still, mixed, "and both take the change of a user");
    release(workspace, "0.2.0");
    workspace.apply().ok();
    let all: BTreeSet<String> = versions(workspace).into_values().collect();
    assert_eq!(all, BTreeSet::from(["0.2.0".to_owned()]));
}

/// An older provider says that it is older, starts a dead agent with the newer program, and changes nothing.
fn older_again(workspace: &Workspace) {
    release(workspace, "0.1.5");
    let run = workspace.plan().ok();
    assert!(run.warnings().any(|warning| warning.summary == "Agents are newer than this provider"), "{run}");
    workspace.assert_no_changes();
    let victim = workspace.running("justmanage-agent")[0].pid;
    processes::signal(victim, Signal::KILL);
    wait_until("the agent is gone", DEADLINE, || !processes::is_alive(victim));
    workspace.apply().ok();
    let all: BTreeSet<String> = versions(workspace).into_values().collect();
    assert_eq!(all, BTreeSet::from(["0.2.0".to_owned()]), "no agent became older");
    assert_eq!(workspace.running("justmanage-agent").len(), 6);
    workspace.assert_no_changes();
}

#[test]
fn an_agent_that_does_not_start_is_taken_out_again() {
    let mut workspace = crate::world::prepared("redis");
    workspace.allow_alarm("");
    let steps = Steps::of(&mut workspace);
    workspace.apply().ok();
    let (serving, before) = (server(&workspace, "redis"), agent(&workspace));
    release(&workspace, "0.2.0");
    // The new one dies as soon as it begins.
    steps.kill(Victim::Itself, &Point { name: "run: agent: has its lock".to_owned(), time: 1 });
    let run = workspace.apply().fails();
    let said: String = run.errors().map(|error| error.detail.clone()).collect();
    assert!(said.contains("0.2.0 does not start") && said.contains("0.1.0, was put back and runs"), "{run}");
    assert!(steps.was_killed());
    assert_ne!(agent(&workspace), before, "another process of the old program");
    assert_eq!(versions(&workspace).into_values().collect::<Vec<_>>(), ["0.1.0"]);
    assert_eq!(server(&workspace, "redis"), serving);
    assert_eq!(workspace.resource(CLUSTER)["agent_version"], "0.1.0", "the state says what is");
    login(&workspace).connect().expect("it serves");

    workspace.apply().ok();
    assert_eq!(workspace.resource(CLUSTER)["agent_version"], "0.2.0");
    assert_eq!(server(&workspace, "redis"), serving);
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

/// What the first release wrote, of a cluster that still runs: attributes that came later are not there.
#[test]
fn a_state_that_an_older_provider_wrote_is_read_as_what_it_meant() {
    let workspace = applied("redis");
    let serving = (agent(&workspace), server(&workspace, "redis"));
    let path = workspace.config().join("terraform.tfstate");
    const SINCE: [&str; 6] =
        ["on_crash", "deletion_protection", "pending", "known_vulnerabilities", "resources", "metrics_readers"];
    for (version, missing) in [(1, &["agent_version"][..]), (0, &[&["agent_version"], &SINCE[..]].concat())] {
        let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("state")).expect("JSON");
        let resources = state["resources"].as_array_mut().expect("resources");
        let cluster = resources.iter_mut().find(|one| one["type"] == "justmanage_redis_cluster").expect("the cluster");
        let instance = &mut cluster["instances"][0];
        instance["schema_version"] = version.into();
        instance.as_object_mut().expect("an instance").remove("private");
        let attributes = instance["attributes"].as_object_mut().expect("attributes");
        for name in missing {
            assert!(attributes.remove(*name).is_some(), "{name}");
        }
        fs::write(&path, state.to_string()).expect("the older state");
        if version == 0 {
            // A cluster that was made before there was protection is protected from now on; it says so once.
            let main = fs::read_to_string(workspace.config().join("main.tf")).expect("configuration");
            workspace.write("main.tf", &main.replace("  deletion_protection = false\n", ""));
        }
        workspace.assert_no_changes();
        workspace.apply().ok();
        assert_eq!(workspace.resource(CLUSTER)["agent_version"], "0.1.0", "version {version}");
        assert_eq!((agent(&workspace), server(&workspace, "redis")), serving, "nothing was touched");
    }
    let main = fs::read_to_string(workspace.config().join("main.tf")).expect("configuration");
    workspace.write("main.tf", &main.replace("  local   = {}\n", "  local   = {}\n  deletion_protection = false\n"));
    workspace.apply().ok();
    workspace.destroy().ok();
}

//! Limits in the real kernel: read back, and felt by a process that wants too much.
//!
//! Where this user may not make control groups, what is tested is that the agent says so and the server runs all the same.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use justmanage_agent::Directory;
use justmanage_agent::limits::{self, Limits, Wanted};
use justmanage_agent::process::{Confinement, Launch};
use justmanage_model::spec::process_limit;
use justmanage_model::{Bytes, Io, NodeId, Resources, ServerState};

use crate::node::{AGENT, Node, random};
use crate::operator::{Operator, first_record};
use crate::servers::redis;
use crate::wait::until;

/// A node without a server: only its groups.
struct Groups {
    home: tempfile::TempDir,
    limits: Limits,
    node: NodeId,
}

impl Groups {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let node = NodeId::from_entropy(random());
        Self { limits: Limits::new(Directory::new(home.path()), node), home, node }
    }

    /// How a process begins; `None` where groups cannot be made.
    fn confinement(&self, wanted: Wanted) -> Option<Confinement> {
        let confinement = self.limits.confinement(wanted);
        (!confinement.join.is_empty()).then_some(confinement)
    }

    fn command(&self, confinement: Confinement, program: &str, arguments: &[&str]) -> Command {
        let arguments: Vec<_> = arguments.iter().map(std::ffi::OsStr::new).collect();
        let launch = Launch { confinement, ..Launch::new(self.home.path(), Path::new(program), &arguments) };
        launch.command(AGENT)
    }

    fn remove(&self) {
        limits::remove(&Directory::new(self.home.path()));
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A process that ends with the test, however that ends.
struct Helper(Child);

impl Helper {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).spawn().expect("started"))
    }

    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.end();
    }
}

fn wanted(mib: u64, cpu: Option<&str>) -> Wanted {
    let cpu = cpu.map(|cpu| cpu.parse().expect("processors"));
    Wanted { memory: Bytes::mib(mib), resources: Resources { cpu, ..Resources::NOTHING } }
}

/// Groups of ours that a process is in: the paths that the kernel gives.
fn groups_of(pid: u32, node: NodeId) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    text.lines().filter(|line| line.ends_with(&format!("justmanage-{node}"))).map(str::to_owned).collect()
}

#[test]
fn a_process_begins_in_its_groups_and_they_go_with_the_node() {
    let groups = Groups::new();
    let Some(confinement) = groups.confinement(wanted(16, Some("0.5"))) else { return only_said(&groups) };
    let made: Vec<PathBuf> = confinement.join.iter().map(|file| file.parent().expect("a group").to_owned()).collect();
    let mut child = Helper::start(groups.command(confinement.clone(), "/bin/sleep", &["600"]));
    let pid = child.0.id();
    let program = format!("/proc/{pid}/comm");
    until("it is the program", || fs::read_to_string(&program).is_ok_and(|name| name == "sleep\n").then_some(()));
    assert_eq!(groups_of(pid, groups.node).len(), confinement.join.len());
    for members in &confinement.join {
        assert_eq!(fs::read_to_string(members).expect("members"), format!("{pid}\n"));
    }
    // Not every root may: in a container it often lacks the capability.
    let may = ["-c", "echo -500 > /proc/self/oom_score_adj"];
    let may = Command::new("/bin/sh").args(may).stderr(Stdio::null()).status().expect("a shell").success();
    let own = fs::read_to_string("/proc/self/oom_score_adj").expect("a score");
    let score = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("a score");
    assert_eq!(score, if may { "-500\n" } else { &own });
    let limit = process_limit(Bytes::mib(16)).get();
    let memory = &made[0];
    let read = |file: &str| fs::read_to_string(memory.join(file)).ok().map(|text| text.trim().to_owned());
    let in_force = read("memory.max").or_else(|| read("memory.limit_in_bytes"));
    assert_eq!(in_force, Some(limit.to_string()));
    child.end();
    groups.remove();
    assert!(made.iter().all(|group| !group.exists()), "{made:?}");
}

#[test]
fn a_process_that_wants_more_is_ended_and_no_other() {
    let groups = Groups::new();
    let Some(confinement) = groups.confinement(wanted(16, None)) else { return only_said(&groups) };
    // `tail` keeps the last line, which never ends. Should the limit not hold, another one ends it at 1.5 GB: by an error.
    let hungry = |confinement: Confinement| {
        let arguments = ["-c", "ulimit -v 1500000; exec tail /dev/zero"];
        groups.command(confinement, "/bin/sh", &arguments).stderr(Stdio::null()).status().expect("an end")
    };
    let ended = hungry(confinement);
    assert_eq!(ended.signal(), Some(9), "the kernel ended it: {ended:?}");
}

#[test]
fn processor_time_is_shared_out_as_said() {
    let groups = Groups::new();
    let Some(confinement) = groups.confinement(wanted(16, Some("0.2"))) else { return only_said(&groups) };
    let cpu = confinement.join.last().expect("a group").parent().expect("a directory").to_owned();
    let busy = ["-c", "while :; do :; done"];
    let _child = Helper::start(groups.command(confinement, "/bin/sh", &busy));
    // Throttled within the first period in which it has used up its 20 ms.
    let throttled = || {
        let stat = fs::read_to_string(cpu.join("cpu.stat")).expect("figures");
        let count = stat.lines().find_map(|line| line.strip_prefix("nr_throttled "))?.parse::<u64>().ok()?;
        (count > 0).then_some(())
    };
    until("it has to wait", throttled);
}

/// Without control groups there are sentences, and nothing else.
fn only_said(groups: &Groups) {
    let told = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let told = told.block_on(groups.limits.enforce(std::process::id(), wanted(16, Some("1"))));
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[..2].iter().all(|sentence| sentence.contains("not limited: ")), "{told:?}");
}

#[tokio::test]
async fn a_server_has_its_limits_and_says_so() {
    let node = Node::new(&redis());
    let agent = node.start();
    let mut operator = Operator::of(&node, &agent);
    let mut record = first_record(&node, &agent);
    let io = Io { read_bandwidth: Some(Bytes::mib(900)), write_iops: Some(90_000), ..Io::NOTHING };
    record.spec.resources = Resources { cpu: "0.75".parse().ok(), io, ..Resources::NOTHING };
    operator.found(&record).await.expect("founded");
    operator.converged().await;
    let said = operator.until("limits", |said| !said.node.limits.is_empty()).await;
    let ServerState::Running(server) = &said.node.server else { panic!("{said:?}") };
    let sentences = &said.node.limits;
    assert_eq!(sentences.len(), 3, "{sentences:?}");
    let groups = groups_of(server.pid, node.order.claim.node);
    if sentences[0].contains("not limited") {
        assert!(groups.is_empty(), "{groups:?}");
        return;
    }
    assert!(sentences[0].starts_with("memory: at most 320MiB for the process, for 64MiB of data"), "{sentences:?}");
    assert!(sentences[1].starts_with("processors: at most 0.75"), "{sentences:?}");
    // A file system without a disk of its own cannot be limited.
    let (limited, not) = ("io: at most 900MiB/s read, 90000 writes/s of disk ", "io: not limited: ");
    assert!(sentences[2].starts_with(limited) || sentences[2].starts_with(not), "{sentences:?}");
    assert!(!groups.is_empty());
    let noted: serde_json::Value =
        serde_json::from_slice(&fs::read(node.file("limits.json")).expect("a file")).expect("JSON");
    let made: Vec<PathBuf> = serde_json::from_value(noted["groups"].clone()).expect("paths");
    assert!(made.iter().all(|group| group.join("cgroup.procs").exists()), "{made:?}");

    // More memory while it runs; and what it begins with at its next start.
    operator.change(|record| record.spec.memory = Bytes::mib(128)).await;
    operator.until("the new limit", |said| said.node.limits.iter().any(|text| text.contains("448MiB"))).await;
    let pid = server.pid;
    crate::node::signal(pid, "-KILL");
    let again = |said: &crate::operator::Said| said.converged && said.server().is_some_and(|server| server.pid != pid);
    let said = operator.until("another server", again).await;
    let server = said.server().expect("a server");
    assert_eq!(groups_of(server.pid, node.order.claim.node), groups, "in the same groups");

    node.remove();
    assert!(made.iter().all(|group| !group.exists()), "nothing is left of {made:?}");
}

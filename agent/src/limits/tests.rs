//! Limits by tables, on trees that only look like the kernel's.

use std::fs;

use justmanage_model::Io;

use super::group::name;
use super::*;

mod resources;
mod unit;

/// A machine: `proc/` and the trees that it names.
struct Machine {
    home: tempfile::TempDir,
}

const PID: u32 = 4242;

fn node() -> NodeId {
    NodeId::from_entropy([1; 10])
}

fn ours() -> String {
    name(node())
}

fn wanted(mib: u64, cpu: Option<&str>) -> Wanted {
    let cpu = cpu.map(|cpu| cpu.parse().expect("processors"));
    Wanted { memory: Bytes::mib(mib), resources: Resources { cpu, ..Resources::NOTHING } }
}

/// With a disk that is limited in every way.
fn with_io(mib: u64) -> Wanted {
    let io = Io {
        read_bandwidth: Some(Bytes::mib(100)),
        write_bandwidth: Some(Bytes::mib(50)),
        read_iops: Some(1000),
        write_iops: Some(500),
        weight: Some(200),
    };
    Wanted { memory: Bytes::mib(mib), resources: Resources { io, ..Resources::NOTHING } }
}

const DISK: Disk = Disk { major: 254, minor: 0 };

impl Machine {
    /// With version 2 only; the agent is in `/system.slice/agent`.
    fn new() -> Self {
        let machine = Self { home: tempfile::tempdir().expect("a directory") };
        let tree = machine.path("tree");
        machine.put("proc/self/mountinfo", &format!("9 1 0:9 / {} rw - cgroup2 cgroup2 rw\n", tree.display()));
        machine.put("proc/self/cgroup", "0::/system.slice/agent\n");
        machine.put("tree/cgroup.controllers", "cpuset cpu io memory pids\n");
        machine.put("tree/system.slice/agent/memory.max", "max\n");
        machine.put(&format!("proc/{PID}/cgroup"), "0::/system.slice/agent\n");
        machine.put(&format!("proc/{PID}/status"), "Name:\tredis-server\nVmRSS:\t   12345 kB\n");
        fs::create_dir(machine.path("node")).expect("a directory");
        machine
    }

    /// With version 1 only; the agent is in `/user`. The kernel fills a group with its files; here they are there before it.
    fn first() -> Self {
        let machine = Self::new();
        let mount = |name: &str| format!("9 1 0:9 / {} rw - cgroup cgroup rw,{name}\n", machine.path(name).display());
        machine.put("proc/self/mountinfo", &(mount("memory") + &mount("cpu") + &mount("blkio")));
        machine.put("proc/self/cgroup", "7:blkio:/\n4:memory:/user\n1:cpu:/\n0::/\n");
        machine.put(&format!("proc/{PID}/cgroup"), "7:blkio:/\n4:memory:/user\n1:cpu:/\n0::/\n");
        let (memory, cpu) = (format!("memory/user/{}", ours()), format!("cpu/{}", ours()));
        for file in ["read_bps", "write_bps", "read_iops", "write_iops"] {
            machine.put(&format!("blkio/{}/blkio.throttle.{file}_device", ours()), "");
        }
        for file in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] {
            machine.put(&format!("{memory}/{file}"), "9223372036854771712\n");
        }
        machine.put(&format!("{memory}/memory.swappiness"), "60\n");
        machine.put(&format!("{cpu}/cpu.cfs_period_us"), "100000\n");
        machine.put(&format!("{cpu}/cpu.cfs_quota_us"), "-1\n");
        machine.put(&format!("{cpu}/cpu.shares"), "1024\n");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().expect("a directory")).expect("a directory");
        fs::write(self.path(name), text).expect("a file");
    }

    fn get(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}")).trim().to_owned()
    }

    fn limits(&self) -> Limits {
        Limits::on(Limiter::Agent, Directory::new(self.path("node")), node(), self.path("proc"), Ok(DISK))
    }

    /// Of an agent whose server is a unit's.
    fn limits_of_unit(&self) -> Limits {
        Limits::on(Limiter::Unit, Directory::new(self.path("node")), node(), self.path("proc"), Ok(DISK))
    }

    /// As the agent sees it, without what it remembers.
    fn told(&self, wanted: Wanted) -> Vec<String> {
        self.limits().inner.told(PID, wanted)
    }

    /// The server begins in its groups.
    fn started(&self, wanted: Wanted) {
        let confinement = self.limits().confinement(wanted);
        assert!(!confinement.join.is_empty());
        let first = self.path("proc/self/cgroup");
        let groups = if fs::read_to_string(first).expect("a file").contains("memory") {
            format!("7:blkio:/{0}\n4:memory:/user/{0}\n1:cpu:/{0}\n", ours())
        } else {
            format!("0::/justmanage/{}\n", ours())
        };
        self.put(&format!("proc/{PID}/cgroup"), &groups);
    }
}

const MIB: u64 = 1 << 20;

#[test]
fn version_2_a_server_begins_in_a_group_at_the_top() {
    let machine = Machine::new();
    let group = format!("tree/justmanage/{}", ours());
    let confinement = machine.limits().confinement(wanted(64, Some("0.5")));
    assert_eq!(confinement.join, [machine.path(&group).join("cgroup.procs")], "one group for both");
    assert_eq!(confinement.oom_score_adj, Some(-500));
    assert_eq!(machine.get(&format!("{group}/memory.max")), (320 * MIB).to_string());
    assert_eq!(machine.get(&format!("{group}/memory.high")), (320 * MIB / 100 * 95).to_string());
    assert_eq!(machine.get(&format!("{group}/cpu.max")), "50000 100000");
    for above in ["tree", "tree/justmanage"] {
        // The kernel adds what is written to what is there; a file only keeps the last.
        assert_eq!(machine.get(&format!("{above}/cgroup.subtree_control")), "+cpu", "{above}");
    }
    machine.put(&format!("{group}/memory.swap.max"), "max");
    machine.put(&format!("{group}/cpu.weight"), "100");
    machine.limits().confinement(wanted(64, Some("0.5")));
    assert_eq!(machine.get(&format!("{group}/memory.swap.max")), "0");
    assert_eq!(machine.get(&format!("{group}/cpu.weight")), "50");
}

#[test]
fn version_1_a_server_begins_below_the_agents_groups() {
    let machine = Machine::first();
    let (memory, cpu) = (format!("memory/user/{}", ours()), format!("cpu/{}", ours()));
    let confinement = machine.limits().confinement(wanted(64, Some("1.5")));
    let members = |group: &str| machine.path(group).join("cgroup.procs");
    assert_eq!(confinement.join, [members(&memory), members(&cpu)]);
    for file in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] {
        assert_eq!(machine.get(&format!("{memory}/{file}")), (320 * MIB).to_string(), "{file}");
    }
    assert_eq!(machine.get(&format!("{memory}/memory.swappiness")), "0");
    assert_eq!(machine.get(&format!("{cpu}/cpu.cfs_quota_us")), "150000");
    assert_eq!(machine.get(&format!("{cpu}/cpu.shares")), "1536");
    let only_memory = Machine::first().limits().confinement(wanted(64, None));
    assert_eq!(only_memory.join.len(), 1, "nobody asked for processors");
}

#[test]
fn what_is_in_force_is_told() {
    for (machine, version) in [(Machine::new(), 2), (Machine::first(), 1)] {
        let wanted = wanted(64, Some("0.5"));
        machine.started(wanted);
        let (swap, kernel, reserved) = match version {
            2 => (
                "swap is not accounted for by this kernel",
                "this kernel",
                "but not before others, for which this kernel has nothing",
            ),
            _ => ("no swap", "version 1", "before others in the agent's own control group alone"),
        };
        let expected = [
            format!(
                "memory: at most 320MiB for the process, for 64MiB of data; {swap}; others may take from it, against which {kernel} has \
                 nothing (control groups, version {version})"
            ),
            format!("processors: at most 0.5 for the process, {reserved} (control groups, version {version})"),
            "io: not limited, as the cluster asks for none".to_owned(),
        ];
        assert_eq!(machine.told(wanted), expected);
        assert_eq!(machine.get(&format!("proc/{PID}/oom_score_adj")), "-500");
    }
}

#[test]
fn a_server_that_began_elsewhere_is_put_into_its_group() {
    let machine = Machine::new();
    let group = format!("tree/justmanage/{}", ours());
    machine.put(&format!("{group}/memory.max"), "max\n");
    let told = machine.told(wanted(64, None));
    assert!(told[0].starts_with("memory: at most 320MiB"), "{told:?}");
    assert_eq!(
        told[1..],
        ["processors: not limited, as the cluster asks for none", "io: not limited, as the cluster asks for none"]
    );
    assert!(!machine.path(&format!("{group}/cpu.max")).exists(), "nobody asked for processors");
    assert_eq!(machine.get(&format!("{group}/cgroup.procs")), PID.to_string());
}

#[test]
fn limits_follow_what_is_wanted_but_never_below_what_is_used() {
    let machine = Machine::new();
    let limit =
        || machine.get(&format!("tree/justmanage/{}/memory.max", ours())).parse::<u64>().expect("a number") / MIB;
    let uses = |mib: u64| machine.put(&format!("proc/{PID}/status"), &format!("VmRSS:\t{} kB\n", mib << 10));
    uses(10);
    machine.started(wanted(1024, None));
    assert_eq!(limit(), 2432);
    machine.told(wanted(2048, None));
    assert_eq!(limit(), 4736, "raised");
    uses(1000);
    machine.told(wanted(64, None));
    assert_eq!(limit(), 2128, "twice what is used, and the fixed part");
    uses(1500);
    machine.told(wanted(64, None));
    assert_eq!(limit(), 2128, "never raised by use alone");
    uses(20);
    let told = machine.told(wanted(64, None));
    assert_eq!(limit(), 320, "as wanted, as soon as that is possible");
    assert!(told[0].contains("320MiB"));
}

#[test]
fn processors_are_set_free_again() {
    for machine in [Machine::new(), Machine::first()] {
        machine.started(wanted(64, Some("2")));
        assert!(machine.told(wanted(64, Some("2")))[1].contains("at most 2 "));
        let free = machine.told(wanted(64, None));
        assert_eq!(free[1], "processors: not limited, as the cluster asks for none");
        let second = machine.path(&format!("tree/justmanage/{}/cpu.max", ours()));
        let (file, expected) = if second.exists() {
            (second, "max 100000")
        } else {
            (machine.path(&format!("cpu/{}/cpu.cfs_quota_us", ours())), "-1")
        };
        assert_eq!(fs::read_to_string(file).expect("a file"), expected);
    }
}

#[test]
fn what_cannot_be_done_is_one_sentence() {
    let machine = Machine::new();
    machine.put("tree/system.slice/memory.max", "1073741824\n");
    let limited = machine.told(wanted(64, Some("1")));
    let why = format!(
        "not limited: the agent's own control group is limited ({})",
        machine.path("tree/system.slice").display()
    );
    let none = "io: not limited, as the cluster asks for none".to_owned();
    assert_eq!(limited, [format!("memory: {why}"), format!("processors: {why}"), none]);
    assert_eq!(machine.told(with_io(64))[2], format!("io: {why}"));
    assert!(machine.limits().confinement(wanted(64, None)).join.is_empty(), "and the server starts without");

    let machine = Machine::new();
    machine.put("tree/justmanage", "a file in the way");
    let told = machine.told(wanted(64, None));
    assert!(told[0].starts_with("memory: not limited: ") && told[0].contains("justmanage"), "{told:?}");

    let machine = Machine::new();
    machine.put("proc/self/mountinfo", "");
    assert_eq!(
        machine.told(wanted(64, None))[0],
        "memory: not limited: no control groups for memory are mounted on this machine"
    );
    assert_eq!(machine.told(with_io(64))[2], "io: not limited: no control groups for io are mounted on this machine");
    let denied = sentence(Path::new("/sys/fs/cgroup/x"), &io::ErrorKind::PermissionDenied.into());
    assert_eq!(denied, "this user may not make or change control groups (/sys/fs/cgroup/x)");
}

#[test]
fn groups_are_removed_with_the_node_by_whoever_removes_it() {
    let machine = Machine::new();
    machine.started(wanted(64, None));
    let group = machine.path(&format!("tree/justmanage/{}", ours()));
    // The kernel's files are no hindrance to removing a group; here they are files.
    fs::read_dir(&group)
        .expect("a group")
        .for_each(|entry| fs::remove_file(entry.expect("a file").path()).expect("removed"));
    fs::remove_file(machine.path("tree/justmanage/cgroup.subtree_control")).expect("removed");
    remove(&Directory::new(machine.path("node")));
    assert!(!group.exists() && !machine.path("tree/justmanage").exists());
    remove(&Directory::new(machine.path("node")));
    remove(&Directory::new(machine.path("another")));
}

#[tokio::test]
async fn what_was_looked_at_just_now_is_not_looked_at_again() {
    let machine = Machine::new();
    machine.started(wanted(64, None));
    let limits = machine.limits();
    let file = format!("tree/justmanage/{}/memory.max", ours());
    let first = limits.enforce(PID, wanted(64, None)).await;
    machine.put(&file, "1");
    assert_eq!(limits.enforce(PID, wanted(64, None)).await, first);
    assert_eq!(machine.get(&file), "1", "another minute");
    limits.enforce(PID, wanted(128, None)).await;
    assert_eq!(machine.get(&file), (448 * MIB).to_string(), "something else is wanted");
}

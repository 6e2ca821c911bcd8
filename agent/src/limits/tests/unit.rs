//! What an agent says of limits that are its server's unit's.

use super::*;

#[test]
fn the_limits_of_a_unit_are_read_and_left_alone() {
    let told = |machine: &Machine| machine.limits_of_unit().inner.told(PID, wanted(64, Some("1")));
    let machine = Machine::new();
    let (slice, unit) = ("tree/justmanage.slice", "tree/justmanage.slice/justmanage-server@3-812-998.service");
    machine.put(&format!("proc/{PID}/cgroup"), "0::/justmanage.slice/justmanage-server@3-812-998.service\n");
    fs::create_dir_all(machine.path(unit)).expect("a directory");
    let nothing = [
        "memory: not limited by its unit; others may take from it (control groups, version 2)",
        "processors: not limited by its unit",
        "io: not limited by its unit (control groups, version 2)",
    ];
    assert_eq!(told(&machine), nothing);
    machine.put(&format!("{unit}/memory.max"), "1073741824\n");
    machine.put(&format!("{unit}/memory.swap.max"), "0\n");
    machine.put(&format!("{unit}/memory.min"), "67108864\n");
    machine.put(&format!("{unit}/cpu.max"), "150000 100000\n");
    machine.put(&format!("{unit}/cpu.weight"), "10000\n");
    machine.put(
        &format!("{unit}/io.max"),
        "8:0 rbps=1 wbps=1 riops=1 wiops=1\n254:0 rbps=1048576 wbps=max riops=max wiops=500\n",
    );
    machine.put(&format!("{unit}/io.weight"), "default 200\n");
    let alone = [
        "memory: at most 1GiB for the process, for 64MiB of data, by its unit; no swap; others may take from it (control groups, \
         version 2)",
        "processors: at most 1.5 by its unit, but not before others (control groups, version 2)",
        "io: at most 1MiB/s read, 500 writes/s of disk 254:0 by its unit (control groups, version 2)",
    ];
    assert_eq!(told(&machine), alone, "protection and weight that its slice does not have are none");
    machine.put(&format!("{slice}/memory.min"), "33554432\n");
    machine.put(&format!("{slice}/cpu.weight"), "10000\n");
    machine.put(&format!("{slice}/io.max"), "");
    machine.put(&format!("{slice}/io.weight"), "default 200\n");
    let whole = [
        "memory: at most 1GiB for the process, for 64MiB of data, by its unit; no swap; others take nothing from 32MiB of it (control \
         groups, version 2)",
        "processors: at most 1.5 by its unit, before others (control groups, version 2)",
        "io: at most 1MiB/s read, 500 writes/s of disk 254:0 by its unit; weight 200 (control groups, version 2)",
    ];
    assert_eq!(told(&machine), whole);
    // What is above holds as well.
    machine.put(&format!("{slice}/memory.max"), "268435456\n");
    machine.put(&format!("{slice}/memory.swap.max"), "max\n");
    machine.put(&format!("{slice}/cpu.max"), "max 100000\n");
    let narrow = "memory: at most 256MiB for the process, which is less than the 320MiB that 64MiB of data can take, by its unit; \
                  no swap; others take nothing from 32MiB of it (control groups, version 2)";
    assert_eq!(told(&machine), [narrow, whole[1], whole[2]]);
    let confinement = machine.limits_of_unit().confinement(wanted(64, Some("1")));
    assert_eq!(confinement, Confinement { join: Vec::new(), oom_score_adj: Some(-500) });
    assert!(!machine.path("tree/justmanage").exists() && !machine.path("node/limits.json").exists());
    assert!(!machine.path(&format!("proc/{PID}/oom_score_adj")).exists());

    let machine = Machine::first();
    let group = format!("memory/user/{}", ours());
    machine.put(&format!("proc/{PID}/cgroup"), &format!("7:blkio:/{0}\n4:memory:/user/{0}\n1:cpu:/{0}\n", ours()));
    machine.put(&format!("{group}/memory.limit_in_bytes"), "536870912\n");
    machine.put(&format!("cpu/{}/cpu.cfs_quota_us", ours()), "25000\n");
    machine.put(&format!("cpu/{}/cpu.shares", ours()), "102400\n");
    let first = [
        "memory: at most 512MiB for the process, for 64MiB of data, by its unit; others may take from it, against which version 1 has \
         nothing (control groups, version 1)",
        "processors: at most 0.25 by its unit, before others (control groups, version 1)",
        "io: not limited by its unit (control groups, version 1)",
    ];
    assert_eq!(told(&machine), first);

    machine.put("proc/self/mountinfo", "");
    let why = told(&machine);
    assert!(why[0].starts_with("memory: what its unit limits cannot be seen: no control groups"), "{why:?}");
    assert_eq!(why.len(), 3);
}

//! What the agent limits and protects besides what follows from the memory for data.

use super::*;

#[test]
fn what_is_a_servers_is_protected_up_to_the_top() {
    let machine = Machine::new();
    let group = format!("tree/justmanage/{}", ours());
    for (name, cpu) in [(group.as_str(), "max 100000"), ("tree/justmanage/another", "50000 100000")] {
        for (file, text) in [
            ("memory.min", "0"),
            ("memory.low", "0"),
            ("cpu.weight", "100"),
            ("io.weight", "default 100"),
            ("cpu.max", cpu),
        ] {
            machine.put(&format!("{name}/{file}"), text);
        }
    }
    for file in ["memory.min", "memory.low", "cpu.weight", "io.weight", "io.bfq.weight"] {
        machine.put(&format!("tree/justmanage/{file}"), "0");
    }
    machine.put("tree/justmanage/another/memory.min", "1000\n");
    machine.put("tree/justmanage/another/memory.low", "max\n");
    let all = Resources { cpu: "0.5".parse().ok(), ..with_io(64).resources };
    machine.started(Wanted { memory: Bytes::mib(64), resources: all });
    let told = machine.told(Wanted { memory: Bytes::mib(64), resources: all });
    assert!(
        told[0].contains("others take nothing from 64MiB of it, and from the rest only when they must"),
        "{told:?}"
    );
    assert_eq!(told[1], "processors: at most 0.5 for the process, before others (control groups, version 2)");
    assert_eq!(
        told[2],
        "io: at most 100MiB/s read, 50MiB/s written, 1000 reads/s, 500 writes/s of disk 254:0; weight 200 (control groups, version 2)"
    );
    let (data, limit) = (64 * MIB, 320 * MIB);
    assert_eq!(
        (machine.get(&format!("{group}/memory.min")), machine.get(&format!("{group}/memory.low"))),
        (data.to_string(), limit.to_string())
    );
    assert_eq!(machine.get("tree/justmanage/memory.min"), (data + 1000).to_string(), "of both together");
    // What has no bound counts as nothing rather than as everything.
    assert_eq!(machine.get("tree/justmanage/memory.low"), limit.to_string());
    assert_eq!(machine.get("tree/justmanage/cpu.weight"), "10000");
    assert_eq!(machine.get("tree/justmanage/io.weight"), "default 200");
    assert_eq!(machine.get(&format!("{group}/io.max")), "254:0 rbps=104857600 wbps=52428800 riops=1000 wiops=500");

    // Another server is still to have its processors before others.
    machine.told(wanted(64, None));
    assert_eq!(machine.get(&format!("{group}/io.max")), "254:0 rbps=max wbps=max riops=max wiops=max");
    assert_eq!(machine.get("tree/justmanage/io.weight"), "default 100");
    assert_eq!(machine.get("tree/justmanage/cpu.weight"), "10000");
    machine.put("tree/justmanage/another/cpu.max", "max 100000");
    machine.told(wanted(64, Some("1")));
    machine.told(wanted(64, None));
    assert_eq!(machine.get("tree/justmanage/cpu.weight"), "100");
}

#[test]
fn disks_are_limited_by_version_1_too_but_not_weighed_by_every_scheduler() {
    let machine = Machine::first();
    let wanted = with_io(64);
    let confinement = machine.limits().confinement(wanted);
    assert_eq!(confinement.join.len(), 2, "memory and its disk: {confinement:?}");
    machine.started(wanted);
    let told = machine.told(wanted);
    assert_eq!(
        told[2],
        "io: at most 100MiB/s read, 50MiB/s written, 1000 reads/s, 500 writes/s of disk 254:0; weight 200 is not in force, as the \
         disk's scheduler knows none (control groups, version 1)"
    );
    let file = |name: &str| format!("blkio/{}/blkio.{name}", ours());
    assert_eq!(machine.get(&file("throttle.write_bps_device")), "254:0 52428800");
    machine.put(&file("bfq.weight"), "100");
    assert!(machine.told(wanted)[2].contains("; weight 200 (control"), "with a scheduler that knows weights");
    assert_eq!(machine.get(&file("bfq.weight")), "200");
    let free = machine.told(self::wanted(64, None));
    assert_eq!(free[2], "io: not limited, as the cluster asks for none");
    assert_eq!(machine.get(&file("throttle.write_bps_device")), "254:0 0");
    assert_eq!(machine.get(&file("bfq.weight")), "100");
}

#[test]
fn data_on_no_disk_are_not_limited_and_it_is_said() {
    let machine = Machine::new();
    let limits = Limits::on(
        Limiter::Agent,
        Directory::new(machine.path("node")),
        node(),
        machine.path("proc"),
        Err("the file system of /x does not say on which disk it is".to_owned()),
    );
    assert_eq!(limits.confinement(with_io(64)).join.len(), 1);
    let told = limits.inner.told(PID, with_io(64));
    assert_eq!(told[2], "io: not limited: the file system of /x does not say on which disk it is");
}

#[test]
fn a_limit_that_is_asked_for_takes_the_place_of_the_computed_one() {
    let machine = Machine::new();
    let asked =
        Wanted { resources: Resources { memory: Some(Bytes::mib(512)), ..Resources::NOTHING }, ..wanted(64, None) };
    machine.started(asked);
    assert!(machine.told(asked)[0].starts_with("memory: at most 512MiB for the process, for 64MiB of data"));
}

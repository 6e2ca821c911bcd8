//! Guests follow their instances, and leave nothing behind, however their test ends. None of these waits for a system to boot.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use acceptance_tests::guests::{self, Guests};
use acceptance_tests::{DEADLINE, processes, wait_until};
use rustix::process::Signal;

fn network(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// Every process in the network of one, but for the test's own.
fn beside(holder: i32) -> BTreeSet<i32> {
    let meant = network(holder).expect("a network");
    let own = i32::try_from(std::process::id()).expect("a pid is positive");
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != own);
    all.filter(|pid| network(*pid).as_ref() == Some(&meant)).collect()
}

fn alive(pids: &BTreeSet<i32>) -> Vec<i32> {
    pids.iter().copied().filter(|pid| processes::is_alive(*pid)).collect()
}

/// Those that are on.
fn on(guests: &Guests) -> Vec<String> {
    guests.all().into_iter().filter(|guest| guest.is_on).map(|guest| guest.id).collect()
}

#[test]
fn guests_follow_their_instances_and_leave_nothing() {
    let before = fs::read_link("/proc/thread-self/ns/net").expect("a network");
    let guests = Guests::up();
    let mut ids = [guests.run(0, ""), guests.run(1, "")];
    ids.sort();
    wait_until("both are on", DEADLINE, || on(&guests) == ids);
    let addresses: BTreeSet<_> = guests.all().iter().map(|guest| guest.address).collect();
    assert_eq!(addresses.len(), 2, "{addresses:?}");

    guests.order("StopInstances", &ids[0]);
    wait_until("one is off", DEADLINE, || on(&guests) == ids[1..]);
    let volumes = guests.volumes(&ids[0]);
    assert!(volumes.len() == 1 && volumes[0].exists(), "it keeps its disk: {volumes:?}");
    guests.order("StartInstances", &ids[0]);
    wait_until("it is on again", DEADLINE, || on(&guests) == ids);

    guests.kill(&ids[1]);
    assert_eq!(on(&guests), ids[..1]);
    let seen = guests.ask(&[("Action", "DescribeInstances"), ("InstanceId.1", &ids[1])]);
    assert!(seen.contains("<name>running</name>"), "EC2 knows nothing of it: {seen}");
    guests.order("StopInstances", &ids[1]);
    guests.order("StartInstances", &ids[1]);
    wait_until("whoever stops and starts it has it again", DEADLINE, || on(&guests) == ids);

    guests.order("TerminateInstances", &ids[0]);
    wait_until("one is gone, and its disk", DEADLINE, || guests.all().len() == 1 && !volumes[0].exists());
    // The other one is on when the test ends.
    let (folder, left) = (guests.folder().to_path_buf(), beside(guests.holder()));
    assert!(left.len() >= 4, "the holder, DHCP, moto, QEMU: {left:?}");
    drop(guests);
    assert_eq!((alive(&left), folder.exists()), (vec![], false));
    assert_eq!(fs::read_link("/proc/thread-self/ns/net").expect("a network"), before);
}

/// As if nextest had given it up: nothing of it runs any more that could tidy up.
#[test]
fn nothing_is_left_when_a_test_is_killed() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_test-guests"));
    let mut owner = owner.arg("1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("test-guests");
    let said = BufReader::new(owner.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let said: Vec<String> = said.take_while(|line| line != "up").collect();
    let [folder, .., way] = &said[..] else { panic!("{said:?}") };
    let holder = way.split(' ').nth(2).and_then(|pid| pid.parse().ok()).expect("nsenter --target PID");
    let left = beside(holder);
    assert!(left.len() >= 4, "the holder, DHCP, moto, QEMU: {left:?}");

    processes::signal(i32::try_from(owner.id()).expect("a pid is positive"), Signal::KILL);
    owner.wait().expect("our own child");
    // This is the kernel's work, whether there is another test or not.
    wait_until("no process is left", DEADLINE, || alive(&left).is_empty());
    // And this is the next one's.
    guests::sweep();
    assert!(!Path::new(folder).exists());
}

//! What may happen to a host, and nothing beside it.

use std::collections::BTreeSet;
use std::thread;

use acceptance_tests::hosts::{Host, Hosts, Options};
use acceptance_tests::{DEADLINE, processes, wait_until};

use super::state;

/// Who came through to whom; nobody's number is the test's.
type Ways = BTreeSet<(Option<usize>, usize)>;

/// A command that tells whether sshd can be reached there. A packet that is dropped is answered by nobody.
fn knock(host: &Host) -> String {
    format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{}/22'", host.address())
}

fn reaches(hosts: &Hosts, from: Option<usize>, to: usize) -> bool {
    let knock = knock(&hosts[to]);
    match from {
        Some(from) => hosts[from].root(&knock).succeeded(),
        None => hosts.command("sh").args(["-c", &knock]).output().expect("sh").status.success(),
    }
}

fn every_way(hosts: &Hosts) -> Ways {
    let numbers = || 0..hosts.all().len();
    let senders = || numbers().map(Some).chain([None]);
    senders().flat_map(|from| numbers().map(move |to| (from, to))).filter(|(from, to)| *from != Some(*to)).collect()
}

/// The ways that are open, all tried at once.
fn open_ways(hosts: &Hosts) -> Ways {
    thread::scope(|scope| {
        let ways = every_way(hosts).into_iter();
        let tried: Vec<_> =
            ways.map(|(from, to)| ((from, to), scope.spawn(move || reaches(hosts, from, to)))).collect();
        tried.into_iter().filter_map(|(way, open)| open.join().expect("a try").then_some(way)).collect()
    })
}

#[test]
fn a_partition_cuts_what_it_should_and_nothing_else() {
    let hosts = Hosts::up(4, &Options::default());
    let all = every_way(&hosts);
    let without = |closed: &dyn Fn(Option<usize>, usize) -> bool| -> Ways {
        all.iter()
            .copied()
            .filter(|(from, to)| !closed(*from, *to) && !from.is_some_and(|from| closed(Some(*to), from)))
            .collect()
    };
    assert_eq!(open_ways(&hosts), all);
    hosts.cut(&[0], &[1, 2]);
    let first = |from: Option<usize>, to: usize| from == Some(0) && [1, 2].contains(&to);
    assert_eq!(open_ways(&hosts), without(&first));
    // Another one beside it: two that meet each other, and nobody else.
    hosts.cut_off(&[2, 3]);
    let apart = |number: usize| [2, 3].contains(&number);
    let both = |from: Option<usize>, to: usize| first(from, to) || from.is_some_and(apart) != apart(to);
    assert_eq!(open_ways(&hosts), without(&both));
    assert!(!hosts[2].ssh("true").succeeded() && hosts[2].root("true").succeeded());
    hosts.heal();
    wait_until("everybody meets everybody", DEADLINE, || open_ways(&hosts) == all);
}

#[test]
fn a_crash_ends_all_processes_and_keeps_the_disk() {
    let hosts = Hosts::up(2, &Options::default());
    let host = &hosts[0];
    assert_eq!(state(host), "running");
    host.ssh("systemd-run --unit=one sleep 600; echo kept > /root/file; echo lost > /run/file").ok();
    host.ssh("echo vm.overcommit_memory = 2 > /etc/sysctl.d/90-test.conf").ok();
    let before = host.ssh("cat /proc/sys/kernel/random/boot_id /etc/machine-id").ok();
    let pid = host.pid();
    host.crash();
    assert!(!host.is_up() && !processes::is_alive(pid));
    assert_eq!(host.ssh("true").status, Some(255), "nobody is there");
    assert!(hosts[1].ssh("true").succeeded(), "the other one is");
    host.boot();
    assert_eq!(state(host), "running");
    assert_eq!(host.ssh("cat /root/file; ls /run/file").stdout, "kept\n");
    assert_eq!(host.ssh("systemctl is-active one").stdout, "inactive\n");
    assert_eq!(host.ssh("cat /proc/sys/vm/overcommit_memory").ok(), "2", "settings are made when it starts");
    let after = host.ssh("cat /proc/sys/kernel/random/boot_id /etc/machine-id").ok();
    let [(boot, machine), (boot_after, machine_after)] =
        [&before, &after].map(|text| text.split_once('\n').expect("two lines"));
    assert!(boot != boot_after && machine == machine_after, "{before}\n{after}");
}

#[test]
fn a_host_that_switches_itself_off_can_be_switched_on() {
    let hosts = Hosts::up(1, &Options::default());
    let host = &hosts[0];
    assert_eq!(state(host), "running");
    host.ssh("systemctl poweroff"); // its answer may be lost with it
    wait_until("it is off", DEADLINE, || !host.is_up());
    host.boot();
    assert_eq!(state(host), "running");
}

#[test]
fn a_host_that_is_paused_takes_connections_and_answers_nobody() {
    let hosts = Hosts::up(2, &Options::default());
    let greets = || {
        let line = format!("timeout 3 bash -c 'read -r line </dev/tcp/{}/22; echo \"$line\"'", hosts[0].address());
        hosts[1].root(&line).stdout.starts_with("SSH-2.0-")
    };
    assert!(greets());
    hosts[0].pause();
    assert!(reaches(&hosts, Some(1), 0) && !greets() && hosts[0].is_up());
    hosts[0].resume();
    wait_until("it answers", DEADLINE, greets);
    // Also in this state it can lose its power; and it does not come back in it.
    hosts[0].pause();
    hosts[0].crash();
    hosts[0].boot();
    assert!(greets());
}

#[test]
fn a_cable_that_is_pulled_out_is_seen_by_the_host() {
    let hosts = Hosts::up(2, &Options::default());
    let carrier = || hosts[0].root("cat /sys/class/net/eth0/carrier").ok();
    assert_eq!(carrier(), "1");
    hosts[0].cable(false);
    wait_until("the host sees it", DEADLINE, || carrier() == "0");
    assert!(!reaches(&hosts, None, 0) && reaches(&hosts, None, 1));
    hosts[0].cable(true);
    wait_until("it is back", DEADLINE, || carrier() == "1" && reaches(&hosts, None, 0));
}

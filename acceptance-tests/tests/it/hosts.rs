//! The hosts of the tests: what they are, and that the machine below feels nothing of them.

mod ends;
mod faults;

use std::collections::BTreeSet;
use std::fs;

use acceptance_tests::hosts::{Host, Hosts, Options, System};
use acceptance_tests::{DEADLINE, Workspace, wait_until};

/// `running`, as soon as every unit has started that is to start; or another word, and what has failed.
fn state(host: &Host) -> String {
    let said = host.ssh("systemctl is-system-running --wait; systemctl --failed --plain --no-legend");
    said.stdout.trim().to_owned()
}

#[test]
fn six_hosts_come_up_and_each_is_a_server_of_its_own() {
    let hosts = Hosts::up(6, &Options::default());
    let all = hosts.all();
    for (number, host) in all.iter().enumerate() {
        assert_eq!(state(host), "running", "{}", host.name());
        assert_eq!(host.ssh("hostname; id -un").ok(), format!("host{number}\nroot"));
        let next = &hosts[(number + 1) % all.len()];
        let found = host.ssh(&format!("getent hosts {}", next.name())).ok();
        assert!(found.starts_with(&next.address().to_string()), "{found}");
    }
    let machines: BTreeSet<String> = all.iter().map(|host| host.ssh("cat /etc/machine-id").ok()).collect();
    let keys: BTreeSet<&str> = all.iter().map(Host::key).collect();
    assert_eq!((machines.len(), keys.len()), (6, 6), "{machines:?} {keys:?}");
}

#[test]
fn some_may_become_root_and_others_may_not() {
    let hosts = Hosts::up(1, &Options::default());
    let host = &hosts[0];
    assert_eq!(host.ssh_as("admin", "id -un; sudo -n id -un").ok(), "admin\nroot");
    let guest = host.ssh_as("guest", "id -un; sudo -n id -un");
    assert!(guest.stdout == "guest\n" && !guest.succeeded(), "{guest:?}");
    let nobody = host.ssh_as("nobody", "true");
    assert!(!nobody.succeeded(), "{nobody:?}");
}

#[test]
fn units_are_watched_and_whoever_is_not_root_may_ask_for_them() {
    let hosts = Hosts::up(1, &Options::default());
    let host = &hosts[0];
    assert_eq!(state(host), "running");
    host.ssh("systemd-run --unit=one --property=Restart=always sleep 600").ok();
    let main = || host.ssh_as("guest", "systemctl show --value --property=MainPID one").ok();
    let first = main();
    host.root(&format!("kill -KILL {first}")).ok();
    wait_until("it runs again", DEADLINE, || ![first.as_str(), "0"].contains(&main().as_str()));
}

#[test]
fn each_system_has_the_libraries_that_are_said_of_it() {
    for (system, libc) in [(System::Bookworm, "glibc 2.36"), (System::Trixie, "glibc 2.41")] {
        let hosts = Hosts::up(1, &Options { system, ..Options::default() });
        assert_eq!(hosts[0].ssh("getconf GNU_LIBC_VERSION").ok(), libc);
        assert_eq!(state(&hosts[0]), "running", "{}", system.suite());
    }
}

/// What the machine's kernel is set to.
fn of_machine(setting: &str) -> String {
    fs::read_to_string(format!("/proc/sys/{setting}")).expect("a setting").trim().to_owned()
}

#[test]
fn what_a_host_sets_in_the_kernel_is_its_own() {
    let before = of_machine("vm/overcommit_memory");
    let other = if before == "1" { "0" } else { "1" };
    let hosts = Hosts::up(2, &Options::default());
    let [one, two] = hosts.all() else { panic!("two hosts") };
    let read = |host: &Host| host.ssh("cat /proc/sys/vm/overcommit_memory").ok();
    one.root(&format!("sysctl -q -w vm.overcommit_memory={other} net.core.somaxconn=1234")).ok();
    assert_eq!((read(one), read(two), of_machine("vm/overcommit_memory")), (other.into(), before.clone(), before));
    let backlogs = hosts.all().iter().map(|host| host.root("sysctl -n net.core.somaxconn").ok());
    assert_eq!(backlogs.filter(|backlog| backlog == "1234").count(), 1);
    one.root("echo never > /sys/kernel/mm/transparent_hugepage/enabled").ok();
    assert_eq!(one.root("cat /sys/kernel/mm/transparent_hugepage/enabled").ok(), "never");
    let machine = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    assert_ne!(machine.trim(), "never", "the machine's names all that can be");
    // It would be the time that it is, if it could.
    assert!(!one.root("date --set=@$(date +%s)").succeeded(), "the clock is the machine's");
}

#[test]
fn what_a_test_starts_is_on_the_bridge_and_nothing_leads_away_from_it() {
    let hosts = Hosts::up(1, &Options::default());
    let workspace = Workspace::bare();
    let links = workspace.shell("ip -brief link").ok().stdout;
    assert!(links.contains("br0") && links.contains("host0"), "{links}");
    let routes = [workspace.shell("ip route").ok().stdout, hosts[0].ssh("ip route").ok()];
    for routes in routes {
        assert!(routes.trim().lines().count() == 1 && routes.starts_with("10.99.0.0/24 "), "{routes}");
    }
    let greeting = workspace.shell("timeout 5 bash -c 'read -r line </dev/tcp/10.99.0.10/22; echo \"$line\"'").ok();
    assert!(greeting.stdout.starts_with("SSH-2.0-"), "{greeting}");
}

#[test]
fn two_tests_may_be_at_the_same_addresses() {
    let one = Hosts::up(1, &Options::default());
    let other = Hosts::up(1, &Options::default());
    assert_eq!(one[0].address(), other[0].address());
    for (hosts, word) in [(&one, "one"), (&other, "other")] {
        hosts[0].root(&format!("echo {word} > /root/word")).ok();
    }
    assert_eq!(one[0].ssh("cat /root/word").ok(), "one");
    assert_eq!(other[0].ssh("cat /root/word").ok(), "other");
}

#[test]
fn a_host_has_no_more_than_its_limits() {
    let options = Options { memory: Some(192 << 20), processors: Some(0.5), ..Options::default() };
    let hosts = Hosts::up(1, &options);
    let host = &hosts[0];
    assert_eq!(state(host), "running");
    assert_eq!(host.ssh("awk '/^MemTotal:/ { print $2 }' /proc/meminfo").ok(), (192 << 10).to_string());
    let greedy = host.root("head -c 400m /dev/zero | tail -c 400m >/dev/null; echo $?").ok();
    assert_eq!(greedy, "137", "what takes more than there is, is killed");
    let spun =
        host.root("TIMEFORMAT='%U %S'; export TIMEFORMAT; bash -c 'time timeout 2 sh -c \"while :; do :; done\"'");
    let used: f64 = spun.stderr.split_whitespace().map(|seconds| seconds.parse::<f64>().expect("seconds")).sum();
    assert!(used < 1.4, "half of two seconds, and a little: {spun:?}");
    assert!(host.is_up());
}

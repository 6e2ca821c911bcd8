//! Hosts of the tests by hand, until its input ends: `test-hosts [NUMBER] [bookworm|trixie]`.
//!
//! It prints their folder, a line `NAME ADDRESS PID` for each, and how to get there; the last line is `up`.
#![allow(clippy::print_stdout, reason = "its answers are for whoever started it")]

use std::io::Read;

use acceptance_tests::hosts::{Hosts, Options, System};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().map_or(1, |count| count.parse().expect("a number of hosts"));
    let system = match arguments.next().as_deref() {
        None | Some("bookworm") => System::Bookworm,
        Some("trixie") => System::Trixie,
        Some(other) => panic!("{other} is neither bookworm nor trixie"),
    };
    let hosts = Hosts::up(count, &Options { system, ..Options::default() });
    println!("{}", hosts.folder().display());
    for host in hosts.all() {
        println!("{} {} {}", host.name(), host.address(), host.pid());
    }
    let bridge: Vec<_> = hosts.command("ssh").get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let (key, known) = (hosts.key(), hosts.known_hosts());
    println!(
        "nsenter {} -i {} -o UserKnownHostsFile={} root@ADDRESS",
        bridge.join(" "),
        key.display(),
        known.display()
    );
    println!("up");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

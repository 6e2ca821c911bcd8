use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

const NOW: i64 = 1_764_000_000;

/// What a usual host prints, with some lines instead of others.
fn printed(instead: &[(&str, &str)]) -> String {
    let usual = [
        ("facts", "1"),
        ("user", "admin"),
        ("root", "yes"),
        ("machine", "x86_64"),
        ("clock", "1764000002"),
        ("processors", "4"),
        ("memory_kib", "8000000"),
        ("disk_kib", "40000000"),
        ("disk_free_kib", "30000000"),
        ("system", "debian 12"),
        ("glibc", "2.36"),
        ("systemd", "252"),
        ("without", ""),
        ("end", "yes"),
    ];
    let value = |word: &str, value: &str| {
        let other = instead.iter().find(|(other, _)| *other == word);
        format!("{word} {}\n", other.map_or(value.to_owned(), |(_, value)| (*value).to_owned()))
    };
    let more = instead.iter().filter(|(word, _)| usual.iter().all(|(other, _)| other != word));
    usual.iter().chain(more).map(|(word, text)| value(word, text)).collect()
}

#[test]
fn a_usual_host() {
    let facts = Facts::read(&printed(&[]), NOW).unwrap();
    assert_eq!((facts.processors, facts.memory.get(), facts.clock_s), (4, 8_000_000 << 10, 2));
    assert_eq!((facts.glibc, facts.systemd, facts.state), (Some((2, 36)), Some(252), State::Free));
    assert_eq!((facts.machine.as_str(), facts.system.as_str()), ("x86_64", "debian 12"));
}

#[test]
fn whose_it_is() {
    let claim = ("claim", "{\"claim\": 1}");
    for (instead, state) in [
        (vec![], State::Free),
        (vec![("hidden", "yes")], State::Hidden),
        (vec![claim], State::Locked(claim.1.into())),
        (vec![claim, ("member", "yes")], State::Used(claim.1.into())),
        // Whoever hides a server that is used does not set it free.
        (vec![claim, ("member", "yes"), ("hidden", "yes")], State::Used(claim.1.into())),
    ] {
        assert_eq!(Facts::read(&printed(&instead), NOW).unwrap().state, state, "{instead:?}");
    }
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let instead =
        [("root", "no"), ("machine", "armv7l"), ("systemd", ""), ("without", "useradd gzip"), ("disk_kib", "")];
    let Missing(said) = Facts::read(&printed(&instead), NOW).unwrap_err();
    assert_eq!(said.len(), 6, "{said:#?}");
    let all = said.join("\n");
    for word in ["admin is not root", "armv7l", "systemd does not run it", "no useradd", "no gzip", "disk_kib"] {
        assert!(all.contains(word), "{word} of {all}");
    }
}

#[test]
fn a_shell_that_talks_is_told_from_a_host_that_lacks_something() {
    let Missing(said) = Facts::read("Welcome to db1!\n", NOW).unwrap_err();
    assert!(said.len() == 1 && said[0].contains("login shell"), "{said:?}");
}

#[test]
fn what_was_cut_short_is_no_host_without_a_claim() {
    let whole = printed(&[("claim", "{}")]);
    let cut = whole.split("end ").next().unwrap();
    assert!(Facts::read(cut, NOW).is_err());
}

/// The script itself, by the shell of this machine.
#[test]
fn this_machine_tells() {
    let mut shell = Command::new("sh").arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
    shell.stdin.take().expect("input").write_all(SCRIPT.as_bytes()).expect("fed");
    let output = shell.wait_with_output().expect("an end");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && said.ends_with("end yes\n"), "{said}");
    // A build machine need not run systemd, nor let us be root.
    let instead = |line: &str| !line.starts_with("systemd ") && !line.starts_with("root ");
    let said: Vec<&str> = said.lines().filter(|line| instead(line)).chain(["systemd 1", "root yes"]).collect();
    let facts = Facts::read(&said.join("\n"), NOW).expect("all that is asked");
    let cores = std::thread::available_parallelism().expect("processors").get();
    assert!(facts.processors as usize >= cores.min(1) && facts.memory.get() > 1 << 20, "{facts:?}");
    assert!(facts.disk >= facts.disk_free && facts.disk_free.get() > 0, "{facts:?}");
}

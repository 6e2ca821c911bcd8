use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

/// What a shell prints that is given a script as a host's is.
fn printed(shell: &str, stdin: &[u8]) -> Vec<u8> {
    let mut child = Command::new(shell)
        .args(["-c", ENTRY])
        .env("ROOT", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{shell}: {error}"));
    let mut input = child.stdin.take().expect("input");
    // What it prints may fill its pipe before it has read everything; and a script that was cut short may read nothing.
    std::thread::scope(|scope| {
        scope.spawn(move || drop(input.write_all(stdin)));
        child.wait_with_output().expect("an end").stdout
    })
}

/// The shells of this machine: `sh` is one of them, or another.
fn shells() -> Vec<&'static str> {
    let there = |shell: &&str| Command::new(shell).args(["-c", ":"]).status().is_ok_and(|status| status.success());
    ["sh", "bash", "dash"].into_iter().filter(there).collect()
}

const ODD: &[&str] = &[
    "",
    "plain",
    "two words",
    "it's",
    "''",
    "'; echo no; '",
    "$HOME `id` $(id) \\n \\\\ \" !",
    "lines\n of\n\n several\n\n",
    "ä € 日本",
    "*?[a]~ # ; & | < > ( ) { }",
    "-n",
    "\t",
];

#[test]
fn quotes_keep_a_value_as_it_is() {
    for (text, quoted) in
        [("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("''", r"''\'''\'''"), ("a\0b", "'ab'")]
    {
        assert_eq!(quote(text), quoted, "{text:?}");
    }
}

#[test]
fn every_shell_reads_every_value_as_it_was_written() {
    for shell in shells() {
        for value in ODD {
            let script = Script::new("print", &["main() { printf '<%s>' \"$VALUE\"; }\n"]).with("VALUE", value);
            let said = printed(shell, &script.stdin());
            assert_eq!(String::from_utf8_lossy(&said), format!("<{value}>"), "{shell}");
        }
    }
}

#[test]
fn what_comes_behind_a_script_arrives_whole() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).chain([0, b'\n', 0xff]).collect();
    for shell in shells() {
        for length in [0, 1, 4095, 8192, bytes.len()] {
            let bytes = &bytes[bytes.len() - length..];
            let script = Script::new("copy", &["main() { printf '%s ' \"$WORD\"; cat; }\n"]);
            let script = script.with("WORD", "ä").followed_by(bytes);
            let said = printed(shell, &script.stdin());
            assert!(said == ["ä ".as_bytes(), bytes].concat(), "{shell}, {length}: {} bytes", said.len());
        }
    }
}

#[test]
fn of_a_script_that_was_cut_short_nothing_is_done() {
    let script = Script::new("print", &["say() {\n    echo done\n}\n", "main() {\n    say\n}\n"]).with("A", "b");
    let stdin = script.stdin();
    for shell in shells() {
        assert_eq!(printed(shell, &stdin), b"done\n", "{shell}");
        // Without its last line break it is whole.
        for length in 0..stdin.len() - 1 {
            assert!(!printed(shell, &stdin[..length]).starts_with(b"done"), "{shell}, {length} bytes");
        }
    }
}

#[test]
fn a_script_says_nothing_of_what_it_was_given() {
    let script = Script::new("claim", &[]).with("ORDER", "of somebody").followed_by(b"bytes");
    assert_eq!(format!("{script:?}"), "Script(\"claim\")");
}

use super::*;

fn host() -> Host {
    Host::new("db1", "admin")
}

fn output(status: u32, stdout: &str, stderr: &str) -> Output {
    Output { status: Some(status), stdout: stdout.into(), stderr: stderr.into() }
}

#[test]
fn what_a_script_says_tells_whose_fault_it_is() {
    for (status, stderr, kind, what, hint) in [
        (
            1,
            "sudo: a password is required\n",
            Kind::Denied,
            "db1: claiming it failed: sudo: a password is required",
            "NOPASSWD",
        ),
        (
            1,
            "cat: write error: No space left on device\n/x cannot be written.\n",
            Kind::Quota,
            "db1: claiming it failed: /x cannot be written (cat: write error: No space left on device)",
            "Free some space on db1",
        ),
        (
            1,
            "The user justmanage cannot be made.\n",
            Kind::Failed,
            "db1: claiming it failed: The user justmanage cannot be made",
            "again",
        ),
        (
            47,
            "",
            Kind::Conflict,
            "db1: claiming it failed: somebody else has been changing this server for two minutes",
            "other run",
        ),
        (3, "", Kind::Failed, "db1: claiming it failed: it ended with status 3 and said nothing", "again"),
    ] {
        let trouble = refused(&host(), "claiming it", &output(status, "", stderr));
        assert_eq!((trouble.kind, trouble.what.as_str()), (kind, what));
        assert!(trouble.hint.contains(hint), "{trouble:?}");
    }
}

#[test]
fn an_agents_own_words_reach_the_user() {
    let own = "The agent does not come up.\n";
    let journal = "started\n{\"error\":\"port 7379 is taken\",\"hint\":\"Free it.\"}\nMain process exited\n";
    let trouble = down(&host(), &output(45, journal, own));
    assert_eq!(trouble.what, "db1: The agent does not come up: port 7379 is taken");
    assert!(trouble.hint.starts_with("Free it. `journalctl"), "{}", trouble.hint);
    let trouble = down(&host(), &output(45, "Permission denied\n\n", own));
    assert_eq!(trouble.what, "db1: The agent does not come up: Permission denied");
    let trouble = down(&host(), &output(45, "", own));
    assert_eq!(trouble.what, "db1: The agent does not come up: it said nothing");
}

#[test]
fn every_host_with_a_trouble_is_named_in_one_error() {
    let unreachable = |host: &str| on_the_way(&SshError::Unreachable { host: host.into(), why: "timed out".into() });
    assert!(all(&[], 3).is_none());
    let one = all(&[unreachable("db1")], 3).expect("an error");
    assert_eq!(one.to_string(), "unreachable: db1 is not reachable by SSH: timed out");
    let two = all(&[unreachable("db1"), unreachable("db2")], 3).expect("an error");
    let said = two.to_string();
    assert!(matches!(two, PlatformError::Unreachable { .. }));
    for words in ["2 of 3 servers", "db1 is not reachable", "db2 is not reachable"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(two.hint().is_some_and(|hint| hint.contains("db1") && hint.contains("db2")), "{two:?}");
    let denied = on_the_way(&SshError::Denied { host: "db3".into(), user: "admin".into(), why: "tried a key".into() });
    assert_eq!(denied.kind, Kind::Denied);
    assert!(matches!(all(&[denied.clone(), denied.clone()], 3), Some(PlatformError::Denied { .. })));
    assert!(matches!(all(&[denied, unreachable("db1")], 3), Some(PlatformError::Unreachable { .. })));
    let many: Vec<Trouble> = (0..40).map(|number| unreachable(&format!("db{number}"))).collect();
    let said = all(&many, 40).expect("an error").to_string();
    assert!(said.contains("db11 ") && !said.contains("db12 ") && said.ends_with("and 28 more"), "{said}");
}

#[test]
fn what_nobody_knows_of_is_not_said_to_have_failed() {
    for error in [
        SshError::Broken { host: "db1".into(), why: "reset".into() },
        SshError::Late { host: "db1".into(), seconds: 30 },
    ] {
        let trouble = on_the_way(&error);
        assert!(trouble.kind == Kind::Unreachable && trouble.what.contains("db1"), "{trouble:?}");
        assert!(trouble.hint.contains("apply again"), "{trouble:?}");
    }
}

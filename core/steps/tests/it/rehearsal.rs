//! A process that passes steps is this test's own program, run again.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use justmanage_steps::{ENVIRONMENT, MARK, step, version};

/// Not a test: what the others run. Without a directory to look into it does nothing.
#[test]
fn three_steps() {
    for number in [1, 2, 2] {
        step!("step {number}");
    }
}

/// As above; what it calls itself goes to a file.
#[test]
fn calls_itself() {
    if let Some(file) = std::env::var_os("STEPS_TEST_VERSION") {
        fs::write(file, version("0.1.0")).unwrap();
    }
}

fn run(directory: &Path, kill: Option<&str>) -> (ExitStatus, String) {
    let _ = fs::remove_file(directory.join("passed"));
    if let Some(order) = kill {
        fs::write(directory.join("kill"), order).unwrap();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "rehearsal::three_steps"]).env(ENVIRONMENT, directory);
    let status = command.output().unwrap().status;
    (status, fs::read_to_string(directory.join("passed")).unwrap())
}

#[test]
fn steps_are_recorded_and_one_of_them_is_deadly() {
    let folder = tempfile::tempdir().unwrap();
    let (status, passed) = run(folder.path(), None);
    assert!(status.success());
    assert_eq!(passed, "--exact: step 1\n--exact: step 2\n--exact: step 2\n");
    for (order, expected) in [
        ("self 1 --exact: step 1", "--exact: step 1\n"),
        ("self 1 --exact: step 2", "--exact: step 1\n--exact: step 2\n"),
        ("self 2 --exact: step 2", "--exact: step 1\n--exact: step 2\n--exact: step 2\n"),
    ] {
        let (status, passed) = run(folder.path(), Some(order));
        assert_eq!((status.signal(), passed.as_str()), (Some(9), expected), "{order}");
        assert!(!folder.path().join("kill").exists(), "it works once");
        fs::remove_file(folder.path().join("killed")).unwrap();
    }
    let (status, _) = run(folder.path(), Some("self 3 --exact: step 2"));
    assert!(status.success() && folder.path().join("kill").exists(), "nobody came so far");
}

#[test]
fn a_program_is_called_what_is_written_behind_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    for (end, expected) in [(String::new(), "0.1.0"), (format!("\n{MARK}0.2.0\n"), "0.2.0")] {
        let (program, said) = (folder.path().join("program"), folder.path().join("said"));
        fs::write(&program, [own.as_slice(), end.as_bytes()].concat()).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = Command::new(&program);
        let status =
            command.args(["--exact", "rehearsal::calls_itself"]).env("STEPS_TEST_VERSION", &said).output().unwrap();
        assert!(status.status.success());
        assert_eq!(fs::read_to_string(&said).unwrap(), expected);
        fs::remove_file(&program).unwrap();
    }
}

//! The second process of demo and bench, from outside.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn watch(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("clean-up-after")
        .arg(folder)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the task starts")
}

fn sleeper(folder: &Path) -> Child {
    Command::new("sleep").arg("600").current_dir(folder).spawn().expect("sleep starts")
}

#[test]
fn when_the_first_process_goes_everything_in_the_folder_goes() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, beside) = (parent.path().join("jm-demo-x"), parent.path().join("beside"));
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::create_dir(&beside).unwrap();
    let (mut inside, mut outside) = (sleeper(&folder.join("data")), sleeper(&beside));
    let mut cleaner = watch(&folder);
    assert!(inside.try_wait().unwrap().is_none(), "nothing is touched while the first process lives");
    drop(cleaner.stdin.take());
    assert!(cleaner.wait().unwrap().success());
    assert!(!inside.wait().unwrap().success(), "it was killed");
    assert!(!folder.exists());
    assert!(outside.try_wait().unwrap().is_none());
    outside.kill().unwrap();
    outside.wait().unwrap();
}

#[test]
fn what_shall_stay_stays() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("jm-demo-x");
    fs::create_dir(&folder).unwrap();
    let mut cleaner = watch(&folder);
    cleaner.stdin.take().unwrap().write_all(b"keep").unwrap();
    assert!(cleaner.wait().unwrap().success());
    assert!(folder.exists());
}

#[test]
fn other_folders_are_never_cleaned() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("home");
    fs::create_dir(&folder).unwrap();
    let mut cleaner = watch(&folder);
    drop(cleaner.stdin.take());
    assert!(!cleaner.wait().unwrap().success());
    assert!(folder.exists());
}

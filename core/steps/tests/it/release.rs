//! A build without debug assertions has no steps: a small program is built so, and looked into.

use std::fs;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = r#"
fn main() {
    justmanage_steps::step!("needle-in-a-{}", hay());
    println!("{} {}", justmanage_steps::version("0.1.0"), justmanage_steps::inherited().count());
}
#[allow(dead_code)]
fn hay() -> &'static str {
    println!("it was evaluated");
    "haystack"
}
"#;

fn rustc(arguments: &[&str], folder: &Path) {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(compiler);
    command.args(["--edition", "2024", "-C", "opt-level=1"]).args(arguments).current_dir(folder);
    let output = command.output().expect("rustc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn holds(program: &[u8], text: &str) -> bool {
    program.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_release_build_has_no_steps() {
    let folder = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs");
    rustc(&["--crate-type", "rlib", "--crate-name", "justmanage_steps", source], folder.path());
    fs::write(folder.path().join("main.rs"), PROGRAM).unwrap();
    rustc(&["main.rs", "-o", "main", "--extern", "justmanage_steps=libjustmanage_steps.rlib"], folder.path());
    let mut command = Command::new(folder.path().join("main"));
    let output = command.env(justmanage_steps::ENVIRONMENT, folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0.1.0 0\n");
    assert!(!folder.path().join("passed").exists(), "nothing was recorded");
    let program = fs::read(folder.path().join("main")).unwrap();
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    for text in [justmanage_steps::ENVIRONMENT, justmanage_steps::MARK] {
        assert!(holds(&own, text), "this debug build has {text:?}, so the look is no blind one");
        assert!(!holds(&program, text), "{text:?}");
    }
    assert!(!holds(&program, "needle-in-a-"), "not even names of steps are left");
}

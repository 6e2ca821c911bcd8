//! Pages and examples are what they should be, for the provider as it was built and with real Terraform.

use std::path::Path;
use std::process::Command;

#[test]
fn pages_and_examples_are_as_registries_want_them() {
    let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
    // target/debug/xtask: the provider stands beside it.
    let target = xtask.parent().and_then(Path::parent).expect("the target directory");
    let provider = xtask.with_file_name("terraform-provider-justmanage");
    assert!(provider.is_file(), "build it first: cargo build --workspace --bins");
    let done = Command::new(xtask)
        .args(["docs", "--check", "--built"])
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("the task starts");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
    assert!(said.contains("pages are what the schema says"), "{said}");
}

//! Targets, as rustc and as Terraform name them.

use std::env::consts;

use anyhow::{Result, bail};

/// This machine as Terraform calls it, such as `linux_amd64`.
pub(crate) fn own() -> Result<String> {
    named(consts::OS, consts::ARCH)
}

/// A target of rustc as Terraform calls it: `aarch64-unknown-linux-gnu` is `linux_arm64`.
pub(super) fn platform(triple: &str) -> Result<String> {
    let mut parts = triple.split('-');
    let arch = parts.next().unwrap_or_default();
    let system = if triple.contains("-linux-") {
        "linux"
    } else if triple.ends_with("-apple-darwin") {
        "macos"
    } else {
        bail!("{triple}: the agent runs on Linux, and for trials on macOS");
    };
    named(system, arch)
}

fn named(system: &str, arch: &str) -> Result<String> {
    let system = if system == "macos" { "darwin" } else { system };
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("Terraform's name for {other} is not known here"),
    };
    Ok(format!("{system}_{arch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_terraforms_names() {
        for (triple, name) in [
            ("x86_64-unknown-linux-gnu", Some("linux_amd64")),
            ("x86_64-unknown-linux-musl", Some("linux_amd64")),
            ("aarch64-unknown-linux-gnu", Some("linux_arm64")),
            ("aarch64-apple-darwin", Some("darwin_arm64")),
            ("x86_64-pc-windows-msvc", None),
            ("riscv64gc-unknown-linux-gnu", None),
        ] {
            assert_eq!(platform(triple).ok().as_deref(), name, "{triple}");
        }
        assert!(own().unwrap().contains('_'));
    }
}

//! What a machine must have before anything can be tested, and how to get it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{shell, tools};

/// Something that the tests need.
struct Need {
    /// Any one of these on `PATH` will do.
    programs: &'static [&'static str],
    /// Debian's package with it, or `None` where Debian has none.
    package: Option<&'static str>,
    /// How to get it without Debian's packages.
    otherwise: &'static str,
}

const NEEDS: &[Need] = &[
    Need { programs: &["cc", "gcc", "clang"], package: Some("gcc"), otherwise: "a C compiler and linker" },
    Need {
        programs: &["terraform", "tofu"],
        package: None,
        otherwise: "Terraform 1.11 or later (https://developer.hashicorp.com/terraform/install) or OpenTofu 1.11 or later",
    },
    Need {
        programs: &["patchelf"],
        package: Some("patchelf"),
        otherwise: "patchelf, to give a server that a test fetches the libraries of the cache",
    },
    Need {
        programs: &["ip"],
        package: Some("iproute2"),
        otherwise: "iproute2, for tests of clusters on hosts in network namespaces",
    },
    Need {
        programs: &["nft"],
        package: Some("nftables"),
        otherwise: "nftables, for tests that cut hosts off from each other",
    },
    Need {
        programs: &["nsenter"],
        package: Some("util-linux"),
        otherwise: "util-linux 2.38 or later (nsenter, unshare, pivot_root), for hosts of tests",
    },
    Need {
        programs: &["mmdebstrap"],
        package: Some("mmdebstrap"),
        otherwise: "mmdebstrap, which makes hosts and guests of tests",
    },
    Need {
        programs: &["qemu-system-x86_64"],
        package: Some("qemu-system-x86"),
        otherwise: "QEMU for x86_64, in which guests of tests boot",
    },
    Need { programs: &["qemu-img"], package: Some("qemu-utils"), otherwise: "qemu-img, for disks of guests of tests" },
    Need {
        programs: &["dnsmasq"],
        package: Some("dnsmasq-base"),
        otherwise: "dnsmasq, which tells guests of tests their addresses",
    },
    Need {
        programs: &["mke2fs"],
        package: Some("e2fsprogs"),
        otherwise: "mke2fs, which makes the disk that guests of tests boot",
    },
    Need {
        programs: &["ssh"],
        package: Some("openssh-client"),
        otherwise: "OpenSSH's client (ssh, ssh-keygen), for tests of servers over SSH",
    },
    Need {
        programs: &["sshd"],
        package: Some("openssh-server"),
        otherwise: "OpenSSH's server at /usr/sbin/sshd, which tests of SSH start on the loopback",
    },
    Need {
        programs: &["openssl"],
        package: Some("openssl"),
        otherwise: "openssl, which makes operator keys as the guide says",
    },
    Need { programs: &["minisign"], package: Some("minisign"), otherwise: "minisign, which signs catalogs of tests" },
    Need { programs: &["zstd"], package: Some("zstd"), otherwise: "zstd, which unpacks backups as the guide says" },
    Need {
        programs: &["python3"],
        package: Some("python3-pip"),
        otherwise: "Python 3.11.3 or later with pip, for clients by redis-py, and for servers that PyPI has",
    },
    Need {
        programs: &["node"],
        package: None,
        otherwise: "Node.js 20 or later (https://nodejs.org), for clients by ioredis",
    },
    Need { programs: &["npm"], package: None, otherwise: "npm, which comes with Node.js and fetches ioredis" },
    Need { programs: &["rustfmt"], package: None, otherwise: "rustup component add rustfmt" },
    Need { programs: &["cargo-clippy"], package: None, otherwise: "rustup component add clippy" },
];

/// Installs what Debian has when this is root, and lists all that is still missing.
pub(super) fn check() -> Result<()> {
    let missing = |needs: &'static [Need]| -> Vec<&'static Need> {
        needs.iter().filter(|need| !need.programs.iter().any(|program| shell::on_path(program).is_some())).collect()
    };
    // Twice: a package can remove another one (QEMU of Debian 12 removes a `qemu-utils` of its backports), which is missing then.
    for _ in 0..2 {
        let packages: Vec<_> = missing(NEEDS).iter().filter_map(|need| need.package).collect();
        if packages.is_empty() || !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
            break;
        }
        println!("installing {}", packages.join(" "));
        shell::output(shell::plain("apt-get").arg("update"))?;
        let mut install = shell::plain("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "--no-install-recommends"]);
        shell::output(install.args(&packages))?;
    }
    let missing = missing(NEEDS);
    if !missing.is_empty() {
        bail!("this machine lacks:\n{}", list(&missing));
    }
    for tool in [tools::NEXTEST, tools::DENY] {
        println!("{}", tool.ensure()?.display());
    }
    Ok(())
}

fn list(missing: &[&Need]) -> String {
    let line = |need: &&Need| {
        let package = need.package.map(|package| format!(" (Debian: apt-get install {package})")).unwrap_or_default();
        format!("  {}: {}{package}", need.programs.join(" or "), need.otherwise)
    };
    missing.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_says_how_to_get_it() {
        for need in NEEDS {
            let line = list(&[need]);
            assert!(line.contains(need.programs[0]) && line.contains(need.otherwise), "{line}");
            assert!(need.otherwise.len() > 10, "{line}");
        }
    }
}

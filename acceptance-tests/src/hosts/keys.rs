//! Keys made for one test: by which hosts let it in, and by which it knows them.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory with `own`, `own.pub` and `known_hosts`.
pub(super) struct Keys(PathBuf);

impl Keys {
    /// Makes them.
    pub(super) fn make(folder: PathBuf) -> Self {
        fs::create_dir(&folder).expect("a directory");
        let keys = Self(folder);
        make(&keys.own());
        File::create(keys.known_hosts()).expect("known_hosts");
        keys
    }

    /// The test's private key.
    pub(super) fn own(&self) -> PathBuf {
        self.0.join("own")
    }

    /// The line that lets its owner in.
    pub(super) fn authorized(&self) -> String {
        public(&self.own())
    }

    /// The hosts' keys.
    pub(super) fn known_hosts(&self) -> PathBuf {
        self.0.join("known_hosts")
    }

    /// Makes the key of a host, and knows it from then on.
    pub(super) fn make_for(&self, address: Ipv4Addr, file: &Path) -> String {
        make(file);
        let key = public(file);
        let mut known = File::options().append(true).open(self.known_hosts()).expect("known_hosts");
        writeln!(known, "{address} {}", key.trim()).expect("known_hosts");
        key
    }
}

fn make(file: &Path) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(file);
    let made = command.output().expect("ssh-keygen (Debian: openssh-client)");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn public(file: &Path) -> String {
    fs::read_to_string(file.with_extension("pub")).expect("a public key")
}

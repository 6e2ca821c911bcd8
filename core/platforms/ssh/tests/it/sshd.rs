//! An sshd of the test's own on the loopback, with keys made for it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use justmanage_model::pool::Host;
use tempfile::TempDir;

/// Where Debian and its kin have it; sshd wants to be called by its whole path.
const SSHD: &str = "/usr/sbin/sshd";
const DEADLINE: Duration = Duration::from_secs(30);

/// It runs until this goes.
pub(crate) struct Sshd {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    process: Child,
}

impl Sshd {
    /// Lets the owner of `user.pub` in the folder of keys in, as the user of this test.
    pub(crate) fn start(keys: &Keys) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: install openssh-server");
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        make_key("ed25519", &path("host"));
        fs::copy(keys.path("user.pub"), path("authorized")).expect("authorized keys");
        if rustix_is_root() {
            fs::create_dir_all("/run/sshd").expect("/run/sshd");
        }
        loop {
            let port = free_port();
            let text = format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
                 PasswordAuthentication no\nPermitRootLogin prohibit-password\nLogLevel VERBOSE\n",
                path("host").display(),
                path("authorized").display()
            );
            fs::write(path("config"), text).expect("config");
            let log = fs::File::create(path("log")).expect("log");
            let mut sshd = Command::new(SSHD);
            sshd.args(["-D", "-e", "-f"]).arg(path("config")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            let mut process = sshd.spawn().expect("sshd");
            let begun = Instant::now();
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                // Somebody else may have taken the port meanwhile.
                if process.try_wait().expect("sshd").is_some() {
                    break;
                }
                assert!(begun.elapsed() < DEADLINE, "sshd does not listen");
                std::thread::yield_now();
            }
            if process.try_wait().expect("sshd").is_none() {
                return Self { folder, port, process };
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "sshd does not start: {}",
                fs::read_to_string(path("log")).unwrap_or_default()
            );
        }
    }

    /// It as a host, without a pinned key.
    pub(crate) fn host(&self) -> Host {
        let user = String::from_utf8(Command::new("id").arg("-un").output().expect("id").stdout).expect("a name");
        Host { port: self.port, ..Host::new("127.0.0.1", user.trim()) }
    }

    /// The same with its key pinned.
    pub(crate) fn pinned(&self) -> Host {
        Host { keys: vec![self.fingerprint().parse().expect("a fingerprint")], ..self.host() }
    }

    /// Its key as `ssh-keygen -l` prints it.
    pub(crate) fn fingerprint(&self) -> String {
        let said = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(self.folder.path().join("host.pub"))
            .output()
            .expect("ssh-keygen");
        let line = String::from_utf8(said.stdout).expect("text");
        line.split_whitespace().nth(1).expect("a fingerprint").to_owned()
    }

    /// A line of `known_hosts` for it.
    pub(crate) fn known(&self) -> String {
        let key = fs::read_to_string(self.folder.path().join("host.pub")).expect("the host's key");
        format!("[127.0.0.1]:{} {}", self.port, key.trim())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("log")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keys of the test's user.
pub(crate) struct Keys(TempDir);

impl Keys {
    /// `user`, which hosts let in, and `other`, which they do not.
    pub(crate) fn make() -> Self {
        let keys = Self(tempfile::tempdir().expect("a folder"));
        for name in ["user", "other"] {
            make_key("ed25519", &keys.path(name));
        }
        keys
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a key")
    }
}

/// Makes a pair of keys without a passphrase.
pub(crate) fn make_key(kind: &str, path: &Path) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-f"]).arg(path).status().expect("ssh-keygen");
    assert!(made.success(), "ssh-keygen -t {kind}");
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port()
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

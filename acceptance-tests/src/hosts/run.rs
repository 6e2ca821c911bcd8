//! Commands on a host: over the real SSH, and as root in its namespaces, where no network is needed.

use std::process::{Command, Output};

use super::host::{Host, PATH};

/// Seconds after which a command is killed: what takes longer hangs.
const LIMIT: &str = "60";

/// Joins the groups of a host, enters it with no more rights than root has there (`hosts/init.sh`), and runs a command: `COMMAND PID
/// LIMIT GROUP...`.
const INSIDE: &str = "command=$1 pid=$2 limit=$3
    shift 3
    for group; do echo 0 >\"$group/cgroup.procs\" || exit 125; done
    exec nsenter --target \"$pid\" --mount --uts --ipc --net --pid --cgroup -- \
        env -i PATH=\"$PATH\" HOME=/root LC_ALL=C.UTF-8 \
        setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio timeout --signal=KILL \"$limit\" sh -c \"$command\"";

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its status; 255 is also that of an SSH connection that was not there. None: it was killed.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// Standard output without white space around it.
    ///
    /// # Panics
    /// When the command failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.stdout.trim().to_owned()
    }

    /// Whether the command succeeded.
    pub fn succeeded(&self) -> bool {
        self.status == Some(0)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Host {
    /// Runs lines of a shell over SSH, as root.
    pub fn ssh(&self, command: &str) -> Said {
        self.ssh_as("root", command)
    }

    /// The same as somebody else: `admin` or `guest`.
    pub fn ssh_as(&self, user: &str, command: &str) -> Said {
        let keys = &self.shared.keys;
        let mut ssh = self.shared.bridge.command("timeout");
        ssh.args(["--signal=KILL", LIMIT, "ssh", "-F", "none", "-i"]).arg(keys.own());
        let known = format!("UserKnownHostsFile={}", keys.known_hosts().display());
        for option in [
            &*known,
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "ConnectTimeout=5",
            "LogLevel=ERROR",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.arg(format!("{user}@{}", self.address())).arg(command);
        ssh.output().expect("nsenter (Debian: util-linux)").into()
    }

    /// Runs lines of a shell as root on a host, also when it is cut off.
    ///
    /// # Panics
    /// When it is off or paused.
    #[track_caller]
    pub fn root(&self, command: &str) -> Said {
        let (pid, groups, frozen) = self.on(|running| (running.pid, running.group.seats(), running.group.is_frozen()));
        assert!(!frozen, "{} is paused", self.name());
        let mut inside = Command::new("sh");
        inside.args(["-c", INSIDE, "sh", command, &pid.to_string(), LIMIT]).args(groups).env("PATH", PATH);
        inside.output().expect("sh").into()
    }
}

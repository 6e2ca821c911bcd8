//! The script of the first boot, carried out below a directory; what it calls of the system is played by `host/tests/stubs`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use justmanage_model::node::NodeOrder;
use justmanage_model::{Bytes, EnrolmentToken, Pin};
use justmanage_platform_cloud::boot::{ANYWHERE, SIZE_MAX};
use justmanage_platform_cloud::{Boot, Fetch};
use ring::digest;

use crate::claim;

/// An agent that comes up, as far as the script can see.
const AGENT: &str = "#!/bin/sh
case $1 in
status) echo '{\"agent\":{}}' ;;
esac
";

/// What the script calls besides what `host/tests/stubs` plays. `steps` counts what changes something, and dies before one of them.
const STUBS: &[(&str, &str)] = &[
    (
        "curl",
        "while [ $# -gt 2 ]; do [ \"$1\" = -o ] && out=$2; shift; done; for url; do :; done\n\
              cp \"$ROOT/mirror/${url##*/}\" \"$out\" 2>/dev/null || { echo 'curl: (22) 404' >&2; exit 22; }",
    ),
    ("ip", "echo '192.0.2.1 via 10.0.0.1 dev eth0 src 10.0.3.7 uid 0'"),
    ("blkid", "cat \"$ROOT/disk\" 2>/dev/null"),
    ("lsblk", "cat \"$ROOT/lsblk\""),
    ("mkfs.ext4", "for disk; do :; done; echo \"mkfs $*\" >>\"$ROOT/run/calls\"; echo \"$disk\" >\"$ROOT/disk\""),
    ("mount", "echo \"mount $*\" >>\"$ROOT/run/calls\"; : >\"$ROOT/mounted\""),
    ("mountpoint", "[ -e \"$ROOT/mounted\" ]"),
];

/// A machine that boots.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().expect("a directory"));
        for folder in [
            "bin",
            "dev",
            "etc/systemd/system",
            "etc/sysctl.d",
            "mirror",
            "run",
            "proc/sys/vm",
            "proc/sys/net/core",
            "var/lib",
        ] {
            fs::create_dir_all(machine.path(folder)).expect("a directory");
        }
        for (file, text) in [
            ("dev/console", ""),
            ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
            ("etc/fstab", ""),
            ("proc/sys/vm/overcommit_memory", "0\n"),
            ("proc/sys/net/core/somaxconn", "128\n"),
            (
                "lsblk",
                "/dev/nvme0n1 17179869184 disk\n/dev/nvme0n1p1 17178803712 part ext4 /dev/nvme0n1\n/dev/nvme1n1 8589934592 disk\n/dev/nvme2n1 75000000000 disk\n",
            ),
            ("mirror/agent", AGENT),
            ("mirror/valkey-server", "#!/bin/sh\n"),
        ] {
            fs::write(machine.path(file), text).expect("a file");
        }
        for (name, text) in STUBS {
            machine.program(name, text);
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a program");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("rights");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn boot(&self, shell: &str, script: &str) -> Output {
        let stubs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/stubs");
        let path = std::env::var("PATH").expect("PATH");
        fs::write(self.path("script"), script).expect("a script");
        let mut command = Command::new(shell);
        command
            .arg(self.path("script"))
            .env("ROOT", self.0.path())
            .env("PAUSE", "0")
            .env("PATH", format!("{}:{}:{path}", self.path("bin").display(), stubs.display()));
        command.output().expect("a shell")
    }
}

fn sha256(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fetch(path: &str, text: &str, urls: &[&str]) -> Fetch {
    let urls = urls.iter().map(|url| (*url).to_owned()).collect();
    Fetch { path: path.to_owned(), sha256: sha256(text), urls }
}

fn agent(urls: &[&str]) -> Fetch {
    fetch("/var/lib/justmanage/bin/justmanage-agent-0123456789abcdef", AGENT, urls)
}

/// The script of a machine with this agent, for so many operators.
fn script(agent: &Fetch, operators: u8, disk: Option<Bytes>) -> String {
    let claim = claim("cache", 1, 2);
    let operators: BTreeSet<Pin> = (0..operators).map(|number| Pin::from_digest([number; 32])).collect();
    let server =
        fetch("/var/lib/justmanage/artifacts/x/valkey-server", "#!/bin/sh\n", &["https://mirror/valkey-server"]);
    let token = EnrolmentToken::new([9; 32]);
    let programs = vec![&server];
    Boot { claim: &claim, operators: &operators, token, agent, programs, disk, toward: ANYWHERE }
        .script()
        .expect("a script")
}

const URL: &str = "https://mirror.example.com/agent";

#[test]
fn a_script_fits_every_cloud_with_room_to_spare_and_says_when_it_does_not() {
    let long = format!("https://releases.example.com/{}/agent", "x".repeat(200));
    let script = script(&agent(&[URL, &long, &long]), 10, Some(Bytes::mib(8192)));
    assert!(script.len() < SIZE_MAX - 1024, "{} bytes", script.len());
    let endless = agent(&vec![long.as_str(); 64]);
    let claim = claim("cache", 1, 2);
    let token = EnrolmentToken::new([9; 32]);
    let boot = Boot {
        claim: &claim,
        operators: &BTreeSet::new(),
        token,
        agent: &endless,
        programs: vec![],
        disk: None,
        toward: ANYWHERE,
    };
    assert!(boot.script().expect_err("too long").to_string().contains("a cloud takes 16384"));
    let spaced = agent(&["https://mirror/a b"]);
    assert!(Boot { agent: &spaced, ..boot }.script().is_err(), "no address has a space");
}

#[test]
fn a_machine_becomes_a_node_and_may_boot_so_again() {
    for shell in ["sh", "bash"] {
        let machine = Machine::new();
        let script = script(&agent(&["https://release/none", URL]), 2, Some(Bytes::mib(8192)));
        let ended = machine.boot(shell, &script);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{shell}: {said}");
        assert!(said.contains("https://release/none cannot be fetched"), "what failed is said: {said}");
        let order: NodeOrder =
            serde_json::from_str(&machine.read("var/lib/justmanage/node/order.json")).expect("an order");
        assert_eq!((order.claim, order.address.to_string()), (claim("cache", 1, 2), "10.0.3.7".to_owned()));
        assert_eq!((order.operators.len(), order.token), (2, Some(EnrolmentToken::new([9; 32]))));
        assert_eq!(machine.read("var/lib/justmanage/bin/agent"), AGENT);
        assert_eq!(machine.read("var/lib/justmanage/artifacts/x/valkey-server"), "#!/bin/sh\n");
        assert_eq!(machine.read("proc/sys/vm/overcommit_memory"), "1\n");
        assert!(machine.read("etc/systemd/system/justmanage-agent.service").contains("NoNewPrivileges=yes"));
        assert!(
            machine.read("etc/systemd/system/justmanage-agent.service.d/cloud.conf").contains("systemctl poweroff")
        );
        // Who does what only root may, at an operator's word, and where programs are kept that operators send.
        for (unit, part) in [
            ("justmanage-root.socket", "SocketMode=0600"),
            ("justmanage-root@.service", "/var/lib/justmanage/bin/root root"),
            ("justmanage-agent.service.d/root.conf", "JUSTMANAGE_ARTIFACTS=/var/lib/justmanage/artifacts"),
        ] {
            assert!(machine.read(&format!("etc/systemd/system/{unit}")).contains(part), "{unit}");
        }
        assert_eq!(machine.read("var/lib/justmanage/bin/root"), AGENT);
        let mode = |path: &str| fs::metadata(machine.path(path)).expect(path).permissions().mode() & 0o777;
        assert_eq!((mode("var/lib/justmanage/artifacts"), mode("var/lib/justmanage/node/order.json")), (0o700, 0o640));
        let calls = machine.read("run/calls");
        assert!(calls.contains("systemctl start justmanage-server.socket justmanage-root.socket"), "{calls}");
        assert!(machine.read("etc/passwd").contains("justmanage:"));
        assert_eq!(machine.read("run/agent").trim(), "justmanage-agent-0123456789abcdef", "it runs");
        assert!(
            machine.read("run/calls").contains("mkfs -q -L justmanage /dev/nvme1n1"),
            "{}",
            machine.read("run/calls")
        );
        assert_eq!(machine.read("etc/fstab").lines().count(), 1);
        assert!(machine.read("dev/console").contains("listens"));

        let before = machine.read("var/lib/justmanage/node/order.json");
        let again = machine.boot(shell, &script);
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(machine.read("var/lib/justmanage/node/order.json"), before);
        assert_eq!(machine.read("run/calls").matches("mkfs").count(), 1, "no disk is made anew");
        assert_eq!(machine.read("etc/fstab").lines().count(), 1);
    }
}

#[test]
fn what_is_not_what_was_expected_is_never_installed_and_the_machine_says_so() {
    let machine = Machine::new();
    fs::write(machine.path("mirror/agent"), "#!/bin/sh\necho somebody else\n").expect("a file");
    let ended = machine.boot("sh", &script(&agent(&[URL]), 1, None));
    assert!(!ended.status.success());
    let console = machine.read("dev/console");
    assert!(console.contains(&format!("justmanage: {URL} is not what was expected")), "{console}");
    assert!(console.contains("the machine gives up"), "{console}");
    assert!(machine.read("run/calls").contains("systemctl poweroff"), "nobody pays for it any longer");
    assert!(!machine.path("var/lib/justmanage/bin/agent").exists());
    assert!(!machine.path("var/lib/justmanage/.fetched").exists());
}

#[test]
fn a_disk_that_comes_while_the_machine_boots_is_waited_for() {
    let machine = Machine::new();
    machine.program(
        "lsblk",
        "n=$(($(cat \"$ROOT/looks\" 2>/dev/null || echo 0) + 1)); echo $n >\"$ROOT/looks\"; [ $n -lt 7 ] || cat \"$ROOT/lsblk\"",
    );
    let ended = machine.boot("sh", &script(&agent(&[URL]), 1, Some(Bytes::mib(8192))));
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(machine.read("looks").trim(), "7");
    assert_eq!(machine.read("run/calls").matches("mkfs -q").count(), 1);
}

#[test]
fn a_disk_that_may_be_somebodys_is_not_touched() {
    for (disks, part) in [
        ("/dev/nvme1n1 8589934592 disk ext4\n", "no empty disk of 8589934592 bytes"),
        ("/dev/nvme1n1 8589934592 disk\n/dev/nvme1n1p1 100 part  /dev/nvme1n1\n", "no empty disk"),
        ("/dev/nvme1n1 8589934592 disk\n/dev/nvme2n1 8589934592 disk\n", "several empty disks"),
        ("/dev/nvme1n1 100 disk\n", "no empty disk"),
    ] {
        let machine = Machine::new();
        fs::write(machine.path("lsblk"), disks).expect("a file");
        let ended = machine.boot("sh", &script(&agent(&[URL]), 1, Some(Bytes::mib(8192))));
        assert!(!ended.status.success());
        assert!(machine.read("dev/console").contains(part), "{disks}: {}", machine.read("dev/console"));
        assert!(!machine.read("run/calls").contains("mkfs"), "{disks}");
    }
}

#[test]
fn a_boot_that_was_cut_short_anywhere_is_ended_by_the_next() {
    let whole = script(&agent(&[URL]), 1, Some(Bytes::mib(8192)));
    let changes = ["mkfs.ext4", "mount", "mkdir", "mv", "chown", "chmod", "useradd", "ln", "systemctl", "curl"];
    let mut cut = 0;
    for at in 1.. {
        let machine = Machine::new();
        for name in changes {
            // The programs that change something, each of which first counts, and dies with its shell when it is its turn.
            let real = machine.path("bin").join(name);
            let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/stubs").join(name);
            let own = if real.exists() {
                let moved = machine.path("bin").join(format!("{name}.real"));
                fs::rename(&real, &moved).expect("moved");
                moved
            } else if stub.exists() {
                stub
            } else {
                ["/bin", "/usr/bin"]
                    .iter()
                    .map(|folder| Path::new(folder).join(name))
                    .find(|path| path.exists())
                    .expect(name)
            };
            machine.program(
                name,
                &format!(
                    "n=$(($(cat \"$ROOT/count\" 2>/dev/null || echo 0) + 1)); echo $n >\"$ROOT/count\"\n\
                     [ $n != \"${{CUT:-{at}}}\" ] || {{ kill -9 $PPID; exit 1; }}\nexec {} \"$@\"",
                    own.display()
                ),
            );
        }
        let ended = machine.boot("sh", &whole);
        let reached: u32 = machine.read("count").trim().parse().expect("a count");
        if reached < at {
            assert!(ended.status.success(), "nobody was killed: {}", String::from_utf8_lossy(&ended.stderr));
            break;
        }
        cut += 1;
        fs::write(machine.path("count"), "1000").expect("a count");
        let again = machine.boot("sh", &whole);
        assert!(again.status.success(), "cut at {at}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(machine.read("run/agent").trim(), "justmanage-agent-0123456789abcdef", "cut at {at}");
        assert_eq!(machine.read("run/calls").matches("mkfs -q").count(), 1, "cut at {at}");
    }
    assert!(cut > 10, "{cut} cuts");
}

//! How a process ended of which only systemd was told.
//!
//! The unit's name is read while the process lives, and the answer counts only if the unit's main process was this very one:
//! each connection is an instance with a name of its own, so neither is ever another's.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Ending, Watched};

/// How long all questions about one end may take. An answer takes 10 ms; meanwhile the server's end is known and not yet said,
/// so a failover waits for it. (Said at once and explained later, it would be in the journal twice.)
const LIMIT: Duration = Duration::from_secs(1);
/// How often systemd is asked again that has not taken notice of the end yet.
const PAUSE: Duration = Duration::from_millis(20);
/// How long `systemctl` may take to vanish after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(1);

/// A service of systemd's, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit(String);

/// What `systemctl show` says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It ended so.
    Ended(Ending),
    /// It runs, as far as systemd knows.
    Runs,
    /// Nothing: the unit has another main process, or is forgotten, as systemd forgets one that ended with status 0.
    Nothing,
}

impl Unit {
    /// The unit that a process is in, as far as it can be seen.
    pub(super) fn of(pid: u32) -> Option<Self> {
        Self::named(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
    }

    /// The innermost service in the path of a process's group ([cgroups(7)](https://man7.org/linux/man-pages/man7/cgroups.7.html)):
    /// of systemd's own tree in version 1, of the only tree in version 2.
    fn named(groups: &str) -> Option<Self> {
        let path_in = |tree: &str| {
            groups.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                (controllers == tree).then_some(path)
            })
        };
        let path = path_in("name=systemd").or_else(|| path_in(""))?;
        path.rsplit('/').find(|part| part.ends_with(".service")).map(|name| Self(name.to_owned()))
    }

    /// How its main process with this pid ended; [`Ending::Unknown`] if systemd does not say so in time.
    pub(super) async fn ending(&self, pid: u32) -> Ending {
        let unit = self.clone();
        let asked = tokio::task::spawn_blocking(move || ask(pid, LIMIT, |left| said(unit.show(), left)));
        // The thread keeps to the limit, too, unless the disk does not give it the program; then it is left to wait.
        tokio::time::timeout(LIMIT, asked).await.ok().and_then(Result::ok).unwrap_or(Ending::Unknown)
    }

    fn show(&self) -> Command {
        let mut command = Command::new("systemctl");
        command.args(["show", "--property=ExecMainPID,ExecMainCode,ExecMainStatus", "--"]).arg(&self.0);
        command
    }
}

/// Asks until the end is told, or nothing is.
fn ask(pid: u32, limit: Duration, mut show: impl FnMut(Duration) -> Option<String>) -> Ending {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ending::Unknown;
        }
        match show(left).map_or(Told::Nothing, |text| told(&text, pid)) {
            Told::Ended(ending) => return ending,
            Told::Runs => thread::sleep(PAUSE.min(left)),
            Told::Nothing => return Ending::Unknown,
        }
    }
}

/// `ExecMainPID=`, `ExecMainCode=` (the kernel's `si_code`: 1 exited, 2 killed, 3 killed and dumped, 0 not yet) and `ExecMainStatus=`
/// ([org.freedesktop.systemd1](https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html)).
fn told(text: &str, pid: u32) -> Told {
    let properties: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let number = |name: &str| properties.get(name)?.trim().parse::<i32>().ok();
    if properties.get("ExecMainPID").and_then(|main| main.trim().parse().ok()) != Some(pid) {
        return Told::Nothing;
    }
    match (number("ExecMainCode"), number("ExecMainStatus")) {
        (Some(0), _) => Told::Runs,
        (Some(1), Some(status)) => Told::Ended(Ending::Exited(status)),
        (Some(2 | 3), Some(signal)) => Told::Ended(Ending::Killed(signal)),
        _ => Told::Nothing,
    }
}

/// What a command prints; `None` if it fails, or takes longer.
pub(crate) fn said(mut command: Command, limit: Duration) -> Option<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut output = child.stdout.take()?;
    let watched = Watched::child(&child).ok()?;
    match watched.wait(limit) {
        Some(Ending::Exited(0)) => {}
        Some(_) => return None,
        None => {
            let _ = watched.signal(Signal::KILL);
            watched.wait(KILL_LIMIT);
            return None;
        }
    }
    let mut text = String::new();
    output.read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_named_by_its_group() {
        let instance = "justmanage-server@3-812-998.service";
        let slice = format!("/system.slice/system-justmanage\\x2dserver.slice/{instance}");
        for (groups, name) in [
            (format!("0::{slice}\n"), Some(instance)),
            (format!("12:pids:/x\n4:memory:{slice}\n1:name=systemd:{slice}\n"), Some(instance)),
            (format!("4:memory:/\n1:name=systemd:{slice}\n0::/elsewhere.service\n"), Some(instance)),
            (format!("0::{slice}/server\n"), Some(instance)),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n".to_owned(), Some("a.service")),
            ("0::/user.slice/user-1000.slice/session-4.scope\n".to_owned(), None),
            (format!("4:memory:{slice}\n"), None),
            // A group that was removed under its last process.
            (format!("0::{slice} (deleted)\n"), None),
            ("0::/\n".to_owned(), None),
            ("1:name=systemd:/\n".to_owned(), None),
            ("nonsense".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(Unit::named(&groups), name.map(|name| Unit(name.to_owned())), "{groups:?}");
        }
        assert_eq!(Unit::of(u32::MAX), None);
    }

    #[test]
    fn what_systemctl_says_of_an_end() {
        let show = |pid: &str, code: &str, status: &str| {
            format!("ExecMainPID={pid}\nExecMainCode={code}\nExecMainStatus={status}\n")
        };
        for (text, expected) in [
            (show("4242", "1", "0"), Told::Ended(Ending::Exited(0))),
            (show("4242", "1", "1"), Told::Ended(Ending::Exited(1))),
            (show("4242", "2", "9"), Told::Ended(Ending::Killed(9))),
            (show("4242", "3", "11"), Told::Ended(Ending::Killed(11))),
            (show("4242", "0", "0"), Told::Runs),
            // A unit that systemd has forgotten is one that never ran.
            (show("0", "0", "0"), Told::Nothing),
            (show("4243", "2", "9"), Told::Nothing),
            (show("", "2", "9"), Told::Nothing),
            (show("4242", "7", "9"), Told::Nothing),
            (show("4242", "2", ""), Told::Nothing),
            ("ExecMainStatus=9\nExecMainPID=4242\nExecMainCode=2".to_owned(), Told::Ended(Ending::Killed(9))),
            ("ExecMainPID=4242\n".to_owned(), Told::Nothing),
            ("Unit could not be found.".to_owned(), Told::Nothing),
            (String::new(), Told::Nothing),
        ] {
            assert_eq!(told(&text, 4242), expected, "{text:?}");
        }
    }

    #[test]
    fn systemd_is_asked_until_it_knows() {
        let runs = || Some("ExecMainPID=7\nExecMainCode=0\nExecMainStatus=0\n".to_owned());
        let killed = || Some("ExecMainPID=7\nExecMainCode=2\nExecMainStatus=9\n".to_owned());
        let long = Duration::from_secs(20);
        let answers = |answers: Vec<Option<String>>| {
            let mut answers = answers.into_iter();
            move |_: Duration| answers.next().expect("no more questions")
        };
        assert_eq!(ask(7, long, answers(vec![runs(), runs(), killed()])), Ending::Killed(9));
        assert_eq!(ask(7, long, answers(vec![None])), Ending::Unknown);
        assert_eq!(ask(8, long, answers(vec![killed()])), Ending::Unknown);
        let begun = Instant::now();
        assert_eq!(ask(7, Duration::from_millis(50), |_| runs()), Ending::Unknown, "it never takes notice");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_command_says_something_in_time_or_nothing() {
        let long = Duration::from_secs(20);
        assert_eq!(said(shell("echo said; echo noise >&2"), long).as_deref(), Some("said\n"));
        assert_eq!(said(shell("echo said; exit 1"), long), None);
        assert_eq!(said(Command::new("/nowhere/systemctl"), long), None);
        let begun = Instant::now();
        assert_eq!(said(shell("echo said; exec sleep 100"), Duration::from_millis(50)), None);
        assert!(begun.elapsed() < long, "{:?}", begun.elapsed());
    }

    /// Where systemd does not run, or has never heard of the unit, nothing is known.
    #[tokio::test]
    async fn a_unit_that_is_not_there_tells_nothing() {
        let unit = Unit("justmanage-no-such-unit.service".to_owned());
        assert_eq!(unit.ending(std::process::id()).await, Ending::Unknown);
    }
}

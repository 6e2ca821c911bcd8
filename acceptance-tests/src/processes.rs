//! What runs in a directory, and which ports are listened on: read from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

/// A process that belongs to a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: i32,
    /// What it runs; a replaced or removed file ends in ` (deleted)`.
    pub exe: PathBuf,
    /// Its command line, words joined by spaces.
    pub command: String,
}

/// The processes whose working directory or program is in `root`, or whose command line names a path in it.
///
/// The process that asks is left out.
pub fn inside(root: &Path) -> Vec<Process> {
    let own = i32::try_from(std::process::id()).expect("a pid is positive");
    let pids = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != own);
    let mut found: Vec<_> = pids.filter_map(|pid| belongs(pid, root)).collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn belongs(pid: i32, root: &Path) -> Option<Process> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let command = fs::read(proc.join("cmdline")).ok()?;
    let exe = fs::read_link(proc.join("exe")).ok()?; // none: a kernel thread, a zombie, or already gone
    let cwd = fs::read_link(proc.join("cwd")).unwrap_or_default();
    let words: Vec<_> =
        command.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let text = root.to_string_lossy();
    let named = words.iter().any(|word| word.contains(&*text));
    (cwd.starts_with(root) || exe.starts_with(root) || named).then(|| Process {
        pid,
        exe,
        command: words.join(" ").trim_end().to_owned(),
    })
}

/// Does the process still run? A zombie does not.
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is the name in brackets, which may hold anything; the state follows the last bracket.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The test process that named something `<prefix><its number>-...`, if that is dead.
pub(crate) fn dead_owner(name: &str, prefix: &str) -> Option<i32> {
    let owner = name.strip_prefix(prefix)?.split_once('-')?.0.parse().ok()?;
    (!is_alive(owner)).then_some(owner)
}

/// Whose child it is.
pub fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Sends a signal; a process that is gone already is fine.
///
/// # Panics
/// When the process may not be signalled.
pub fn signal(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("a pid is positive");
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => panic!("cannot signal {pid:?}: {error}"),
    }
}

/// The TCP sockets that a process listens on. `0.0.0.0` and `::` are every address.
pub fn listening_of(pid: i32) -> Vec<(IpAddr, u16)> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    let sockets: BTreeSet<String> = targets
        .filter_map(|target| Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tables =
        ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let own = lines.filter(|line| line.split_whitespace().nth(9).is_some_and(|inode| sockets.contains(inode)));
    own.filter_map(listens).collect()
}

/// A line of `/proc/net/tcp` in state 0A (LISTEN): its local address and port.
fn listens(line: &str) -> Option<(IpAddr, u16)> {
    let mut words = line.split_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    (words.nth(1)? == "0A").then_some((ip(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address as the kernel writes it: groups of four bytes, each in the machine's own order.
fn ip(hexadecimal: &str) -> Option<IpAddr> {
    let group = |start: usize| u32::from_str_radix(hexadecimal.get(start..start + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hexadecimal.len() {
        8 => Some(IpAddr::from(group(0)?)),
        32 => {
            let bytes = [group(0)?, group(8)?, group(16)?, group(24)?].concat();
            Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?))
        }
        _ => None,
    }
}

/// Pipes of which a process holds only one end: the other end is somebody else's.
pub fn shared_pipes(pid: i32) -> Vec<String> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut ends = BTreeMap::<String, usize>::new();
    for target in descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()) {
        if target.to_string_lossy().starts_with("pipe:") {
            *ends.entry(target.to_string_lossy().into_owned()).or_default() += 1;
        }
    }
    ends.into_iter().filter(|(_, count)| *count < 2).map(|(pipe, _)| pipe).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;

    use super::*;
    use crate::{DEADLINE, wait_until};

    #[test]
    fn a_process_is_found_by_its_directory_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(inside(folder.path()), []);
        let mut child = Command::new("sleep").arg("600").current_dir(folder.path()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        wait_until("the child runs its program", DEADLINE, || {
            inside(folder.path()).iter().any(|process| process.pid == pid && process.command == "sleep 600")
        });
        assert!(is_alive(pid));
        signal(pid, Signal::KILL);
        child.wait().unwrap();
        assert!(!is_alive(pid));
        assert_eq!(inside(folder.path()), []);
        signal(pid, Signal::KILL); // gone is fine
    }

    #[test]
    fn addresses_read_as_people_write_them() {
        let written = |address: &str| ip(address).map(|address| address.to_string());
        let bytes = |groups: &[[u8; 4]]| -> String {
            groups.iter().map(|group| format!("{:08X}", u32::from_ne_bytes(*group))).collect()
        };
        assert_eq!(written(&bytes(&[[127, 0, 0, 1]])).as_deref(), Some("127.0.0.1"));
        assert_eq!(written(&bytes(&[[0; 4], [0; 4], [0; 4], [0, 0, 0, 1]])).as_deref(), Some("::1"));
        assert_eq!(written("1234"), None);
    }

    #[test]
    fn a_pipe_with_one_end_is_shared_and_one_with_both_is_not() {
        let (null, piped) = (std::process::Stdio::null, std::process::Stdio::piped());
        let mut child = Command::new("sleep").arg("600").stdin(null()).stderr(null()).stdout(piped).spawn().unwrap();
        let link = |descriptor: String| fs::read_link(descriptor).unwrap().to_string_lossy().into_owned();
        let output = link(format!("/proc/{}/fd/1", child.id()));
        // Whoever runs the tests may have left pipes of their own open to us, and so to the child.
        let shared = shared_pipes(i32::try_from(child.id()).unwrap());
        let (reader, writer) = std::io::pipe().unwrap();
        let own = shared_pipes(i32::try_from(std::process::id()).unwrap());
        let both_ends = link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(shared.contains(&output), "{output} of {shared:?}");
        assert!(!own.contains(&both_ends), "{own:?}");
        drop((reader, writer));
    }

    #[test]
    fn a_child_names_its_parent() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let named = parent(i32::try_from(child.id()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(named, Some(own));
    }

    #[test]
    fn a_listener_is_seen_while_it_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(listening_of(own).contains(&([127, 0, 0, 1].into(), port)));
        drop(listener);
        assert!(!listening_of(own).iter().any(|(_, other)| *other == port));
    }
}

//! Another build in the agent's place, while the server runs on; one that does not come up is taken out again.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use justmanage_model::node::NodeStatus;
use justmanage_model::{Replaced, Replacement, Version};
use justmanage_steps::step;
use ring::digest;
use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};

use super::message::Answer;
use super::place::{Base, is_older, remove};
use super::serve::answer;
use super::systemd::{restart_agent, restarts};
use crate::content::hex;
use crate::programs::is_digest;

/// Largest program of an agent: ours has 20 MB, with everything for a debugger 300.
const LARGEST: u64 = 1 << 30;
/// How long the agent may give nothing of the program.
const STALL: Duration = Duration::from_secs(30);
/// How long an agent may take to come up. It takes 20 ms; a machine that is busy with its own start, some seconds.
const COME_UP: Duration = Duration::from_secs(30);
/// It is started again each second: after so many times, the next will be no better.
const RESTARTS: u32 = 5;
/// How often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(100);
/// What SELinux knows a file as.
const LABEL: &str = "security.selinux";

/// The build that is meant.
pub(super) struct Build<'a> {
    pub(super) sha256: &'a str,
    pub(super) version: Version,
    pub(super) length: u64,
}

/// What goes on when the agent has been told that it is replaced.
#[derive(Debug)]
pub(super) struct Placed {
    replacement: Replacement,
    name: String,
    before: String,
}

/// Takes the build over the connection, tries it, and puts it in place. `None`: the one that runs stays.
///
/// # Errors
/// Why it was not done. What runs was not touched.
pub(super) fn place(
    base: &Base,
    connection: &UnixStream,
    build: &Build<'_>,
) -> Result<Result<Placed, Version>, String> {
    let disk = |error: io::Error| format!("the programs of this machine's agent: {error}");
    if !is_digest(build.sha256) {
        return Err("its SHA-256 is none".to_owned());
    }
    let running = base.link("agent").ok_or("no agent is installed here")?;
    let said = base.version(&base.bin("agent"));
    let cut_short = base.link("before");
    if cut_short.is_none()
        && let Some(there) = said.as_ref().filter(|said| !is_older(said, build.version))
    {
        return Ok(Err(there.parse().unwrap_or(build.version)));
    }
    let name = format!("justmanage-agent-{}", &build.sha256[..16]);
    receive(base, connection, &name, build)?;
    step!("root: build is there");
    let path = base.bin(&name);
    match base.version(&path) {
        Some(version) if version.parse() == Ok(build.version) => {}
        said => {
            if name != running {
                let _ = remove(&path);
            }
            return Err(match said {
                Some(said) => format!("it says that it is {said}, and not {}", build.version),
                None => "it does not run on this machine: is it for another processor?".to_owned(),
            });
        }
    }
    // What an upgrade that was cut short went away from is what there is to go back to.
    let before = cut_short.unwrap_or(running);
    let replacement = Replacement {
        sha256: build.sha256.to_owned(),
        version: build.version,
        state: Replaced::Begun,
        why: String::new(),
    };
    base.note(&replacement).map_err(disk)?;
    base.point("before", &before).map_err(disk)?;
    step!("root: the one before is noted");
    base.point("agent", &name).map_err(disk)?;
    step!("root: build is in place");
    Ok(Ok(Placed { replacement, name, before }))
}

/// Starts the build, and goes back if it does not come up.
///
/// # Errors
/// The disk. The agent's next start decides then ([`super::recover`]).
pub(super) fn see_through(base: &Base, placed: Placed) -> io::Result<()> {
    let Placed { replacement, name, before } = placed;
    let came_up = restart_agent().and_then(|()| comes_up(base));
    step!("root: build was started");
    let (state, why) = match came_up {
        Ok(()) => (Replaced::Done, String::new()),
        Err(why) => {
            let words = last_words(base);
            base.point("agent", &before)?;
            match restart_agent().and_then(|()| comes_up(base)) {
                Ok(()) => (Replaced::PutBack, format!("{why}{words}")),
                Err(also) => (Replaced::Down, format!("{why}{words}; and the one before: {also}")),
            }
        }
    };
    let stays = if state == Replaced::Done { name } else { before };
    if state == Replaced::Done {
        base.point("root", &stays)?;
    }
    base.note(&Replacement { state, why, ..replacement })?;
    // By this link whoever comes next sees that it was cut short; so it goes before what it leads to.
    base.drop_link("before")?;
    for entry in fs::read_dir(base.bin(""))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_program = name.starts_with("justmanage-agent-") || name.starts_with(".new-");
        let in_use = name == stays || base.link("root").is_some_and(|root| root == name);
        if is_program && !in_use {
            let _ = remove(&entry.path());
        }
    }
    Ok(())
}

/// Makes the program be there, under its name: from this machine, where an earlier call has left it, or over the connection.
fn receive(base: &Base, connection: &UnixStream, name: &str, build: &Build<'_>) -> Result<(), String> {
    let path = base.bin(name);
    let disk = |error: io::Error| format!("{}: {error}", path.display());
    if File::open(&path).and_then(digest_of).is_ok_and(|sum| sum == build.sha256) {
        return Ok(());
    }
    if build.length == 0 || build.length > LARGEST {
        return Err(format!("it is said to have {} bytes", build.length));
    }
    answer(connection, &Answer::Send).map_err(|error| format!("the agent does not listen: {error}"))?;
    let new = base.bin(&format!(".new-{name}"));
    remove(&new).map_err(disk)?;
    let mut file = File::options().write(true).create_new(true).mode(0o755).open(&new).map_err(disk)?;
    let arrived = copy(connection, &mut file, build.length).and_then(|sum| {
        if sum == build.sha256 {
            Ok(())
        } else {
            Err(format!("what arrived has SHA-256 {sum}, and not {}", build.sha256))
        }
    });
    if let Err(why) = arrived {
        let _ = remove(&new);
        return Err(why);
    }
    // SELinux lets systemd run what is labelled as a program, as the one that runs is.
    let mut label = [0; 256];
    if let Ok(running) = File::open(base.bin("agent"))
        && let Ok(length) = fgetxattr(&running, LABEL, &mut label)
    {
        let _ = fsetxattr(&file, LABEL, &label[..length], XattrFlags::empty());
    }
    file.sync_all().and_then(|()| fs::rename(&new, &path)).and_then(|()| base.settle()).map_err(disk)
}

/// Exactly so many bytes of a connection, and their digest.
fn copy(mut from: &UnixStream, to: &mut File, length: u64) -> Result<String, String> {
    from.set_read_timeout(Some(STALL)).map_err(|error| error.to_string())?;
    let (mut sum, mut left, mut block) = (digest::Context::new(&digest::SHA256), length, vec![0; 1 << 18]);
    while left > 0 {
        let most = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
        let read = match from.read(&mut block[..most]) {
            Ok(0) => return Err(format!("the agent sent {left} bytes less than it said")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| format!("the agent sent no more of it: {error}"))?,
        };
        to.write_all(&block[..read]).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => "there is no room for it on this machine's disk".to_owned(),
            _ => error.to_string(),
        })?;
        sum.update(&block[..read]);
        left -= read as u64;
    }
    Ok(hex(&sum.finish()))
}

/// The digest of a file.
fn digest_of(mut file: File) -> io::Result<String> {
    let (mut sum, mut block) = (digest::Context::new(&digest::SHA256), vec![0; 1 << 18]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&sum.finish())),
            read => sum.update(&block[..read]),
        }
    }
}

/// Waits until the agent that systemd has started answers.
fn comes_up(base: &Base) -> Result<(), String> {
    let deadline = Instant::now() + COME_UP;
    let node = base.node();
    let arguments = [OsStr::new("status"), OsStr::new("--dir"), node.as_os_str()];
    while Instant::now() < deadline {
        let said = base.ask(&base.bin("agent"), &arguments);
        let status = said.and_then(|said| serde_json::from_str::<NodeStatus>(said.trim()).ok());
        if status.is_some_and(|status| status.agent.is_some()) {
            return Ok(());
        }
        if restarts() >= RESTARTS {
            return Err(format!("it ended {RESTARTS} times before it answered"));
        }
        thread::sleep(PAUSE);
    }
    Err(format!("it did not answer within {} s", COME_UP.as_secs()))
}

/// What the agent's log ends with. It is read as the agent's user, who could have put a link to something of root's in its place.
fn last_words(base: &Base) -> String {
    let log = base.node().join("agent.log");
    let said = base.ask(Path::new("/usr/bin/tail"), &[OsStr::new("-n"), OsStr::new("3"), log.as_os_str()]);
    said.filter(|said| !said.trim().is_empty())
        .map_or_else(String::new, |said| format!("; its log ends: {}", said.trim()))
}

//! The agent's commands: a script that answers what stands in files, and passes on what needs somebody to act.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::shared::Shared;

/// Puts the program and its pipe into a directory.
pub(crate) fn install(directory: &Path) -> io::Result<()> {
    let program = directory.join("justmanage-agent");
    fs::write(&program, include_str!("agent.sh").replace("@STAGE@", &directory.to_string_lossy()))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    fs::write(directory.join("version"), env!("CARGO_PKG_VERSION"))?;
    mknodat(CWD, directory.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    Ok(())
}

/// Answers commands until the pipe says `end`.
pub(crate) fn answer(shared: &Shared) -> io::Result<()> {
    // Also for writing, so that it does not end when nobody writes.
    let pipe = OpenOptions::new().read(true).write(true).open(shared.directory.join("pipe"))?;
    for line in BufReader::new(pipe).lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (verb, node, reply) = (words.next(), words.next(), words.next());
        let (Some(verb), Some(node), Some(reply)) = (verb, node, reply) else { return Ok(()) };
        let node = Path::new(node);
        let done = match verb {
            "upgrade" => shared.upgrade(node).and_then(|info| Ok(serde_json::to_string(&info)?)),
            "start" => shared.start(node).and_then(|info| Ok(serde_json::to_string(&info)?)),
            _ => shared.forget(node).map(|()| "{}".to_owned()),
        };
        let text = done.unwrap_or_else(|error| format!("{{\"error\":\"{error}\",\"hint\":\"\"}}"));
        // Whoever asked may have been killed: then nobody reads, and an open for writing would wait for ever.
        if let Ok(mut pipe) = open_if_read(Path::new(reply)) {
            let _ = writeln!(pipe, "{text}");
        }
    }
    Ok(())
}

fn open_if_read(reply: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, open};
    for _ in 0..200 {
        match open(reply, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(file) => return Ok(file.into()),
            Err(rustix::io::Errno::NXIO) => std::thread::sleep(std::time::Duration::from_millis(5)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

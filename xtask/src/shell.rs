//! Running programs: one way to start them, one way to report that they failed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command`, keeps its output, and returns standard output; a failure carries what the program said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !done.status.success() {
        let said = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).trim().to_owned()).join("\n");
        bail!("`{shown}` failed ({}):\n{}", done.status, said.trim());
    }
    String::from_utf8(done.stdout).with_context(|| format!("`{shown}` did not print UTF-8"))
}

/// The command line as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    // Cargo tells us its full path; people type its name.
    let program = Path::new(command.get_program());
    let program = program.file_name().filter(|name| *name == "cargo").unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// `word` as a shell reads it back.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The first executable called `name` on `PATH`.
pub(crate) fn on_path(name: impl AsRef<Path>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name.as_ref())).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
}

/// A command without anything of the caller's terminal: C locale, no colours, no pager.
pub(crate) fn plain(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
    command
}

/// What a program said, and whether it succeeded.
pub(crate) struct Said {
    /// Standard output and standard error as they came.
    pub(crate) text: String,
    /// Exit status zero.
    pub(crate) success: bool,
}

/// Runs `command`, shows its output as it comes, and keeps it.
pub(crate) fn stream_all(command: &mut Command) -> Result<Said> {
    let shown = show(command);
    println!("$ {shown}");
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    command.stdout(Stdio::null()).stderr(Stdio::null()); // drops our copies of the writing end, so that reading ends
    let mut text = String::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        text += &line;
        text.push('\n');
    }
    let status = child.wait()?;
    Ok(Said { text, success: status.success() })
}

/// As [`stream_all`], but failure is an error.
pub(crate) fn stream(command: &mut Command) -> Result<String> {
    let said = stream_all(command)?;
    if said.success { Ok(said.text) } else { bail!("`{}` failed", show(command)) }
}

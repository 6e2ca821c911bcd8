//! The commands of `justmanage-agent`: what platforms call, and what people may.
//!
//! Answers are JSON on standard output. An error is one line of JSON, the last on standard error:
//! `{"error": "...", "hint": "..."}`, and the exit code is 1.

mod admit;
mod end;
mod inspect;
mod launch;
mod remove;
mod root;
mod run;
mod start;
mod status;
mod upgrade;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use justmanage_model::Pin;
use justmanage_model::node::NodeOrder;
use lexopt::prelude::*;
use serde::Serialize;

use crate::directory::Directory;

const HELP: &str = "\
justmanage-agent runs one Redis or Valkey node.

  justmanage-agent start --dir DIR     start the agent of a node in the background; prints how to reach it
  justmanage-agent run --dir DIR       run it in the foreground
  justmanage-agent status --dir DIR... what runs in nodes' directories; a line for each
  justmanage-agent upgrade --dir DIR   take the place of the agent that runs, if that is older; its server runs on
  justmanage-agent remove --dir DIR    stop agent and server, and remove the directory
  justmanage-agent admit --dir DIR --operator PIN
                                       let the holder of another operator key in (sha256:... of the public key)
  justmanage-agent inspect FILE...     which of these files are server programs
  justmanage-agent --version
";

/// Why a command failed, and what to do about it.
#[derive(Debug, Serialize)]
struct CommandError {
    error: String,
    hint: String,
}

impl CommandError {
    fn new(error: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self { error: error.to_string(), hint: hint.into() }
    }
}

impl From<lexopt::Error> for CommandError {
    fn from(error: lexopt::Error) -> Self {
        Self::new(error, "`justmanage-agent --help` lists the commands.")
    }
}

type Outcome = Result<(), CommandError>;

/// Runs the command that the arguments name (without the program's own name).
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match command(lexopt::Parser::from_args(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A serialised pair of strings; if standard error is gone, there is nobody to tell.
            let line = serde_json::to_string(&error).unwrap_or(error.error);
            let _ = writeln!(io::stderr(), "{line}");
            ExitCode::FAILURE
        }
    }
}

fn command(mut arguments: lexopt::Parser) -> Outcome {
    let verb = match arguments.next()? {
        Some(Value(verb)) => verb,
        Some(Long("version")) => return print(&format!("justmanage-agent {}\n", crate::version())),
        Some(Long("help") | Short('h')) | None => return print(HELP),
        Some(other) => return Err(other.unexpected().into()),
    };
    match verb.to_str() {
        Some("start") => answer(&start::start(&node(arguments)?)?),
        Some("run") => run::run(&node(arguments)?),
        Some("status") => status::status(&nodes(arguments)?).try_for_each(|status| answer(&status?)),
        Some("admit") => {
            let (directory, operator) = admission(arguments)?;
            admit::admit(&directory, operator)
        }
        Some("upgrade") => answer(&upgrade::upgrade(&node(arguments)?)?),
        Some("remove") => remove::remove(&node(arguments)?),
        Some("inspect") => answer(&inspect::inspect(files(arguments)?)?),
        Some("launch") => launch::launch(arguments),
        Some("root") => root::root(arguments),
        _ => Err(lexopt::Error::from(format!("{verb:?} is no command")).into()),
    }
}

/// `--dir DIR`, once.
fn node(arguments: lexopt::Parser) -> Result<Directory, CommandError> {
    let mut nodes = nodes(arguments)?;
    match (nodes.pop(), nodes.is_empty()) {
        (Some(node), true) => Ok(node),
        _ => Err(lexopt::Error::from("--dir can be given only once here").into()),
    }
}

/// `--dir DIR`, once or more.
fn nodes(mut arguments: lexopt::Parser) -> Result<Vec<Directory>, CommandError> {
    let mut nodes = Vec::new();
    while let Some(argument) = arguments.next()? {
        let directory = match argument {
            Long("dir") => PathBuf::from(arguments.value()?),
            other => return Err(other.unexpected().into()),
        };
        nodes.push(at(&directory)?);
    }
    if nodes.is_empty() {
        return Err(lexopt::Error::from("--dir is missing").into());
    }
    Ok(nodes)
}

fn files(mut arguments: lexopt::Parser) -> Result<Vec<PathBuf>, CommandError> {
    let mut files = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(file) => files.push(file.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(files)
}

/// `--dir DIR --operator PIN`.
fn admission(mut arguments: lexopt::Parser) -> Result<(Directory, Pin), CommandError> {
    let (mut directory, mut operator) = (None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("dir") if directory.is_none() => directory = Some(PathBuf::from(arguments.value()?)),
            Long("operator") if operator.is_none() => {
                operator = Some(arguments.value()?.parse_with(str::parse::<Pin>)?)
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let operator = operator.ok_or_else(|| lexopt::Error::from("--operator is missing"))?;
    let directory = directory.ok_or_else(|| lexopt::Error::from("--dir is missing"))?;
    Ok((at(&directory)?, operator))
}

/// The node's directory at a path.
fn at(path: &Path) -> Result<Directory, CommandError> {
    let absolute = std::path::absolute(path).map_err(|error| {
        CommandError::new(format!("{}: {error}", path.display()), "Give the node's directory with --dir.")
    })?;
    Ok(Directory::new(absolute))
}

/// Whose node a directory is.
fn order(directory: &Directory) -> Result<NodeOrder, CommandError> {
    let path = directory.order();
    let order = directory.read(&path).map_err(|error| {
        CommandError::new(format!("the node's order cannot be read: {error}"), "Remove the node and make it again.")
    })?;
    order.ok_or_else(|| {
        CommandError::new(
            format!("{} is no node's directory: it has no order.json", directory.path().display()),
            "The platform makes the directory, with the node's claim in it, before it starts the agent.",
        )
    })
}

fn answer<T: Serialize>(value: &T) -> Outcome {
    let text = serde_json::to_string(value)
        .map_err(|error| CommandError::new(error, "This is a fault of justmanage-agent; please report it."))?;
    print(&format!("{text}\n"))
}

fn print(text: &str) -> Outcome {
    io::stdout().write_all(text.as_bytes()).map_err(|error| {
        CommandError::new(format!("the answer cannot be written: {error}"), "Keep standard output open.")
    })
}

/// An error of the node's directory or of `/proc`.
fn disk(directory: &Directory) -> impl Fn(io::Error) -> CommandError {
    let path = directory.path().to_owned();
    move |error| {
        let hint = "Check the permissions of the directory and the room on its disk.";
        CommandError::new(format!("{}: {error}", path.display()), hint)
    }
}

//! `launch`: becomes another program; for the agent's own use ([`crate::process::Launcher`]).

use std::ffi::OsStr;

use lexopt::prelude::*;

use super::{CommandError, Outcome};
use crate::process::{Confinement, Launch, Refusal, launch_from_stdin};

/// `launch [--alone] [--join FILE]... [--oom-score-adj N] DIRECTORY PROGRAM ARGUMENTS...`, or `launch --stdin`.
pub(super) fn launch(mut arguments: lexopt::Parser) -> Outcome {
    if arguments.raw_args()?.peek() == Some(OsStr::new("--stdin")) {
        return from_stdin(arguments);
    }
    let mut alone = false;
    let mut confinement = Confinement::default();
    let directory = loop {
        match arguments.next()? {
            Some(Long("alone")) => alone = true,
            Some(Long("join")) => confinement.join.push(arguments.value()?.into()),
            Some(Long("oom-score-adj")) => confinement.oom_score_adj = Some(arguments.value()?.parse()?),
            Some(Value(directory)) => break directory.into(),
            Some(other) => return Err(other.unexpected().into()),
            None => return Err(lexopt::Error::from("the directory is missing").into()),
        }
    };
    // From here on nothing is ours: a server's argument may well look like an option.
    let mut rest = arguments.raw_args()?;
    let program = rest.next().ok_or_else(|| lexopt::Error::from("the program is missing"))?.into();
    refused(Launch { alone, confinement, directory, program, arguments: rest.collect() }.become_it())
}

/// Everything is said over standard input; nothing else is taken.
fn from_stdin(mut arguments: lexopt::Parser) -> Outcome {
    arguments.next()?;
    match arguments.next()? {
        None => refused(launch_from_stdin()),
        Some(other) => Err(other.unexpected().into()),
    }
}

/// It did not become the program, or would not have come back.
fn refused(refusal: Refusal) -> Outcome {
    Err(CommandError::new(refusal, "The agent tries again; see its log."))
}

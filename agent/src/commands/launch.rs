//! `launch`: becomes another program; for the agent's own use ([`crate::process::Launcher`]).

use lexopt::prelude::*;

use super::{CommandError, Outcome};
use crate::process::{Confinement, Launch};

/// `launch [--alone] [--join FILE]... [--oom-score-adj N] DIRECTORY PROGRAM ARGUMENTS...`
pub(super) fn launch(mut arguments: lexopt::Parser) -> Outcome {
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
    let refusal = Launch { alone, confinement, directory, program, arguments: rest.collect() }.become_it();
    Err(CommandError::new(refusal, "The agent tries again; see its log."))
}

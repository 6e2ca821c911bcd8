//! `root`: what only root may do on a machine where nobody logs in; for systemd's own use ([`crate::root`]).

use std::path::PathBuf;

use lexopt::prelude::*;

use super::{CommandError, Outcome};
use crate::root::{Base, recover, serve_stdin};

/// Where systemd reads units that belong to nobody's package.
const SYSTEM: &str = "/etc/systemd/system";

/// `root --base DIR [--system DIR]`: what a connection asks for that standard input is. `root recover --base DIR`: what is to be done
/// before the agent's service starts.
pub(super) fn root(mut arguments: lexopt::Parser) -> Outcome {
    let (mut recovers, mut base, mut system) = (false, None, PathBuf::from(SYSTEM));
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(word) if word == "recover" && !recovers => recovers = true,
            Long("base") => base = Some(PathBuf::from(arguments.value()?)),
            Long("system") => system = arguments.value()?.into(),
            other => return Err(other.unexpected().into()),
        }
    }
    let base = Base::new(base.ok_or_else(|| lexopt::Error::from("--base is missing"))?, system);
    let done = if recovers { recover(&base) } else { serve_stdin(&base) };
    done.map_err(|error| {
        CommandError::new(error, "An operator can ask again; `journalctl -u 'justmanage-root*'` tells more.")
    })
}

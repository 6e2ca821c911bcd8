//! Before each start of the agent's service: a build that nobody has seen to come up is not started again.

use std::io;
use std::time::Duration;

use justmanage_model::{Replaced, Replacement};

use super::place::Base;

/// Takes a build out again whose replacement was cut short: by a machine that went down, or a helper that was killed. As long as a helper
/// is at it, that one decides.
///
/// # Errors
/// The disk. The service is started all the same.
pub fn recover(base: &Base) -> io::Result<()> {
    let Some(_alone) = base.alone(Duration::ZERO)? else { return Ok(()) };
    let Some(before) = base.link("before") else { return Ok(()) };
    base.point("agent", &before)?;
    let noted = std::fs::read(base.bin("replaced.json")).ok();
    if let Some(noted) = noted.and_then(|noted| serde_json::from_slice::<Replacement>(&noted).ok()) {
        let why = "whoever was to see that it comes up was ended before that: by the machine's restart, or by somebody";
        base.note(&Replacement { state: Replaced::PutBack, why: why.to_owned(), ..noted })?;
    }
    base.drop_link("before")
}

//! What only debug builds can be told: to die at a named step, to call themselves another version, and to have another time.
//!
//! "Killed at every step" is worth something only if the code says what its steps are. [`step!`] names one; a test has a run
//! record those that it passes, and then has one run after the other killed exactly there
//! (`docs/decisions/0018-steps-and-upgrades.md`).
//!
//! The one invariant: **a release build has none of it.** There, [`step!`] is no code at all, its arguments are not evaluated, no
//! environment variable is read and no name is in the program (`tests/it/release.rs`).
//!
//! A debug build looks into the directory that [`ENVIRONMENT`] names, if it is set:
//!
//! | file | what |
//! |---|---|
//! | `passed` | every step that anybody has passed, in order, a line each |
//! | `kill` | who is to die where: `self 2 run: file server.json: written` is the process that passes this step the second time; with `parent`, the one that started it. It works once |
//! | `killed` | the pid of whoever died so |
//! | `clock` | by how many seconds clocks are ahead |

#[cfg(debug_assertions)]
mod rehearsal;

#[cfg(debug_assertions)]
pub use rehearsal::{ENVIRONMENT, MARK, passed};

use std::ffi::OsString;

/// Names a step: here a debug build can be killed. Arguments as for [`format!`]; a name says of what it is, and what was done or
/// is about to be done, and has nothing in it that differs from run to run (no ids, no ports).
#[macro_export]
macro_rules! step {
    ($($name:tt)+) => {{
        #[cfg(debug_assertions)]
        $crate::passed(&::std::format!($($name)+));
    }};
}

/// What a process that we start has to have of our environment to obey the same test: nothing in a release build.
pub fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    #[cfg(debug_assertions)]
    let passed_on = std::env::var_os(ENVIRONMENT).map(|value| (ENVIRONMENT, value));
    #[cfg(not(debug_assertions))]
    let passed_on: Option<(&str, OsString)> = None;
    passed_on.into_iter()
}

/// By how many seconds the running program's clock is to be ahead of the machine's: in a release build by none.
#[must_use]
pub fn ahead_s() -> i64 {
    #[cfg(debug_assertions)]
    return rehearsal::ahead_s();
    #[cfg(not(debug_assertions))]
    0
}

/// The version of the running program: the one that it was built with. In a debug build, the one that was written behind the
/// program's end, if one was: so a test has a "newer" build without building one.
#[must_use]
pub fn version(built: &'static str) -> &'static str {
    #[cfg(debug_assertions)]
    if let Some(other) = rehearsal::other_version() {
        return other;
    }
    built
}

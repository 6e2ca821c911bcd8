//! What every platform has to keep, as tests that each of them runs.
//!
//! A platform's crate says how its platform is tried: it implements [`Place`] for a place that its tests have, be it a directory, hosts
//! that are played, or a cloud that is. [`all!`] then makes a test of every case:
//!
//! ```ignore
//! contract::all!(Place, include_str!("contract.txt"));
//! ```
//!
//! The one invariant: **nothing is left out in silence.** What cannot be made to go wrong at a place ([`Place::can`]) is refused with a
//! reason, for every [`Fault`] there is. The reasons stand in a table beside the tests (`contract.txt`), with every case, and a table
//! that says something else than what is tried is a failure. A case whose fault never struck is one too. That each case can fail is
//! tried in `tests`, with a cloud that breaks the contract in one way after the other.
//!
//! | module | what it holds |
//! |---|---|
//! | [`place`] | [`Place`]: where a platform is tried |
//! | [`fault`] | [`Fault`]: what goes wrong on purpose |
//! | [`cases`] | the cases |
//! | [`table`] | which cases there are, and what is tried at a place |
//! | [`files`] | what is in directories, and who runs: for places that are made of them |
//! | `trial` | a platform at its place, with clusters to be made there |
//! | `cut` | whoever asks is killed while they wait |

pub mod cases;
pub mod fault;
pub mod files;
pub mod place;
pub mod table;

mod cut;
mod trial;

pub use fault::{Can, Fault, Wrong};
pub use place::{Contents, Place};

/// Every case as a test of its own, and one that the table beside them says what is tried. Where it is called, there has to be tokio.
#[macro_export]
macro_rules! all {
    ($place:ty, $table:expr) => {
        $crate::each_case!(tests_of($place, $table));
    };
}

/// A test of each case.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of {
    (($place:ty, $table:expr) $($case:ident $(needs $fault:ident)?,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::table::run::<$place>(stringify!($case), $crate::cases::$case::<$place>()).await;
            }
        )*

        #[test]
        fn the_table_says_what_is_tried() {
            $crate::table::check::<$place>($table);
        }
    };
}

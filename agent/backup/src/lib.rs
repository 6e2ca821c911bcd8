//! All IO of a backup, and no decision about when one is made: who reads a server's data, where they go, how they are verified, what
//! is kept.
//!
//! The one invariant: **what looks whole is whole.** An object appears under its name with its last byte on disk; a part counts once its
//! descriptor is there, which is written after it; a backup counts once its manifest is there, which is written after all parts, and
//! removed before any of them. No object is ever replaced by another one of the same name.
//!
//! | module | what it does |
//! |---|---|
//! | [`store`] | where backups are kept: objects with names, written once |
//! | [`part`] | what is said of the data of one shard, and how they get into the store |
//! | `pack` | from the server through digests and compression into the store, in bounded memory |
//! | [`head`] | what a file of data (RDB) says of itself at its beginning |
//! | [`verify`](mod@verify) | loads a part into a server that serves nobody, and counts its keys |
//! | `scratch` | that server: a process that ends with whoever started it, and a directory that goes with it |
//! | [`manifest`] | what is said of a whole backup |
//! | [`listing`] | which backups there are, and how one is removed |
//! | [`retention`] | which of them may go |

mod digest;
pub mod error;
pub mod head;
pub mod listing;
pub mod manifest;
mod pack;
pub mod part;
pub mod retention;
mod scratch;
pub mod store;
pub mod verify;

pub use error::{BackupError, StoreError};
pub use listing::{Listed, discard, list, look, names};
pub use manifest::{About, Manifest, NotWhole, read_manifest, write_manifest};
pub use part::{Part, PartOrder, existing_part, finish_part, parts, write_part};
pub use retention::{Held, HeldState, expendable};
pub use scratch::clean;
pub use store::{ClusterStore, Store};
pub use verify::{Bench, Verified, verify};

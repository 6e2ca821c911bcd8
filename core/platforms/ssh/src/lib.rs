//! Hosts that are reached by SSH: commands with their input and output, and connections through them.
//!
//! The one invariant: **nobody is spoken to whose key is not the one that was asked for.** A host's key is pinned where the host is
//! listed, or stands in the user's `known_hosts`; a host with neither is refused, with its fingerprint in the text, and nothing is
//! ever learnt silently.
//!
//! | module | what it holds |
//! |---|---|
//! | [`credentials`] | whose keys log in: texts, files, the SSH agent |
//! | [`connect`] | a connection: jump hosts, the host's key, logging in |
//! | [`command`] | a command with a limit of time: input, output, status |
//! | [`hosts`] | one connection for each host, kept while it works |
//! | [`error`] | what can go wrong, by what the caller can do |

pub mod command;
pub mod connect;
pub mod credentials;
pub mod error;
pub mod hosts;

pub use command::Output;
pub use credentials::Credentials;
pub use error::SshError;
pub use hosts::Hosts;

//! Keys, pins, and the mutual TLS 1.3 between operators and agents.
//!
//! Who somebody is, is the SHA-256 of their public key: their [`Pin`](justmanage_model::Pin). Certificates are made in
//! memory around a key, the same at each start, and carry nothing that is looked at: no name, no date, no authority.
//!
//! The one invariant: **a connection exists only between two keys that each side expects, and each side has proven that it
//! holds its key.** The proof is the TLS 1.3 handshake signature; without checking it, whoever has seen a certificate
//! (they are public) would pass for its owner. Two who have never met expect no key yet; what they may say to each other before they
//! have proven more is one call ([`enrol`], [`meet`](mod@meet)).
//!
//! | module | what it holds |
//! |---|---|
//! | [`key`] | [`KeyPair`]: made, kept in a file that only its owner reads, and loaded |
//! | [`allowed`] | [`Allowed`]: the pins that a server accepts, changeable while it serves |
//! | [`tls`] | configurations of both sides |
//! | [`client`] | [`connect`]: a channel to an agent, at an address or a name; [`connect_through`]: by way of somebody else |
//! | [`meet`](mod@meet) | [`meet()`]: a first connection, to an agent whose key is not known yet |
//! | [`server`] | [`Incoming`]: authenticated connections for a tonic server; [`Doors`]: those of an agent, with strangers apart |
//! | [`signature`] | an operator's signature under a text that somebody else keeps |
//! | [`enrol`] | tokens, and the proofs by which two who have never met recognise each other |
//! | [`seal`](mod@seal) | the cluster's secrets, sealed for its members ([`Vault`](justmanage_model::Vault)) |
//! | [`warrant`] | what an operator signs for root on a machine where nobody logs in |

pub mod allowed;
pub mod client;
pub mod enrol;
pub mod key;
pub mod meet;
pub mod seal;
pub mod server;
pub mod signature;
pub mod tls;
pub mod warrant;

pub use allowed::Allowed;
pub use client::{Target, connect, connect_through};
pub use key::{IdentityError, KeyPair, NAME};
pub use meet::{MeetError, Met, meet};
pub use seal::{SealError, SealingPair};
pub use server::{Doors, Incoming, Peer};
pub use warrant::WarrantError;

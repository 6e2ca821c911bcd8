//! EC2 for tests: moto, an emulator of it in Python, behind a proxy that adds what moto lacks of the real one, and what goes wrong there.
//!
//! The one invariant: **it refuses what EC2 refuses.** Where moto is more lenient (tokens, groups in use, first-boot scripts that are too
//! long) the proxy is not; where moto fails itself, with a page of HTML, that is noted and fails the test ([`Ec2::broken`]).
//!
//! | module | what it holds |
//! |---|---|
//! | [`ec2`] | [`Ec2`]: moto and the proxy before it, as a test has them |
//! | [`wrong`] | [`Wrong`]: what goes wrong |
//! | `moto` | the emulator as a process |
//! | `answer` | answers as EC2 gives them |
//! | `real` | what the real EC2 does and moto does not |
//! | `xml` | parts of answers |
//!
//! Plain sockets, on purpose: a web framework would turn on features of libraries that the SDK uses, and that is built for minutes each
//! time they change.

pub mod ec2;
pub mod wrong;

mod answer;
mod moto;
mod real;
mod xml;

pub use ec2::Ec2;
pub use wrong::Wrong;

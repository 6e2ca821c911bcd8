//! SSH with real sshd, real keys and a real SSH agent.

mod access;
mod commands;
mod sshd;

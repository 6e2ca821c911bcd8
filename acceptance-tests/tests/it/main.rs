//! What users do, with real Terraform against real servers; one file per behaviour.

mod access;
mod artifacts;
mod changes;
mod clusters;
mod cut_short;
mod example;
mod import;
mod kills;
mod library;
mod life;
mod refusals;
mod survival;
mod users;
mod world;

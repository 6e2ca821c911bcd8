//! What users do, with real Terraform against real servers; one file per behaviour.

mod access;
mod artifacts;
mod changes;
mod clusters;
mod credentials;
mod cut_short;
mod example;
mod import;
mod install;
mod interrupts;
mod kills;
mod library;
mod life;
mod module;
mod policies;
mod refusals;
mod releases;
mod rivals;
mod secrets;
mod survival;
mod timeouts;
mod upgrades;
mod users;
mod world;

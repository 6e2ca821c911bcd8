//! The manager against a platform and agents of our own making: every decision, and every way to be cut short.
//! (The real ones are tested in their crates, and all together by the acceptance tests.)

mod amiss;
mod apply;
mod backups;
mod change;
mod credentials;
mod cut;
mod limits;
mod many;
mod packages;
mod relocate;
mod replace;
mod shape;
mod spares;
mod surge;
mod upgrade;
mod users;
mod world;

//! The real Terraform with the kitchen provider, through `dev_overrides`.

mod ephemeral;
mod failures;
mod function;
mod life;
mod meta;
mod moved;
mod timeouts;
mod unknown;
mod workspace;

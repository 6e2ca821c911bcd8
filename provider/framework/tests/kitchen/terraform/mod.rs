//! The real Terraform with the kitchen provider, through `dev_overrides`.

mod failures;
mod life;
mod moved;
mod unknown;
mod workspace;

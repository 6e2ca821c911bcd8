//! The kitchen provider, called as Terraform calls it: in process, and by the real Terraform.

mod apply;
mod core;
mod destroy;
mod ephemeral;
mod function;
mod meta;
mod model;
#[path = "../../examples/kitchen/pantry/mod.rs"]
mod pantry;
mod plan;
mod read;
mod schema;
mod state;
mod stop;
mod terraform;
mod timeouts;
mod validate;
mod values;
mod wrong;

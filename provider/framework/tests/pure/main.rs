//! The pure half of the framework: values, wire, schemas, planning, checks. Tests of a rule are named after the rule in
//! `facts/terraform-plugin-protocol.md`, section 5.
#![allow(clippy::unwrap_used)] // A helper that cannot go on has found a failure, too.

mod check_applied;
mod check_identity;
mod check_planned;
mod deep_sets;
mod fuzz;
#[path = "../../fuzz/checks.rs"]
mod fuzz_checks;
mod generate;
mod json;
mod msgpack;
mod msgpack_random;
mod number;
mod object;
mod plan;
mod plan_nested;
mod plan_replace;
mod properties;
mod schema_check;
mod schema_proto;
mod signature;
mod validate;
mod value;

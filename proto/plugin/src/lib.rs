//! The Terraform plugin protocol 6.10 and the services of go-plugin, as generated messages, clients and servers.
//!
//! There is no logic here. The one invariant: packages, messages, field names, numbers and types are those of the
//! official definitions, as released with Terraform 1.15; a table in the tests pins them. The `.proto` files are our own
//! and say for each item since which minor it exists: an older Terraform does not send it, and skips it in answers.
//!
//! | module | package |
//! |---|---|
//! | [`tfplugin6`] | `tfplugin6`: what Terraform asks of a provider |
//! | [`plugin`] | `plugin`: go-plugin's controller, broker and standard output |
//! | [`health`] | `grpc.health.v1` |
//!
//! Servers answer UNIMPLEMENTED to every call that an implementation leaves out.

/// What Terraform asks of a provider: package `tfplugin6`.
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, rustdoc::all)]
pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}

/// go-plugin's controller, broker and standard output: package `plugin`.
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, rustdoc::all)]
pub mod plugin {
    tonic::include_proto!("plugin");
}

/// Health checking: package `grpc.health.v1`.
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, rustdoc::all)]
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

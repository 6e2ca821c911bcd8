//! Generates the code from our .proto files, without protoc.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 5] = [
    "tfplugin6/provider.proto",
    "plugin/grpc_broker.proto",
    "plugin/grpc_controller.proto",
    "plugin/grpc_stdio.proto",
    "health/health.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure()
        // Values of many MiB are slices of the received frame instead of copies.
        .bytes(".")
        // Answers are the same bytes every time.
        .btree_map(".")
        // A call that the provider lacks answers UNIMPLEMENTED, which cores of every age expect.
        .generate_default_stubs(true)
        // Connections are made by our own TLS; tonic's `connect` is not wanted.
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}

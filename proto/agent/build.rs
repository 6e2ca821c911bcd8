//! Generates the code from our .proto files, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = ["agent", "enrolment", "group", "machine"].map(|file| format!("justmanage/agent/v1/{file}.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    // Connections are made by our own TLS; tonic's `connect` is not wanted.
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    Ok(())
}

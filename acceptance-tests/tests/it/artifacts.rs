//! Where server programs come from: search path, directory, URL; and what is said when there is none.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance_tests::Workspace;
use acceptance_tests::servers::{self, Server};

use crate::world::{CLUSTER, cluster, text};

/// A provider block with these artifacts.
fn provider(artifacts: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    justmanage = {{\n      source = \"justmanage/justmanage\"\n    }}\n  }}\n}}\n\n\
         provider \"justmanage\" {{\n  artifacts = {artifacts}\n}}\n"
    )
}

#[test]
fn without_a_server_program_the_plan_says_how_to_get_one() {
    let mut workspace = Workspace::new();
    workspace.set("PATH", "/nowhere");
    workspace.write("provider.tf", &provider("[]"));
    workspace.write("main.tf", &cluster("redis", "7.0", ""));
    let run = workspace.plan().fails();
    let error = run.error("version", "Server program not found");
    for way in ["apt-get install redis-server", "directory =", "sha256 ="] {
        assert!(error.detail.contains(way), "{way} is not in {error:#?}");
    }
}

#[test]
fn another_version_than_there_is_names_what_there_is() {
    let workspace = Workspace::with_provider("");
    workspace.write("main.tf", &cluster("redis", "7.2", ""));
    let run = workspace.plan().fails();
    let found = servers::usual("redis").version;
    assert!(run.error("version", "Server program not found").detail.contains(&found), "{run}");
}

#[test]
fn a_program_is_fetched_by_url_and_its_digest_is_what_counts() {
    let server = servers::usual("redis");
    let workspace = Workspace::new();
    let (bytes, digest) = packed(workspace.root(), "redis", &server);

    let address = serve(bytes);
    let entry = |digest: &str| {
        format!(
            "[{{ url = \"http://{address}/redis.tar.gz\", sha256 = \"{digest}\", engine = \"redis\", version = \"{}\" }}]",
            server.version
        )
    };
    workspace.write("main.tf", &cluster("redis", server.line(), ""));

    workspace.write("provider.tf", &provider(&entry(&"0".repeat(64))));
    workspace.plan().ok();
    let run = workspace.apply().fails();
    assert!(
        run.errors().any(|error| error.summary == "Artifact has another digest" && error.detail.contains(&digest)),
        "{run}"
    );
    assert_eq!(workspace.nodes().len(), 0, "nothing was made");

    workspace.write("provider.tf", &provider(&entry(&digest)));
    workspace.apply().ok();
    assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), server.version);
    // Once fetched, it is kept: the cluster does not need its source any more.
    let running = workspace.running("redis-server");
    assert!(running[0].exe.starts_with(workspace.clusters()), "{running:?}");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

/// The server of an engine as an archive, made in a directory; and its digest. The Debian build finds its libraries beside itself; a
/// program that is fetched has to bring none.
pub(crate) fn packed(directory: &Path, engine: &str, server: &Server) -> (Vec<u8>, String) {
    packed_with(server.bin.join("../lib").canonicalize().ok().as_deref(), directory, engine, server)
}

/// A copy of a server's program in a directory, which runs wherever it is on this machine.
pub(crate) fn portable(directory: &Path, engine: &str, server: &Server) -> PathBuf {
    portable_with(server.bin.join("../lib").canonicalize().ok().as_deref(), directory, engine, server)
}

fn portable_with(libraries: Option<&Path>, directory: &Path, engine: &str, server: &Server) -> PathBuf {
    let program = directory.join(format!("{engine}-server"));
    fs::copy(server.bin.join(format!("{engine}-server")), &program).expect("a copy");
    if let Some(libraries) = libraries {
        let patched = Command::new("patchelf").arg("--set-rpath").arg(libraries).arg(&program).status();
        assert!(patched.expect("patchelf").success());
    }
    program
}

/// The same with its libraries somewhere else.
pub(crate) fn packed_with(
    libraries: Option<&Path>,
    directory: &Path,
    engine: &str,
    server: &Server,
) -> (Vec<u8>, String) {
    portable_with(libraries, directory, engine, server);
    let name = format!("{engine}-server");
    let archive = directory.join(format!("{engine}.tar.gz"));
    let packed = Command::new("tar").arg("-C").arg(directory).arg("-czf").arg(&archive).arg(&name).status();
    assert!(packed.expect("tar").success());
    let digest = Command::new("sha256sum").arg(&archive).output().expect("sha256sum").stdout;
    let digest = String::from_utf8(digest[..64].to_vec()).expect("hexadecimal");
    (fs::read(&archive).expect("the archive"), digest)
}

/// Serves these bytes to whoever asks, until the test ends.
pub(crate) fn serve(bytes: Vec<u8>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        }
    });
    address
}

#[test]
fn an_entry_that_cannot_be_right_is_refused_by_validate() {
    let workspace = Workspace::new();
    // Without a resource Terraform would not ask the provider at all.
    workspace.write("main.tf", &cluster("redis", "7.0", ""));
    for (entry, says) in [
        ("{}", "directory"),
        ("{ url = \"https://example.test/redis.tar.gz\" }", "sha256"),
        ("{ directory = \"/opt\", url = \"https://example.test/x\" }", "two entries"),
        ("{ distribution = false }", "Leave the entry out"),
        ("{ distribution = true, version = \"7.0.15\" }", "takes no `version`"),
        ("{ distribution = true, directory = \"/opt\" }", "Make two entries"),
        ("{ distribution = true, engine = \"memcached\" }", "redis"),
        (
            "{ url = \"https://example.test/x\", sha256 = \"abc\", engine = \"redis\", version = \"7.0.15\" }",
            "64 hexadecimal",
        ),
    ] {
        workspace.write("provider.tf", &provider(&format!("[{entry}]")));
        let run = workspace.plan().fails();
        assert!(run.errors().any(|error| error.detail.contains(says)), "{entry}: {says}\n{run}");
    }
}

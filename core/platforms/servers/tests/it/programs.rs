//! Server programs on servers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use justmanage_model::node::ServerProgram;
use justmanage_model::{Artefact, Engine, Release, Version};
use justmanage_platforms::{Download, MachineOrder, Platform, PlatformError};
use ring::digest;

use crate::{Place, order, order_of, query, tree};

/// What answers as a server program of this version does.
pub(crate) fn server(version: &str, more: &str) -> String {
    format!(
        "#!/bin/sh\n# SSL_CTX_new {more}\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64 build=0'\n"
    )
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program");
}

fn download(text: &str) -> Download {
    let sha256 = digest::digest(&digest::SHA256, text.as_bytes());
    let sha256 = sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let release = Release::new(Engine::Redis, Version::new(7, 2, 4));
    Download { file_name: "redis-server".into(), sha256, release, content: text.as_bytes().into() }
}

fn paths(programs: &[ServerProgram]) -> Vec<String> {
    programs.iter().map(|program| format!("{} {}", program.path.display(), program.release.version)).collect()
}

#[tokio::test]
async fn programs_that_all_servers_have_are_found_on_the_search_path_and_in_directories() {
    let place = Place::new();
    let servers = place.servers("db1; db2; db3 hidden");
    for host in ["db1", "db2"] {
        let root = place.root(host);
        write(&root.join("usr/bin/redis-server"), &server("7.0.15", ""));
        write(&root.join("opt/redis/8.0/bin/redis-server"), &server("8.0.2", ""));
        write(&root.join("opt/redis/redis-server"), &server("7.4.1", host));
        write(&root.join("opt/redis/notes/redis-server"), "#!/bin/sh\necho something else\n");
    }
    write(&place.root("db1").join("usr/local/bin/redis-server"), &server("7.2.4", ""));
    let directories = ["/opt/redis", "opt/redis", "/nowhere"].map(PathBuf::from);
    let found = servers.servers(Engine::Redis, &directories).await.expect("programs");
    assert_eq!(paths(&found), ["/opt/redis/8.0/bin/redis-server 8.0.2", "/usr/bin/redis-server 7.0.15"]);
    assert!(found.iter().all(|program| program.tls));
    assert_eq!(servers.servers(Engine::Valkey, &directories).await.expect("programs"), []);
    place.cut_off("db1", true);
    place.cut_off("db2", true);
    place.cut_off("db3", true);
    let error = place.servers("db1; db2; db3 hidden").servers(Engine::Redis, &[]).await.expect_err("nobody answers");
    assert!(error.to_string().contains("3 of 3"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_stored_before_there_is_any_node_comes_with_the_node() {
    let place = Place::new();
    let servers = place.servers("db1; db2; db3");
    let before = tree(&place.root("db1"));
    let program = servers.store(&download(&server("7.2.4", "")), None).await.expect("it runs there");
    assert_eq!(tree(&place.root("db1")), before, "a server that is nobody's is left as it was");
    assert_eq!(program.release.to_string(), "redis 7.2.4");
    let artefact = Artefact::new(program.path.clone(), program.sha256.clone()).expect("an artefact");
    let ordered = |number| MachineOrder { program: Some(artefact.clone()), ..order(number) };
    servers.ensure(&ordered(1)).await.expect("a node");
    let there = |host: &str| place.root(host).join(program.path.strip_prefix("/").expect("a path"));
    assert_eq!(fs::read_to_string(there("db1")).expect("the program"), server("7.2.4", ""));

    // Another process, which was given nothing: it comes from the server that has it.
    let made = place.servers("db1; db2; db3").ensure(&ordered(2)).await.expect("another node");
    assert!(made.reference.0.starts_with("db2/"), "{made:?}");
    assert_eq!(fs::read_to_string(there("db2")).expect("the program"), server("7.2.4", ""));

    // From then on each server that has a node of the cluster gets what is stored for it.
    place.servers("db1; db2; db3").ensure(&order_of("other", 9)).await.expect("somebody else's node");
    let newer = place.servers("db1; db2; db3");
    let newer = newer.store(&download(&server("7.4.1", "")), Some(&query("cache"))).await.expect("stored");
    for (host, has) in [("db1", true), ("db2", true), ("db3", false)] {
        let file = place.root(host).join(newer.path.strip_prefix("/").expect("a path"));
        assert_eq!(file.exists(), has, "{host}");
    }
    servers.remove(&made.reference).await.expect("remove");
    assert!(!place.root("db2").join("var/lib/justmanage").exists(), "programs go with the node");
}

#[tokio::test]
async fn what_is_no_server_program_is_not_stored() {
    let place = Place::new();
    let servers = place.servers("db1");
    let refused = servers.store(&download("#!/bin/sh\necho something else\n"), None).await.expect_err("no server");
    assert!(
        matches!(&refused, PlatformError::Invalid { what, .. } if what.contains("db1: redis-server is no")),
        "{refused:?}"
    );
    let wrong = Download { sha256: "0".repeat(64), ..download(&server("7.2.4", "")) };
    let refused = servers.store(&wrong, None).await.expect_err("another digest");
    assert!(refused.to_string().contains("is not what was sent"), "{refused}");
    assert!(!place.root("db1").join("var/lib/justmanage").exists());
}

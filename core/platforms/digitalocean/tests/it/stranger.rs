//! A stranger keeps the fake honest: the official client in Python, which knows nothing of us. What the crate asks for is held against
//! what that client documents as well.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use justmanage_digitalocean_fake::Fake;
use justmanage_digitalocean_fake::fake::TOKEN;
use justmanage_platforms::Platform;
use serde_json::{Value, json};

use crate::{fake, order, own_settings, platform_with};

/// What a request of ours is called there.
fn operation(method: &str, path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('?').next()?.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("POST", ["v2", "droplets"]) => Some("droplets.create"),
        ("POST", ["v2", "droplets", _, "actions"]) => Some("droplet_actions.post"),
        ("POST", ["v2", "volumes"]) => Some("volumes.create"),
        ("POST", ["v2", "firewalls"]) => Some("firewalls.create"),
        ("PUT", ["v2", "firewalls", _]) => Some("firewalls.update"),
        ("POST", ["v2", "tags"]) => Some("tags.create"),
        ("POST", ["v2", "tags", _, "resources"]) => Some("tags.assign_resources"),
        _ => None,
    }
}

/// What the crate asks for in a life of a machine.
async fn requests() -> Vec<(&'static str, Value)> {
    let fake = fake().await;
    let own = justmanage_platform_digitalocean::DigitalOceanSettings {
        ssh_keys: vec!["289794".into()],
        ..own_settings(&fake)
    };
    let platform = platform_with(&fake, own);
    platform.ensure(&order(0)).await.expect("a machine");
    fake.world().droplets.values_mut().for_each(|droplet| droplet.status = "off");
    platform.ensure(&order(0)).await.expect("the machine");
    let calls = fake.calls();
    let bodies = calls.iter().filter(|(method, _, body)| method != "GET" && method != "DELETE" && !body.is_null());
    bodies.map(|(method, path, body)| (operation(method, path).expect("a known call"), body.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_gets_what_it_documents_and_so_does_the_real_one_from_us() {
    let packages = cache().join("clients/pydo");
    assert!(packages.join("pydo").is_dir(), "{} has no pydo: run `cargo xtask clients`", packages.display());
    let requests = requests().await;
    let names: std::collections::BTreeSet<&str> = requests.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), 7, "every call that makes or changes something: {names:?}");

    let fake = Fake::start().await;
    let given = json!({ "endpoint": fake.endpoint(), "token": TOKEN, "requests": requests }).to_string();
    let run = move || {
        let mut child = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/stranger.py"))
            .env("PYTHONPATH", &packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3");
        child.stdin.take().expect("its input").write_all(given.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    let ended = tokio::task::spawn_blocking(run).await.expect("no panic");
    let (said, wrong) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{said}{wrong}");
    assert!(said.contains("are as documented"), "{said}");
    let world = fake.world();
    assert!(world.droplets.is_empty() && world.volumes.is_empty() && world.firewalls.is_empty(), "it took all away");
}

/// As `cargo xtask` has it.
fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
    base.unwrap_or_else(|| env::home_dir().expect("a home directory").join(".cache")).join("justmanage")
}

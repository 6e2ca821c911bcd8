//! The tables of configuration keys against the servers that they speak of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use justmanage_engine::CallError;
use justmanage_releases::Change;
use justmanage_releases::config::keys;

use crate::node::Node;
use crate::servers::on_every_known_server;

on_every_known_server! { the_tables_say_what_the_servers_say }

async fn the_tables_say_what_the_servers_say(path: PathBuf) {
    let (node, mut server) = Node::started(&path, &[]).await;
    let reported = server.config_get(&["*"]).await.unwrap();
    let table: BTreeMap<&str, Change> =
        keys(node.release.engine, node.release.version.line()).map(|key| (key.name, key.change)).collect();
    let names: BTreeSet<&str> = reported.keys().map(String::as_str).collect();
    assert_eq!(table.keys().copied().collect::<BTreeSet<_>>(), names, "{path:?}");

    for (key, value) in &reported {
        // To its own value: what cannot change says so even then.
        let same = BTreeMap::from([(key.clone(), value.clone())]);
        let change = match server.config_set(&same).await {
            Ok(()) => Change::Live,
            Err(CallError::Refused { said, .. }) if said.contains("immutable") => Change::Restart,
            // Where files are can be changed by nobody; they are ours in any case.
            Err(CallError::Refused { said, .. }) if said.contains("protected") => continue,
            // What was left out when the server was built.
            Err(CallError::Refused { said, .. }) if said.contains("building support") => continue,
            Err(error) => panic!("{path:?} {key}: {error}"),
        };
        assert_eq!(table[key.as_str()], change, "{path:?} {key}");
    }
}

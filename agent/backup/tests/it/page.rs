//! What the guide tells people to do by hand brings the data back.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use justmanage_backup::finish_part;
use justmanage_model::backup::Compression;

use crate::data::{Place, describe, fill, restored_at, same, serving};
use crate::ports::Ports;
use crate::servers::{find, program};
use crate::wait::until;

/// The commands of the guide, with these values instead of its own.
fn commands(values: &[(&str, &str)]) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/backup-format.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("\n```sh\n").unwrap();
    let (commands, _) = rest.split_once("\n```\n").unwrap();
    let line =
        |line: &str| match line.split_once('=').and_then(|(name, _)| values.iter().find(|(known, _)| *known == name)) {
            Some((name, value)) => format!("{name}='{value}'\n"),
            None => format!("{line}\n"),
        };
    let commands: String = commands.lines().map(line).collect();
    assert!(values.iter().all(|(name, value)| commands.contains(&format!("{name}='{value}'\n"))), "{commands}");
    commands
}

/// A shell, and all that it has started.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_guide_says_brings_the_data_back() {
    for line in ["redis_7_0", "valkey_8_1"] {
        let server = find(line);
        let (place, (node, _agent)) = (Place::new(), serving(&server).await);
        fill(&node);
        let part = place.write(&node, Compression::Zstd).await;
        finish_part(&place.store, &place.id, &part).await.unwrap();
        let (ports, folder, program) = (Ports::free(), place.folder(), program(&server));
        let port = ports.client.to_string();
        let values = [("BACKUP", folder.to_str().unwrap()), ("SERVER", program.to_str().unwrap()), ("PORT", &port)];
        let mut shell = Command::new("sh");
        shell.args(["-euc", &commands(&values)]).current_dir(place.directory.path()).process_group(0);
        let mut shell = Shell(shell.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        until("its server answers", async || {
            assert!(shell.0.try_wait().unwrap().is_none(), "the commands have ended");
            restored_at(ports.client).is_some()
        })
        .await;
        same(&restored_at(ports.client).unwrap(), &describe(&node));

        // What was damaged on the way does not get as far as a server.
        let other = tempfile::tempdir().unwrap();
        let described = fs::read_to_string(folder.join("shard-0000.json")).unwrap();
        fs::write(folder.join("shard-0000.json"), described.replace(&part.rdb_sha256, &"0".repeat(64))).unwrap();
        let status = Command::new("sh").args(["-euc", &commands(&values)]).current_dir(other.path()).status();
        assert_eq!(status.unwrap().code(), Some(1));
    }
}

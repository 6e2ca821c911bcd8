//! The platform `local` with an agent whose commands are a script: what the platform itself does, without processes.
//! What all platforms have to keep is in `contract`. The real agent is tested in its own crate, and both together by the acceptance tests.

mod contract;
mod programs;
mod root;
mod verbs;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use justmanage_model::{Claim, ClusterId, NodeId, Seat};
use justmanage_platform_local::{AgentBinary, Local, Root};
use justmanage_platforms::MachineOrder;

/// A place for one test, with an agent that answers as the real one does and writes down how it was called.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let place = Self { directory };
        place.install(&place.script());
        place
    }

    /// The agent's program.
    fn script(&self) -> String {
        include_str!("agent.sh").replace("@CALLS@", &self.calls_file().to_string_lossy())
    }

    fn install(&self, script: &str) {
        fs::write(self.agent(), script).expect("write the agent");
        fs::set_permissions(self.agent(), fs::Permissions::from_mode(0o755)).expect("make it a program");
    }

    fn agent(&self) -> PathBuf {
        self.directory.path().join("justmanage-agent")
    }

    fn root(&self) -> Root {
        Root::new(self.directory.path().join("data/justmanage"))
    }

    fn local(&self) -> Local {
        Local::new(self.root(), AgentBinary::new(self.agent()))
    }

    fn calls_file(&self) -> PathBuf {
        self.directory.path().join("calls")
    }

    /// The verbs that the agent was called with.
    fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.calls_file()).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

fn order(name: &str, number: u8) -> MachineOrder {
    let claim = Claim {
        cluster: ClusterId::from_entropy([number; 10]),
        name: name.parse().expect("name"),
        node: NodeId::from_entropy([number; 10]),
        seat: Some(Seat { shard: 0, ordinal: 0 }),
    };
    MachineOrder::new(claim, [justmanage_model::Pin::from_digest([number; 32])].into())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

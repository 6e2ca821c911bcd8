//! The contract of all platforms, for the platform `local` with the program and the agents of a stage.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_model::NodeId;
use justmanage_model::node::NodeOrder;
use justmanage_platform_contract::files::{self, below};
use justmanage_platform_contract::{self as contract, Can, Contents, Fault};
use justmanage_platform_local::{AgentBinary, Local, Root};
use justmanage_platforms::{Machine, MachineRef, Platform};
use justmanage_simulated::Stage;

contract::all!(Played, include_str!("contract.txt"));

/// What is not ours.
const FOREIGN: &[&str] = &["notes", "mysql/ibdata1", "cache/notes"];

/// A stage for one test.
struct Played {
    stage: Stage,
    /// Last, so that it goes last.
    directory: tempfile::TempDir,
}

impl Played {
    /// The stage's program, whose answer can get lost.
    fn program(&self) -> PathBuf {
        self.noted("program")
    }

    /// A file that is not the stage's.
    fn noted(&self, what: &str) -> PathBuf {
        self.directory.path().join("noted").join(what)
    }
}

#[async_trait]
impl contract::Place for Played {
    const NAME: &'static str = "local, on a stage";

    async fn new(_room: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let played = Self { stage: Stage::new(directory.path()).expect("a stage"), directory };
        fs::create_dir(played.noted("")).expect("a directory");
        let script = include_str!("agent.sh").replace("@AGENT@", &played.stage.agent().to_string_lossy());
        let script = script.replace("@NOTED@", &played.noted("").to_string_lossy());
        fs::write(played.program(), script).expect("a program");
        fs::set_permissions(played.program(), fs::Permissions::from_mode(0o755)).expect("a program");
        played
    }

    fn platform(&self) -> Arc<dyn Platform> {
        Arc::new(Local::new(Root::new(self.stage.clusters()), AgentBinary::new(self.program())))
    }

    async fn machines(&self) -> Vec<Option<NodeId>> {
        let id = |path: &PathBuf| path.file_name()?.to_str()?.parse::<NodeId>().ok();
        let nodes = below(&self.stage.clusters()).into_iter().flat_map(|cluster| below(&cluster));
        let whose = |node: PathBuf| {
            let order: NodeOrder = serde_json::from_slice(&fs::read(node.join("order.json")).ok()?).ok()?;
            Some(order.claim.node)
        };
        nodes.filter(|node| id(node).is_some()).map(whose).collect()
    }

    async fn contents(&self) -> Contents {
        let clusters = self.stage.clusters();
        let mut contents = files::contents(&clusters);
        if clusters.exists() {
            contents.insert("clusters".to_owned(), "a directory".to_owned());
        }
        contents
    }

    async fn put_foreign(&self) {
        files::put_foreign(&self.stage.clusters(), FOREIGN);
    }

    async fn foreign(&self) -> Contents {
        files::among(contract::Place::contents(self).await, FOREIGN)
    }

    fn leading_elsewhere(&self, only: &Machine) -> Vec<MachineRef> {
        let nobody = Path::new(&only.reference.0).with_file_name(NodeId::from_entropy([9; 10]).to_string());
        let paths = [nobody, self.stage.clusters().join("mysql"), self.stage.programs()];
        paths.map(|path| MachineRef(path.display().to_string())).to_vec()
    }

    async fn stop(&self, machine: &Machine) {
        self.stage.stop(machine.claim.node).expect("it runs");
    }

    fn can(fault: Fault) -> Can {
        match fault {
            Fault::AnswerLost => Can::Yes,
            Fault::Throttled | Fault::NoCapacity | Fault::Quota | Fault::NotVisible | Fault::Killed => {
                Can::No("what goes wrong in the platform itself is tried in its own crate")
            }
        }
    }

    async fn inject(&self, _fault: Fault, number: usize) {
        fs::write(self.noted("lose"), format!("{number}\n")).expect("what goes wrong");
    }

    async fn heal(&self) -> usize {
        let struck = fs::read_to_string(self.noted("struck")).unwrap_or_default().lines().count();
        for file in ["lose", "passed", "struck"] {
            let _ = fs::remove_file(self.noted(file));
        }
        struck
    }

    /// The program goes with whoever started it, and what it has started does not.
    async fn settle(&self) {
        let groups = fs::read_to_string(self.noted("groups")).unwrap_or_default();
        files::ended(&groups.lines().collect::<BTreeSet<_>>()).await;
        let _ = fs::remove_file(self.noted("groups"));
    }
}

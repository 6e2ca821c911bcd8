//! The contract of all platforms.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_model::NodeId;
use justmanage_model::node::NodeOrder;
use justmanage_platform_contract::files::{self, below};
use justmanage_platform_contract::{self as contract, Can, Contents, Fault};
use justmanage_platform_local::AgentBinary;
use justmanage_platforms::{Machine, MachineRef, Platform};

use crate::Place;

contract::all!(Place, include_str!("contract.txt"));

/// What is not ours: in the root, in the directories of clusters, and beside the root.
const FOREIGN: &[&str] = &["justmanage/notes", "justmanage/mysql/ibdata1", "justmanage/cache/notes", "db/dump.rdb"];

#[async_trait]
impl contract::Place for Place {
    const NAME: &'static str = "local";

    async fn new(_room: usize) -> Self {
        Self::new()
    }

    fn platform(&self) -> Arc<dyn Platform> {
        Arc::new(self.local())
    }

    async fn machines(&self) -> Vec<Option<NodeId>> {
        let id = |path: &PathBuf| path.file_name()?.to_str()?.parse::<NodeId>().ok();
        let nodes = below(self.root().path()).into_iter().flat_map(|cluster| below(&cluster));
        // A directory that is being removed is nobody's any more, but for what may run in it.
        let nodes = nodes.filter(|node| id(node).is_some() || node.join("running").exists());
        let whose = |node: PathBuf| {
            let order: NodeOrder = serde_json::from_slice(&fs::read(node.join("order.json")).ok()?).ok()?;
            id(&node).filter(|node| *node == order.claim.node)
        };
        nodes.map(whose).collect()
    }

    async fn contents(&self) -> Contents {
        files::contents(&self.data())
    }

    async fn put_foreign(&self) {
        files::put_foreign(&self.data(), FOREIGN);
    }

    async fn foreign(&self) -> Contents {
        files::among(contract::Place::contents(self).await, FOREIGN)
    }

    fn leading_elsewhere(&self, only: &Machine) -> Vec<MachineRef> {
        let (data, node) = (self.data(), Path::new(&only.reference.0));
        let root = data.join("justmanage");
        let nobody = NodeId::from_entropy([9; 10]).to_string();
        let namesake = root.join("queue").join(node.file_name().expect("a node"));
        let around = root.join("cache/../../db");
        let paths = [
            node.with_file_name(nobody),
            namesake,
            root.join("mysql"),
            root.join("cache"),
            data.join("db"),
            around,
            root,
        ];
        paths.map(|path| MachineRef(path.display().to_string())).to_vec()
    }

    async fn stop(&self, machine: &Machine) {
        fs::remove_file(Path::new(&machine.reference.0).join("running")).expect("it runs");
    }

    fn can(fault: Fault) -> Can {
        match fault {
            Fault::AnswerLost | Fault::Killed | Fault::NoCapacity => Can::Yes,
            Fault::Throttled => Can::No("programs and files of this machine turn nobody away for asking too often"),
            Fault::Quota => {
                Can::No("a quota takes a file system of its own; its error and that of a full disk go the same way")
            }
            Fault::NotVisible => Can::No("a rename is seen by everybody at once"),
        }
    }

    async fn inject(&self, fault: Fault, number: usize) {
        match fault {
            Fault::NoCapacity => self.fill_the_disk(),
            _ => fs::write(self.noted("wrong"), format!("{fault:?} {number}\n")).expect("what goes wrong"),
        }
    }

    async fn heal(&self) -> usize {
        let struck = fs::read_to_string(self.noted("struck")).unwrap_or_default().lines().count();
        for file in ["wrong", "passed", "struck"] {
            let _ = fs::remove_file(self.noted(file));
        }
        self.empty_the_disk();
        struck
    }

    /// The agent's commands go with whoever started them, and what those have started does not.
    async fn settle(&self) {
        let groups = fs::read_to_string(self.noted("groups")).unwrap_or_default();
        let groups: BTreeSet<&str> = groups.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        files::ended(&groups).await;
        let _ = fs::remove_file(self.noted("groups"));
    }
}

impl Place {
    /// The directory in which the root is, beside others.
    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A file beside that of the calls.
    fn noted(&self, what: &str) -> PathBuf {
        self.calls_file().with_extension(what)
    }

    /// Whoever copies the agent's program into the root finds no room for it. Where it is already, nobody copies it.
    fn fill_the_disk(&self) {
        let root = self.root();
        let lock = root.lock().expect("lock");
        let program = AgentBinary::new(self.agent()).install(&root, &lock).expect("its program");
        if root.clusters().expect("clusters").is_empty() {
            fs::remove_file(&program).expect("its program");
            symlink("/dev/full", program.with_extension("new")).expect("a full disk");
        }
    }

    /// It is empty again.
    fn empty_the_disk(&self) {
        for file in below(&self.root().programs()).iter().filter(|file| file.is_symlink()) {
            fs::remove_file(file).expect("a link");
        }
    }
}

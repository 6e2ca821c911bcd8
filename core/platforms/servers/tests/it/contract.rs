//! The contract of all platforms.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use justmanage_model::NodeId;
use justmanage_model::node::NodeOrder;
use justmanage_platform_contract::{self as contract, Can, Contents, Fault, files};
use justmanage_platforms::{Machine, MachineRef, Platform};

use crate::{Place, Wrong, steps, tree};

contract::all!(Pool, include_str!("contract.txt"));

/// What is not ours on a host: among our files, and among those like them.
const FOREIGN: &[&str] = &[
    "etc/justmanage/notes",
    "etc/systemd/system/redis.service",
    "etc/sysctl.d/99-justmanage.conf",
    "var/lib/justmanage/notes",
    "var/lib/redis/dump.rdb",
];

/// Where a host says that nobody may take it.
const HIDDEN: &str = "etc/justmanage/hidden";

/// A place with so many servers, each for one node.
struct Pool {
    place: Place,
    hosts: Vec<String>,
    /// At which step a script dies.
    dies_at: AtomicUsize,
}

impl Pool {
    fn roots(&self) -> impl Iterator<Item = PathBuf> {
        self.hosts.iter().map(|host| self.place.root(host))
    }

    fn wrong(&self, wrong: Wrong) -> Wrong {
        std::mem::replace(&mut *self.place.hosts.wrong.lock().expect("what goes wrong"), wrong)
    }

    /// What says that there is a quota, where a directory is to be made.
    fn mktemp(&self) -> PathBuf {
        self.place.directory.path().join("full/mktemp")
    }
}

/// The node of a host.
fn whose(root: &Path) -> Option<NodeId> {
    let text = fs::read(root.join("var/lib/justmanage/node/order.json")).ok()?;
    Some(serde_json::from_slice::<NodeOrder>(&text).ok()?.claim.node)
}

/// Whether there is a node on a host, or anything of one.
fn is_taken(root: &Path) -> bool {
    let mut node = fs::read_dir(root.join("var/lib/justmanage/node")).into_iter().flatten();
    node.next().is_some() || root.join("run/agent").exists()
}

#[async_trait]
impl contract::Place for Pool {
    const NAME: &'static str = "servers";

    async fn new(room: usize) -> Self {
        let pool = Self {
            place: Place::new(),
            hosts: (1..=room).map(|number| format!("db{number}")).collect(),
            dies_at: AtomicUsize::default(),
        };
        pool.hosts.iter().for_each(|host| pool.place.hosts.install(host));
        pool
    }

    fn platform(&self) -> Arc<dyn Platform> {
        // Nobody listens there, which is found out at once.
        let servers = self.hosts.iter().zip(11..).map(|(host, number)| format!("{host} private 127.0.0.{number}"));
        Arc::new(self.place.servers(&servers.collect::<Vec<_>>().join("; ")))
    }

    async fn machines(&self) -> Vec<Option<NodeId>> {
        self.roots().filter(|root| is_taken(root)).map(|root| whose(&root)).collect()
    }

    async fn contents(&self) -> Contents {
        let hosts = self.place.root("");
        let name = |path: &Path| path.strip_prefix(&hosts).expect("on a host").display().to_string();
        tree(&hosts).into_iter().map(|(path, what)| (name(&path), what)).collect()
    }

    async fn put_foreign(&self) {
        self.roots().for_each(|root| files::put_foreign(&root, FOREIGN));
    }

    async fn foreign(&self) -> Contents {
        let is_foreign = |name: &str| FOREIGN.iter().any(|file| name.ends_with(file));
        contract::Place::contents(self).await.into_iter().filter(|(name, _)| is_foreign(name)).collect()
    }

    fn leading_elsewhere(&self, only: &Machine) -> Vec<MachineRef> {
        let (host, node) = only.reference.0.split_once('/').expect("a host and a node");
        let another = self.hosts.iter().find(|other| *other != host).expect("another host");
        let nobody = NodeId::from_entropy([9; 10]);
        let texts = [
            format!("{host}/{nobody}"),
            format!("{another}/{node}"),
            format!("db9/{node}"),
            format!("{host}/"),
            host.to_owned(),
            node.to_owned(),
        ];
        texts.map(MachineRef).to_vec()
    }

    async fn stop(&self, machine: &Machine) {
        let (host, _) = machine.reference.0.split_once('/').expect("a host and a node");
        fs::remove_file(self.place.root(host).join("run/agent")).expect("it runs");
    }

    fn can(fault: Fault) -> Can {
        match fault {
            Fault::AnswerLost | Fault::Throttled | Fault::NoCapacity | Fault::Quota | Fault::Killed => Can::Yes,
            Fault::NotVisible => Can::No("whose a server is stands on the server itself, and is read there each time"),
        }
    }

    async fn inject(&self, fault: Fault, number: usize) {
        match fault {
            Fault::AnswerLost => drop(self.wrong(Wrong { lost_after: Some(number - 1), ..Wrong::default() })),
            Fault::Throttled => drop(self.wrong(Wrong { turned_away: number, ..Wrong::default() })),
            Fault::NoCapacity => {
                for root in self.roots().filter(|root| !is_taken(root)) {
                    fs::create_dir_all(root.join("etc/justmanage")).expect("a directory");
                    fs::write(root.join(HIDDEN), "").expect("a file");
                }
            }
            Fault::Quota => {
                let said = "#!/bin/sh\necho 'mktemp: failed to create directory: Disk quota exceeded' >&2\nexit 1\n";
                fs::write(self.mktemp(), said).expect("a program");
                fs::set_permissions(self.mktemp(), fs::Permissions::from_mode(0o755)).expect("a program");
            }
            Fault::Killed => {
                steps::stop(&self.place, Some(number));
                self.dies_at.store(number, Ordering::SeqCst);
            }
            Fault::NotVisible => unreachable!("it cannot be"),
        }
    }

    async fn heal(&self) -> usize {
        let number = self.dies_at.swap(0, Ordering::SeqCst);
        let died = number > 0 && steps::count(self.place.directory.path()) >= number;
        steps::stop(&self.place, None);
        self.hosts.iter().for_each(|host| self.place.cut_off(host, false));
        self.roots().for_each(|root| drop(fs::remove_file(root.join(HIDDEN))));
        let _ = fs::remove_file(self.mktemp());
        self.wrong(Wrong::default()).struck + usize::from(died)
    }

    /// Hosts go on with what they were told, also where nobody waits for it any more.
    async fn settle(&self) {
        drop(self.place.hosts.at_work.write().await);
    }
}

//! A cloud on this machine: EC2 as moto plays it, and a real virtual machine for each of its instances.
//!
//! A guest is a Debian that QEMU boots, with its stock cloud-init: it learns its address by DHCP, recognises EC2, gets its user data from a
//! metadata service of ours (version 2 alone), and carries it out. Its address is the one that EC2 gave the instance, its disks for data
//! are the instance's volumes. Nothing in it is ours.
//!
//! Guests are plugged into a bridge of their test. The thread that [brings the cloud up](Guests::up) is on it from then on, with everything
//! that it starts: Terraform, providers, clients; so is EC2 itself. No packet leaves it.
//!
//! Guests take a processor each while they boot, for half a minute or more, and half a GB: their tests run alone (`.config/nextest.toml`).
//! When [`Guests`] goes, everything goes; when its test is killed, the kernel ends every process at once, and the next test removes the
//! directory. Needs root.
//!
//! | module | what it holds |
//! |---|---|
//! | `hypervisor` | from instances to machines, and what is due |
//! | `machine` | one guest: QEMU and its disks |
//! | `image` | what guests boot |
//! | `instance` | what EC2 says of an instance and its volumes |
//! | `network` | addresses: DHCP, and EC2's subnets |
//! | `imds`, `metadata` | the metadata service, and what it says |
//! | `mirror` | files of the test, for guests to fetch |
//! | `end`, `sweep` | how it ends, and what killed tests left |

mod end;
mod hypervisor;
mod image;
mod imds;
mod instance;
mod machine;
mod metadata;
mod mirror;
mod network;
mod sweep;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use justmanage_ec2_proxy::Ec2;
use justmanage_ec2_proxy::ec2::{REGION, value};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::bridge::{Bridge, Home, Resident};
use crate::wait_until;
use hypervisor::{Hypervisor, Inside};
use image::Image;
use imds::Imds;
use machine::State;
use mirror::Mirror;

pub use mirror::Mirrored;
pub use sweep::sweep;

/// One of those that moto knows. Whatever image an instance has, its guest boots ours.
const IMAGE: &str = "ami-785db401";
/// Longest time for what EC2 has said to be so of the machines as well.
const FOLLOWS: Duration = Duration::from_secs(30);

/// A guest, as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Of its instance.
    pub id: String,
    /// Where it is reached from the bridge.
    pub address: Ipv4Addr,
    /// Whether it runs. One whose power was cut does not, whatever EC2 says.
    pub is_on: bool,
}

/// A cloud of one test's own.
pub struct Guests {
    hypervisor: Hypervisor,
    inside: Arc<Inside>,
    dhcp: Resident,
    subnets: Vec<String>,
    mirror: Mirror,
    /// Everything above serves on it.
    runtime: Option<Runtime>,
    home: Home,
    folder: TempDir,
}

impl Guests {
    /// Brings up a cloud without any instance, and puts this thread on its bridge. What killed tests left is removed first.
    ///
    /// # Panics
    /// When something is missing; with what to do.
    pub fn up() -> Self {
        sweep();
        let image = Image::cached();
        let prefix = format!("{}{}-", sweep::PREFIX, std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary directory");
        let (bridge, home) = (Bridge::new(), Home::of_this_thread());
        let dhcp = network::set_up(&bridge, folder.path());
        bridge.enter();
        // Its threads come from this one, so they are on the bridge.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let imds = Imds::default();
        let (ec2, subnets, mirror) = runtime.block_on(async {
            let ec2 = Ec2::start().await;
            let subnets = network::make(&ec2).await;
            imds.serve().await;
            (ec2, subnets, Mirror::serve().await)
        });
        let inside = Arc::new(Inside {
            bridge,
            ec2,
            runtime: runtime.handle().clone(),
            imds,
            image,
            folder: folder.path().to_path_buf(),
            machines: Mutex::default(),
            complaints: Mutex::default(),
            given_up: Mutex::default(),
        });
        let hypervisor = Hypervisor::start(inside.clone());
        Self { hypervisor, inside, dhcp, subnets, mirror, runtime: Some(runtime), home, folder }
    }

    /// EC2, with the proxy before it: what goes wrong there on purpose, which calls came, what is really there.
    pub fn ec2(&self) -> &Ec2 {
        &self.inside.ec2
    }

    /// Does something of EC2's or of a platform's to its end, from the bridge.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it goes last").block_on(work)
    }

    /// Asks EC2 something, past what goes wrong in the proxy; its answer as text.
    ///
    /// # Panics
    /// It does not answer well.
    pub fn ask(&self, parameters: &[(&str, &str)]) -> String {
        self.block_on(self.ec2().ask(parameters))
    }

    /// Has EC2 do something with an instance, as its owner asks: `StopInstances`, `StartInstances`, `TerminateInstances`.
    ///
    /// # Panics
    /// EC2 refuses.
    pub fn order(&self, action: &str, id: &str) {
        let answer = self.block_on(self.ec2().call(&[("Action", action), ("InstanceId.1", id)])).expect("EC2 answers");
        assert!(answer.contains("<instancesSet>"), "{action} {id}: {answer}");
    }

    /// Makes an instance that is nobody's, as anybody does who uses EC2 beside us: in one of the subnets by turns, with a disk of 1 GiB for
    /// data, and gone as soon as it turns itself off. Answers with its id.
    pub fn run(&self, turn: usize, user_data: &str) -> String {
        let answer = self.ask(&[
            ("Action", "RunInstances"),
            ("ImageId", IMAGE),
            ("InstanceType", "m7i.large"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", &self.subnets[turn % self.subnets.len()]),
            ("UserData", &BASE64_STANDARD.encode(user_data)),
            ("InstanceInitiatedShutdownBehavior", "terminate"),
            ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "1"),
            ("BlockDeviceMapping.1.Ebs.VolumeType", "gp3"),
            ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
        ]);
        value(&answer, "instanceId").unwrap_or_else(|| panic!("no instance: {answer}")).to_owned()
    }

    /// What tells a program on the bridge where this cloud is, and who may use it: variables that every tool for AWS knows.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.ec2().endpoint()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// The subnets in which instances become guests: one for each zone.
    pub fn subnets(&self) -> &[String] {
        &self.subnets
    }

    /// The range of addresses of all guests, and of the test.
    pub const fn range(&self) -> &'static str {
        network::SUBNET
    }

    /// From now on guests can fetch this file, which stays as it is.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn mirror(&self, file: &Path) -> Mirrored {
        self.mirror.put(file)
    }

    /// The guests that are there, on or off, in the order of their ids.
    pub fn all(&self) -> Vec<Guest> {
        let mut machines = self.inside.machines();
        let guest = |(id, machine): (&String, &mut machine::Machine)| Guest {
            id: id.clone(),
            address: machine.instance.address,
            is_on: machine.state() == State::On,
        };
        machines.iter_mut().map(guest).collect()
    }

    /// Cuts a guest's power: what its system has not written to a disk is lost. EC2 goes on saying that the instance runs, as the real one
    /// does; whoever stops and starts it has it again, with its disks.
    ///
    /// # Panics
    /// When it is not on.
    pub fn kill(&self, id: &str) {
        let mut machines = self.inside.machines();
        let machine = machines.get_mut(id).unwrap_or_else(|| panic!("there is no guest {id}"));
        assert_eq!(machine.state(), State::On, "{id}");
        machine.cut();
    }

    /// The files of a guest's disks for data, whole and without parts. They are not all that was written before it is off.
    ///
    /// # Panics
    /// There is no such guest.
    pub fn volumes(&self, id: &str) -> Vec<PathBuf> {
        let machines = self.inside.machines();
        machines.get(id).unwrap_or_else(|| panic!("there is no guest {id}")).volumes()
    }

    /// What a guest, or one that was there, has written to its console.
    pub fn console(&self, id: &str) -> String {
        let text = fs::read(machine::console(self.folder.path(), id)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The directory with disks and consoles.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process that keeps the bridge, as this machine counts.
    pub fn holder(&self) -> i32 {
        self.inside.bridge.pid()
    }

    /// Makes sure that nothing is left in this cloud: no guest, no instance that is not gone, no volume, no security group of anybody's.
    ///
    /// # Panics
    /// Something is; with all of it.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        wait_until(&format!("no guest is left: {:?}", self.all()), FOLLOWS, || self.all().is_empty());
        let left = self.block_on(async {
            let instances = self.ec2().instances().await.into_iter().filter(|(_, stage)| stage != "terminated");
            let volumes = self.ec2().list("DescribeVolumes", "volumeSet").await;
            let groups = self.ec2().list("DescribeSecurityGroups", "securityGroupInfo").await;
            let groups = groups.into_iter().filter(|item| value(item, "groupName") != Some("default"));
            instances.map(|(item, _)| item).chain(volumes).chain(groups).collect::<Vec<_>>()
        });
        assert!(left.is_empty(), "left in EC2: {left:#?}");
        assert_eq!(self.ec2().broken(), Vec::<String>::new(), "where moto fails, nothing counts");
    }
}

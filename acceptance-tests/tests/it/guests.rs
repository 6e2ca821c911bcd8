//! A cloud on virtual machines: what the first boot of a real system makes of an instance, and that guests leave nothing behind.

mod cluster;
mod ends;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance_tests::binaries::{AGENT, built};
use acceptance_tests::guests::{Guests, Mirrored};
use acceptance_tests::wait_until;
use justmanage_core::OperatorKey;
use justmanage_core::agents::{CloudOperator, GrpcAgents, Trusted};
use justmanage_identity::KeyPair;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Bytes, Claim, ClusterId, NodeId, Seat, Secret, Version};
use justmanage_platform_aws::{Aws, AwsSettings, Image, Keys, Subnets};
use justmanage_platform_cloud::{AgentPrograms, Api, Cloud, Settings, SystemClock, boot};
use justmanage_platforms::{ClaimQuery, Machine, MachineOrder, MachineState, Platform};

/// Longest time for a guest to boot and do what its user data says, and for its system to turn itself off.
const BOOT: Duration = Duration::from_secs(400);

/// A cloud, what machines fetch there, and whoever makes them.
struct World {
    guests: Guests,
    operator: Arc<KeyPair>,
    agent: (Version, Mirrored),
}

impl World {
    fn up() -> Self {
        let program = built(AGENT);
        let said = Command::new(&program).arg("--version").output().expect("the agent").stdout;
        let said = String::from_utf8(said).expect("a version");
        let version = said.trim().rsplit(' ').next().and_then(|version| version.parse().ok()).expect("a version");
        let guests = Guests::up();
        let agent = (version, guests.mirror(&program));
        Self { guests, operator: Arc::new(KeyPair::generate().expect("a key")), agent }
    }

    fn aws(&self) -> Aws {
        Aws::new(AwsSettings {
            region: "eu-central-1".into(),
            endpoint: Some(self.guests.ec2().endpoint()),
            keys: Some(Keys { id: "test".into(), secret: Secret::new("test".to_owned()), session: None }),
            network: Subnets::These(self.guests.subnets().to_vec()),
            instance_types: vec!["m7i.large".into()],
            image: Image::debian(),
            instance_profile: None,
            kms_key: None,
            allowed_cidrs: vec![self.guests.range().into()],
            allowed_security_groups: Vec::new(),
            operator_cidrs: vec![self.guests.range().into()],
            tags: BTreeMap::new(),
        })
    }

    /// The platform, as a process has it that knows the operator key and the settings, and nothing of what was done before it.
    fn platform(&self) -> Cloud {
        let (version, agent) = self.agent.clone();
        let settings = Settings {
            agent: AgentPrograms { version, programs: vec![("x86_64".into(), agent.sha256, vec![agent.url])] },
            programs: Vec::new(),
            disk: Bytes::mib(1024),
            toward: boot::ANYWHERE,
        };
        // Nothing is asked of agents here but to be enrolled, and that is done with the key itself.
        let agents = GrpcAgents::new(Arc::new(OperatorKey::at(self.guests.folder().join("operator.key"))));
        let operator = CloudOperator::new(self.operator.clone(), Trusted::default(), Arc::new(agents));
        Cloud::new(Arc::new(self.aws()), Arc::new(operator), Arc::new(SystemClock::default()), settings)
    }

    /// The node's machine, made or started; and how long that took.
    fn ensure(&self) -> (Machine, Duration) {
        let begun = Instant::now();
        let order = MachineOrder::new(claim(), [self.operator.pin()].into());
        let machine = self.guests.block_on(self.platform().ensure(&order)).unwrap_or_else(|error| panic!("{error}"));
        (machine, begun.elapsed())
    }

    fn find(&self) -> Vec<Machine> {
        let query = ClaimQuery { name: claim().name, cluster: Some(claim().cluster) };
        self.guests.block_on(self.platform().find(&query)).expect("machines")
    }
}

fn claim() -> Claim {
    Claim {
        cluster: ClusterId::from_entropy([1; 10]),
        name: "cache".parse().expect("a name"),
        node: NodeId::from_entropy([2; 10]),
        seat: Some(Seat { shard: 0, ordinal: 0 }),
    }
}

fn agent(machine: &Machine) -> &AgentInfo {
    match &machine.state {
        MachineState::Running(agent) => agent,
        MachineState::Stopped => panic!("its agent does not run: {machine:?}"),
    }
}

/// What stands in a file of a disk whose power was cut: a copy is mended first, as its system would at the next boot.
fn read(volume: &Path, folder: &Path, file: &str) -> String {
    let copy: PathBuf = folder.join("copy");
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).arg(&copy).output();
        done.unwrap_or_else(|error| panic!("{program} (Debian: e2fsprogs): {error}"))
    };
    let copied = Command::new("cp").arg("--sparse=always").arg(volume).arg(&copy).status().expect("cp");
    assert!(copied.success());
    let mended = run("e2fsck", &["-f", "-y"]);
    assert!(matches!(mended.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&mended.stdout));
    let label = String::from_utf8(run("e2label", &[]).stdout).expect("a label");
    assert_eq!(label.trim(), "justmanage");
    String::from_utf8(run("debugfs", &["-R", &format!("cat {file}")]).stdout).expect("a text")
}

#[test]
fn a_machine_becomes_a_node_by_itself_and_comes_back_from_a_power_cut_with_its_disk() {
    let world = World::up();
    let guests = &world.guests;
    // Beside it somebody else's, which turns itself off when it has booted.
    let theirs = guests.run(1, "#!/bin/sh\nsystemctl poweroff\n");

    let (machine, first) = world.ensure();
    let id = machine.reference.0.clone();
    let there = guests.all().into_iter().find(|guest| guest.id == id).expect("a guest");
    assert_eq!(agent(&machine).agent, (there.address, 7379).into());
    assert_eq!(world.find(), std::slice::from_ref(&machine), "whoever looks next sees it");
    // At once: whoever has been told of a machine has one that outlives its power.
    guests.kill(&id);
    guests.order("StopInstances", &id);
    assert_eq!(world.find()[0].state, MachineState::Stopped);
    let [volume] = &guests.volumes(&id)[..] else { panic!("one disk for data: {:?}", guests.volumes(&id)) };
    let order = read(volume, guests.folder(), "/node/order.json");
    assert!(order.contains(&claim().node.to_string()), "the node is on the disk for data: {order}");

    let (again, second) = world.ensure();
    let (before, after) = (agent(&machine), agent(&again));
    assert_eq!(
        (after.pin, &after.sealing, after.agent),
        (before.pin, &before.sealing, before.agent),
        "it is who it was"
    );
    assert_ne!(after.process.boot_id, before.process.boot_id, "on a system that has booted again");
    eprintln!("from the creating call to enrolled: {first:?}; from off to enrolled: {second:?}");
    // The same that a user sees who asks EC2 for it.
    let listens = format!("justmanage: The agent of {} listens.", claim().node);
    let console = guests.block_on(world.aws().console(&id)).expect("an answer").expect("a console");
    assert!(console.contains(&listens), "{console}");
    wait_until("the other one has turned itself off, and is gone", BOOT, || guests.all().len() == 1);
    assert!(
        guests.ask(&[("Action", "DescribeInstances"), ("InstanceId.1", &theirs)]).contains("<name>terminated</name>")
    );

    guests.block_on(world.platform().remove(&again.reference)).expect("it goes");
    assert_eq!(world.find(), []);
    guests.assert_nothing_left();
}

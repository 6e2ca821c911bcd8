//! A machine where nobody logs in: real systemd, the units as a first boot puts them there, and an operator who has the agent's API and
//! nothing else. (Whatever is looked at by a shell here is looked at by the test alone.)

use std::fs;
use std::path::Path;
use std::time::Instant;

use acceptance_tests::binaries::{AGENT, built};
use acceptance_tests::hosts::{Host, Hosts, Options};
use acceptance_tests::{DEADLINE, wait_until};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use justmanage_agent_proto::v1::machine_client::MachineClient;
use justmanage_agent_proto::v1::{LimitRequest, ProgramPart, ProgramsRequest};
use justmanage_identity::{KeyPair, connect, warrant};
use justmanage_model::node::{AgentInfo, NodeOrder};
use justmanage_model::{
    Bytes, Claim, ClusterId, Limits, NodeId, Purpose, Replaced, Replacement, Seat, Terms, Timestamp, Warrant,
};
use ring::digest;
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::transport::Channel;

macro_rules! unit {
    ($file:literal) => {
        include_str!(concat!("../../../core/platforms/host/src/units/", $file))
    };
}

/// As a machine's first boot writes them.
const UNITS: [(&str, &str); 7] = [
    ("justmanage-agent.service", unit!("justmanage-agent.service")),
    ("justmanage-agent.service.d/root.conf", unit!("justmanage-agent-root.conf")),
    ("justmanage-root.socket", unit!("justmanage-root.socket")),
    ("justmanage-root@.service", unit!("justmanage-root@.service")),
    ("justmanage-server.socket", unit!("justmanage-server.socket")),
    ("justmanage-server@.service", unit!("justmanage-server@.service")),
    ("justmanage.slice", unit!("justmanage.slice")),
];

/// Says a line to a socket, and prints the answer. Perl is on every Debian.
const SAY: &str = r#"perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0); connect(S,pack_sockaddr_un($ARGV[0])) or die "$!\n"; syswrite S,"$ARGV[1]\n"; sysread S,$a,4096; print $a'"#;

/// A machine after its first boot, and its operator.
struct Machine {
    hosts: Hosts,
    operator: KeyPair,
    claim: Claim,
    agent: AgentInfo,
    runtime: Runtime,
    client: MachineClient<Channel>,
}

impl Machine {
    fn born() -> Self {
        let hosts = Hosts::up(1, &Options::default());
        let (host, operator) = (&hosts[0], KeyPair::generate().expect("a key"));
        let claim = Claim {
            cluster: ClusterId::from_entropy([1; 10]),
            name: "cache".parse().expect("a name"),
            node: NodeId::from_entropy([2; 10]),
            seat: Some(Seat { shard: 0, ordinal: 0 }),
        };
        let order = NodeOrder {
            claim: claim.clone(),
            operators: [operator.pin()].into(),
            address: host.address().into(),
            peer_names: None,
            token: None,
        };
        first_boot(&hosts, host, &serde_json::to_vec(&order).expect("JSON"));
        wait_until("the agent has said how it is reached", DEADLINE, || agent(host).is_some());
        let agent = agent(host).expect("an agent");
        // On this thread, which is on the hosts' bridge.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(async { connect(agent.agent, agent.pin, &operator).expect("a channel") });
        Self { hosts, operator, claim, agent, runtime, client: MachineClient::new(client) }
    }

    fn host(&self) -> &Host {
        &self.hosts[0]
    }

    fn signed(&self, purpose: Purpose) -> Vec<u8> {
        let terms = Terms { cluster: self.claim.cluster, node: self.claim.node, issued: Timestamp::now(), purpose };
        let warrant = warrant::sign(&self.operator, &terms).expect("a warrant");
        serde_json::to_vec(&warrant).expect("JSON")
    }

    fn limit(&self, limits: Limits) -> Result<Vec<String>, Status> {
        let request = LimitRequest { warrant: self.signed(Purpose::Limits(limits)) };
        let mut client = self.client.clone();
        self.runtime.block_on(async { client.limit(request).await }).map(|reply| reply.into_inner().later)
    }

    /// Has a build take the agent's place, and waits for what became of it.
    fn replace(&self, build: &[u8], version: &str) -> (Replacement, String) {
        let sha256 = sha256(build);
        let purpose = Purpose::Agent { sha256: sha256.clone(), version: version.parse().expect("a version") };
        let head = ProgramPart { warrant: self.signed(purpose), ..ProgramPart::default() };
        let rest = build.chunks(1 << 20).map(|part| ProgramPart { content: part.to_vec(), ..ProgramPart::default() });
        let parts: Vec<ProgramPart> = std::iter::once(head).chain(rest).collect();
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let mut replies = client.replace(tokio_stream::iter(parts)).await.expect("it is taken").into_inner();
            // The last word may be lost with the agent that says it; a refusal is not.
            while let Ok(Some(_)) = replies.message().await {}
            let begun = Instant::now();
            loop {
                if let Ok(said) = client.programs(ProgramsRequest {}).await {
                    let said = said.into_inner();
                    let noted: Option<Replacement> = serde_json::from_slice(&said.replacement).ok();
                    if let Some(noted) = noted.filter(|noted| noted.sha256 == sha256 && noted.state != Replaced::Begun)
                    {
                        return (noted, said.agent_version);
                    }
                }
                assert!(begun.elapsed() < DEADLINE, "nobody knows what became of it");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
    }

    /// Says a line to a socket as somebody.
    fn say(&self, user: &str, socket: &str, line: &str) -> String {
        let said = self.host().root(&format!("runuser -u {user} -- {SAY} /run/justmanage/{socket} '{line}' 2>&1"));
        said.stdout.trim().to_owned()
    }

    fn show(&self, unit: &str, property: &str) -> String {
        self.host().root(&format!("systemctl show --property={property} --value '{unit}'")).ok()
    }
}

/// Everything that a machine has when its first boot is over.
fn first_boot(hosts: &Hosts, host: &Host, order: &[u8]) {
    let [key, known] = [hosts.key(), hosts.known_hosts()].map(|path| path.display().to_string());
    let copy = format!(
        "ssh -F none -i {key} -o UserKnownHostsFile={known} root@{} 'cat > /root/agent' < {}",
        host.address(),
        built(AGENT).display()
    );
    assert!(hosts.command("sh").arg("-c").arg(copy).status().expect("ssh").success());
    let base = "/var/lib/justmanage";
    host.root(&format!(
        "set -e
        useradd --system --user-group --home-dir {base} --no-create-home --shell /usr/sbin/nologin justmanage
        install -d -m 755 {base} {base}/bin
        install -d -o justmanage -g justmanage -m 700 {base}/node {base}/artifacts
        install -m 755 /root/agent {base}/bin/justmanage-agent-first
        ln -s justmanage-agent-first {base}/bin/agent
        ln -s justmanage-agent-first {base}/bin/root
        mkdir -p /etc/systemd/system/justmanage-agent.service.d"
    ))
    .ok();
    let put = |path: &str, content: &[u8]| {
        host.root(&format!("echo {} | base64 -d > {path}", BASE64_STANDARD.encode(content))).ok();
    };
    UNITS.iter().for_each(|(name, text)| put(&format!("/etc/systemd/system/{name}"), text.as_bytes()));
    put(&format!("{base}/node/order.json"), order);
    host.root(&format!("chown root:justmanage {base}/node/order.json && chmod 640 {base}/node/order.json")).ok();
    host.root("systemctl daemon-reload && systemctl enable --quiet --now justmanage-root.socket justmanage-server.socket justmanage-agent.service").ok();
}

fn agent(host: &Host) -> Option<AgentInfo> {
    serde_json::from_str(&host.root("cat /var/lib/justmanage/node/agent.json").stdout).ok()
}

fn sha256(content: &[u8]) -> String {
    digest::digest(&digest::SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The agent as a debug build calls itself another version (`justmanage-steps`).
fn newer(program: &Path, version: &str) -> Vec<u8> {
    let mut build = fs::read(program).expect("a program");
    build.extend_from_slice(format!("\njustmanage-version {version}\n").as_bytes());
    build
}

#[test]
fn limits_and_another_agent_come_by_an_operators_signature_alone() {
    let machine = Machine::born();
    let host = machine.host();
    let first = host.root("readlink /var/lib/justmanage/bin/agent").ok();

    // Who has become the agent's user is heard, and gets nothing without a signature; nobody else is even heard.
    let stranger = KeyPair::generate().expect("a key");
    let terms = Terms {
        cluster: machine.claim.cluster,
        node: machine.claim.node,
        issued: Timestamp::now(),
        purpose: Purpose::Limits(Limits::default()),
    };
    let forged: Warrant = warrant::sign(&stranger, &terms).expect("a warrant");
    let line = serde_json::json!({ "warrant": forged, "length": 0 }).to_string();
    let said = machine.say("justmanage", "root.sock", &line);
    assert!(said.contains("refused") && said.contains("no operator of this machine"), "{said}");
    assert!(machine.say("nobody", "root.sock", &line).contains("Permission denied"));

    // A process in the server's place, so that there is somebody to be limited, and to live on.
    let sleep = r#"{"alone":false,"directory":"/var/lib/justmanage/node","program":"/bin/sleep","arguments":["1000"]}"#;
    let begun = machine.say("justmanage", "server.sock", sleep);
    assert!(begun.contains("\"pid\""), "{begun}");
    let server = || host.root("pgrep -u justmanage -x sleep").ok();
    wait_until("it runs", DEADLINE, || host.root("pgrep -u justmanage -x sleep").succeeded());
    let before = server();

    let limits = Limits { memory: Some(Bytes::mib(512)), data: Some(Bytes::mib(100)), ..Limits::default() };
    assert_eq!(machine.limit(limits).expect("limited"), [""; 0]);
    let memory = Bytes::mib(512).get().to_string();
    assert_eq!(machine.show("justmanage-server@*.service", "MemoryMax"), memory);
    let part = |unit: &str| host.root(&format!("cat /etc/systemd/system/{unit}.d/limits.conf")).ok();
    assert_eq!(part("justmanage-server@.service"), limits.unit_part());
    assert_eq!(part("justmanage.slice"), limits.slice_part());
    let later = Bytes::mib(600);
    machine.limit(Limits { memory: Some(later), ..limits }).expect("limited");
    assert_eq!(machine.show("justmanage-server@*.service", "MemoryMax"), later.get().to_string());

    let build = newer(&built(AGENT), "9.9.9");
    let (replacement, version) = machine.replace(&build, "9.9.9");
    assert_eq!((replacement.state, version.as_str()), (Replaced::Done, "9.9.9"), "{replacement:?}");
    assert_eq!(server(), before, "it runs on");
    assert_ne!(agent(host).expect("an agent").process.pid, machine.agent.process.pid);
    let runs = host.root("readlink /var/lib/justmanage/bin/agent").ok();
    assert!(runs != first && runs.ends_with(&sha256(&build)[..16]), "{runs}");
    let owner = host.root(&format!("stat -c '%U %a' /var/lib/justmanage/bin/{runs}")).ok();
    assert_eq!(owner, "root 755");
    assert_eq!(host.root("ps -o user= -C agent").ok().lines().next(), Some("justmanage"));

    let broken = b"#!/bin/sh\n[ \"$1\" = --version ] && echo justmanage-agent 9.9.10 && exit 0\nexit 1\n";
    let (replacement, version) = machine.replace(broken, "9.9.10");
    assert_eq!((replacement.state, version.as_str()), (Replaced::PutBack, "9.9.9"), "{replacement:?}");
    assert_eq!(host.root("readlink /var/lib/justmanage/bin/agent").ok(), runs);
    assert_eq!(server(), before, "it ran on all the while");
    wait_until("the helper has ended", DEADLINE, || {
        host.root("systemctl list-units --plain --no-legend --state=active 'justmanage-root@*'").ok().is_empty()
    });
    assert_eq!(
        host.root("ls /var/lib/justmanage/bin").ok(),
        format!("agent\n{runs}\nreplaced.json\nroot\nwarrants.json")
    );
}

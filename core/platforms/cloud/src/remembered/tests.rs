use justmanage_model::{ClusterId, NodeId, Seat};
use ring::hmac;

use super::*;
use crate::tags::check_limits;

/// An operator with a secret instead of a key.
struct Played(u8, usize);

impl Signer for Played {
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PlatformError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[self.0; 32]);
        let mut signature = hmac::sign(&key, text).as_ref().to_vec();
        signature.resize(self.1.max(32), 0);
        Ok(signature)
    }

    fn is_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        self.sign(text).expect("a signature") == signature
    }

    fn lasts(&self, text: &[u8], signature: &[u8]) -> bool {
        self.is_signed(text, signature)
    }
}

fn claim(node: u8) -> Claim {
    Claim {
        cluster: ClusterId::from_entropy([1; 10]),
        name: "cache".parse().expect("a name"),
        node: NodeId::from_entropy([node; 10]),
        seat: Some(Seat { shard: 1, ordinal: 2 }),
    }
}

fn agent(node: u8, ip: &str) -> AgentInfo {
    let ip: IpAddr = ip.parse().expect("an address");
    AgentInfo {
        claim: claim(node),
        pin: Pin::from_digest([0xfe; 32]),
        sealing: SealingKey::new([0xfd; 32]),
        agent: (ip, 7379).into(),
        client: (ip, 6379).into(),
        bus_port: 16379,
        version: "0.1.0".into(),
        process: ProcessIdentity {
            pid: u32::MAX,
            start_time: u64::MAX,
            boot_id: "0d9c0bd4-8f1e-4f0c-b7a6-9d7e2f1c3a5b".into(),
        },
    }
}

/// A machine's tags with what is remembered.
fn tags(operator: &Played, id: &str, agent: &AgentInfo) -> Tags {
    let mut tags = Tags::of(&agent.claim);
    tags.extend(&write(operator, id, agent).expect("tags"));
    tags
}

#[test]
fn what_is_written_reads_back_within_the_limits_of_every_cloud() {
    for signature in [32, 64, 108, SIGNATURE_MAX] {
        for ip in ["10.0.0.1", "2001:db8::1"] {
            let operator = Played(1, signature);
            let tags = tags(&operator, "i-1", &agent(2, ip));
            check_limits(&tags);
            assert_eq!(read(&operator, "i-1", &tags), Some(agent(2, ip)));
        }
    }
    let endless = AgentInfo { version: "9".repeat(200), ..agent(2, "10.0.0.1") };
    assert!(matches!(write(&Played(1, 108), "i-1", &endless), Err(PlatformError::Failed { .. })));
}

#[test]
fn what_no_trusted_operator_has_signed_of_this_machine_is_not_believed() {
    let operator = Played(1, 64);
    let whole = tags(&operator, "i-1", &agent(2, "10.0.0.1"));
    assert_eq!(read(&Played(2, 64), "i-1", &whole), None, "another operator");
    assert_eq!(read(&operator, "i-2", &whole), None, "another machine");
    let mut stolen = whole.clone();
    stolen.extend(&Tags::of(&claim(3)));
    assert_eq!(read(&operator, "i-1", &stolen), None, "another claim");
    assert_eq!(read(&operator, "i-1", &Tags::of(&claim(2))), None, "nothing");
    // Each digit counts, but the last one of all: part of it is filled up.
    let text = whole.get("agent-0").expect("a tag").to_owned();
    for at in 0..text.len() {
        let other = if &text[at..=at] == "0" { "1" } else { "0" };
        let mut edited = whole.clone();
        edited.set("agent-0".into(), format!("{}{other}{}", &text[..at], &text[at + 1..]));
        assert_eq!(read(&operator, "i-1", &edited), None, "digit {at}");
    }
    for number in 0..3 {
        let mut torn = whole.clone();
        torn.set(format!("agent-{number}"), String::new());
        assert_eq!(read(&operator, "i-1", &torn), None, "without part {number}");
    }
}

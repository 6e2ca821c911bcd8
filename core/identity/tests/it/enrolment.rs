//! Tokens, the proofs that somebody knows one, and whose secrets they come from.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use justmanage_identity::KeyPair;
use justmanage_identity::enrol::{Ends, token};
use justmanage_model::{ClusterId, EnrolmentToken, NodeId, Pin};

use crate::world::key;

/// The private key of RFC 8410, section 10.3, without and with its public half.
const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";
const RFC_8410_WITH_PUBLIC_HALF: &str = "-----BEGIN PRIVATE KEY-----\n\
    MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n\
    Z9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    -----END PRIVATE KEY-----\n";

fn cluster(byte: u8) -> ClusterId {
    ClusterId::from_entropy([byte; 10])
}

fn node(byte: u8) -> NodeId {
    NodeId::from_entropy([byte; 10])
}

fn pin(byte: u8) -> Pin {
    Pin::from_digest([byte; 32])
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_token_is_the_same_whenever_it_is_derived_and_however_the_key_is_written() {
    let [short, long] = [RFC_8410, RFC_8410_WITH_PUBLIC_HALF].map(|pem| KeyPair::from_pem(pem).expect("a key"));
    assert_eq!(short.pin(), long.pin(), "it is one key");
    let derived = token(&short, cluster(1), node(2)).expect("a token");
    assert_eq!(token(&long, cluster(1), node(2)).expect("a token"), derived);
    // By other means (Python's hmac): an apply of the next release has to find the nodes of this one.
    assert_eq!(hexadecimal(derived.expose()), "bfa31eabf4da75606fb1a5830678124f428f7054527a8faa328299b45c6bee91");
}

#[test]
fn a_key_that_we_have_made_has_the_token_of_the_key_in_it() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("operator.key");
    let made = KeyPair::create(&path).expect("a key");
    let pem = fs::read_to_string(&path).expect("a file");
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(der).expect("base 64");
    // As `openssl` writes the same key: shorter, version 0, and without the public half.
    let mut short = vec![0x30, 0x2e, 0x02, 0x01, 0x00];
    short.extend(&der[5..48]);
    let short = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(short));
    let short = KeyPair::from_pem(&short).expect("a key");
    assert_eq!(short.pin(), made.pin(), "it is one key");
    let of = |key| token(key, cluster(1), node(1)).expect("a token");
    assert_eq!(of(&short), of(&made));
}

#[test]
fn whoever_knows_one_token_knows_no_other() {
    let (operator, other) = (key(), key());
    let of = |key: &KeyPair, cluster, node| token(key, cluster, node).expect("a token");
    let own = of(&operator, cluster(1), node(1));
    for (what, another) in [
        ("another operator", of(&other, cluster(1), node(1))),
        ("another cluster", of(&operator, cluster(2), node(1))),
        ("another node", of(&operator, cluster(1), node(2))),
    ] {
        assert_ne!(own, another, "{what}");
    }
}

#[test]
fn a_proof_holds_for_one_token_one_connection_and_one_side() {
    let (right, wrong) = (EnrolmentToken::new([1; 32]), EnrolmentToken::new([2; 32]));
    let ends = Ends { operator: pin(3), agent: pin(4) };
    let (said, answered) = (ends.operator_proof(&right), ends.agent_proof(&right));
    assert!(ends.is_operator_proof(&right, &said) && ends.is_agent_proof(&right, &answered));

    // (what is wrong, the token, the ends as whoever judges sees them, the proof that is shown)
    let between = |operator, agent| Ends { operator: pin(operator), agent: pin(agent) };
    let longer = [said.as_slice(), &[0]].concat();
    let table: [(&str, &EnrolmentToken, Ends, &[u8]); 9] = [
        ("another token", &wrong, ends, &said),
        ("said to somebody between, who shows the agent a key of their own", &right, between(5, 4), &said),
        ("said to somebody between, and shown to another agent", &right, between(3, 5), &said),
        ("the ends changed", &right, between(4, 3), &said),
        ("the other side's, sent back", &right, ends, &answered),
        ("nothing", &right, ends, b""),
        ("a beginning", &right, ends, &said[..31]),
        ("more", &right, ends, &longer),
        ("the token itself", &right, ends, right.expose()),
    ];
    for (what, token, ends, proof) in table {
        assert!(!ends.is_operator_proof(token, proof), "{what}");
    }
    for (what, token, ends, proof) in [
        ("another token", &wrong, ends, &answered),
        ("by an agent that somebody stands before", &right, between(3, 5), &answered),
        ("for another operator", &right, between(5, 4), &answered),
        ("the operator's own, sent back", &right, ends, &said),
    ] {
        assert!(!ends.is_agent_proof(token, proof), "{what}");
    }
}

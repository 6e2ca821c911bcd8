//! What is secret, and where it belongs.

use std::path::Path;

use acceptance_tests::Workspace;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Where the cluster keeps what servers hold of a password, as they hold it: a part of a path. Here and below.
pub(super) const HELD: [&str; 2] = ["/users.acl", "/record/"];

/// Where a value of the configuration is by design: state and plans, and where somebody asked to see them.
pub(super) const STATE: [&str; 4] = ["config/terraform.tfstate", ".tfplan", "opened/", "said/show"];

/// What a user gives to Terraform is in its environment, and in that of everything that Terraform starts for the user.
pub(super) const YOURS: [&str; 2] = ["environment of terraform", "environment of the job"];

/// A secret as it is found on disk.
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) secret: Vec<u8>,
    pub(super) home: String,
}

/// Everything that operator, agents and servers keep secret.
pub(super) fn kept(workspace: &Workspace) -> Vec<Kept> {
    let below = |path: &Path| path.strip_prefix(workspace.root()).expect("in it").display().to_string();
    let mut kept = keys("the operator's key", &read(&workspace.operator_key()), &below(&workspace.operator_key()));
    for node in workspace.nodes() {
        for file in ["agent.key", "tls/server.pem", "secrets/sealing.key"].map(|name| node.join(name)) {
            kept.extend(keys(&below(&file), &read(&file), &below(&file)));
        }
        let file = node.join("secrets/agent.password");
        kept.push(Kept { name: below(&file), secret: read(&file).into_bytes(), home: below(&file) });
        kept.push(replication(&node));
    }
    kept
}

/// What replicas log in with: sealed in the Record, and in clear only where the server reads it.
fn replication(node: &Path) -> Kept {
    let config = read(&node.join("server.conf"));
    let password = config.lines().find_map(|line| line.strip_prefix("masterauth ")).expect("its setting");
    let secret = password.trim_matches('"').as_bytes().to_vec();
    Kept { name: "the replication password".to_owned(), secret, home: "/server.conf".to_owned() }
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The private keys in a PEM text: each line of their bodies, and the number itself that is all of the secret.
pub(super) fn keys(name: &str, pem: &str, home: &str) -> Vec<Kept> {
    let (_, behind) = pem.split_once("PRIVATE KEY-----").expect("a private key");
    let (body, _) = behind.split_once("-----END").expect("the end of the private key");
    let lines: Vec<&str> = body.lines().filter(|line| !line.is_empty()).collect();
    let der = BASE64_STANDARD.decode(lines.concat()).expect("base64");
    let kept = |name: String, secret: &[u8]| Kept { name, secret: secret.to_vec(), home: home.to_owned() };
    let numbered = lines.iter().enumerate();
    let mut all: Vec<Kept> = numbered.map(|(n, line)| kept(format!("{name}, line {n}"), line.as_bytes())).collect();
    all.push(kept(format!("{name}, the number"), number(&der)));
    all
}

/// The private number of a curve of 256 bits in PKCS#8: the first OCTET STRING (4) of 32 bytes. What stands beside it is public.
fn number(der: &[u8]) -> &[u8] {
    let at = der.windows(2).position(|pair| pair == [4, 32]).expect("a key of 256 bits") + 2;
    &der[at..at + 32]
}

#[test]
fn the_number_of_a_key_is_what_the_key_says() {
    for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256] {
        let pair = rcgen::KeyPair::generate_for(algorithm).expect("a key");
        let (kept, der) = (keys("key", &pair.serialize_pem(), "home"), pair.serialize_der());
        assert_eq!(kept.len(), der.len().div_ceil(48) + 1, "lines of 48 bytes, and the number");
        let number = &kept.last().expect("the number").secret;
        let mut other = der.clone();
        let at = der.windows(32).position(|bytes| bytes == &number[..]).expect("it is in the key");
        other[at] ^= 1;
        // Another number is another key: its public half does not fit any more.
        assert!(rcgen::KeyPair::try_from(&other[..]).is_err(), "{algorithm:?}");
    }
}

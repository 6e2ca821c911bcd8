//! Sealed secrets: who can open them, and that nothing else passes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use justmanage_identity::seal::{context, open, reseal, seal};
use justmanage_identity::{IdentityError, SealError, SealingPair};
use justmanage_model::{ClusterId, Epoch, NodeId, SealingKey, Secret, Vault};

/// RFC 7748, section 6.1: Alice's keys; her private key as `openssl pkey` writes it.
const RFC_7748: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq
-----END PRIVATE KEY-----
";
const RFC_7748_PUBLIC: &str = "x25519:8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";

const WORDS: &[u8] = br#"{"replication":"hunter2"}"#;

fn node(number: u8) -> NodeId {
    NodeId::from_entropy([number; 10])
}

fn home() -> Vec<u8> {
    context(ClusterId::from_entropy([7; 10]), Epoch::from_entropy([9; 8]))
}

/// Members with the numbers 0 to `count` - 1.
fn members(count: u8) -> Vec<(NodeId, SealingPair)> {
    (0..count).map(|number| (node(number), SealingPair::generate().expect("a key"))).collect()
}

fn public(members: &[(NodeId, SealingPair)]) -> Vec<(NodeId, SealingKey)> {
    members.iter().map(|(node, pair)| (*node, pair.public())).collect()
}

fn sealed(members: &[(NodeId, SealingPair)]) -> Vault {
    seal(&Secret::new(WORDS.to_vec()), public(members), &home()).expect("sealed")
}

/// What a member finds in it.
fn opened(vault: &Vault, member: &(NodeId, SealingPair)) -> Result<Vec<u8>, SealError> {
    open(vault, member.0, &member.1, &home()).map(Secret::into_exposed)
}

#[test]
fn every_member_opens_what_was_sealed_for_them() {
    let members = members(3);
    let vault = sealed(&members);
    for member in &members {
        assert_eq!(opened(&vault, member).as_deref(), Ok(WORDS));
    }
}

#[test]
fn a_stranger_opens_nothing() {
    let members = members(2);
    let vault = sealed(&members);
    let stranger = SealingPair::generate().expect("a key");
    assert_eq!(opened(&vault, &(node(9), stranger)), Err(SealError::NotFor(node(9))));
    // With a member's name but without their key, or with another member's key.
    let stranger = SealingPair::generate().expect("a key");
    for thief in [stranger, members.into_iter().next_back().expect("a member").1] {
        let refused = opened(&vault, &(node(0), thief));
        assert!(matches!(refused, Err(SealError::Refused(_))), "{refused:?}");
    }
}

#[test]
fn a_seal_is_for_one_node_of_one_cluster_in_one_epoch() {
    let member = members(1).remove(0);
    let vault = sealed(&[(node(0), SealingPair::generate().expect("a key"))]);
    assert!(opened(&vault, &member).is_err(), "another key");

    let vault = seal(&Secret::new(WORDS.to_vec()), [(node(0), member.1.public())], &home()).expect("sealed");
    let elsewhere = [
        context(ClusterId::from_entropy([8; 10]), Epoch::from_entropy([9; 8])),
        context(ClusterId::from_entropy([7; 10]), Epoch::from_entropy([8; 8])),
        Vec::new(),
    ];
    for context in elsewhere {
        let refused = open(&vault, node(0), &member.1, &context);
        assert!(matches!(refused, Err(SealError::Refused(_))), "{refused:?}");
    }
    // The same key under another node's name.
    let mut moved = vault.clone();
    moved.keys = [(node(1), vault.keys[&node(0)].clone())].into();
    assert!(matches!(open(&moved, node(1), &member.1, &home()), Err(SealError::Refused(_))));
}

#[test]
fn the_content_is_bound_to_its_context_too() {
    // A member who has the key could put it over a content of another epoch.
    let member = members(1).remove(0);
    let other = context(ClusterId::from_entropy([7; 10]), Epoch::from_entropy([1; 8]));
    let old = seal(&Secret::new(WORDS.to_vec()), [(node(0), member.1.public())], &other).expect("sealed");
    let mut mixed = sealed(std::slice::from_ref(&member));
    mixed.content = old.content;
    assert!(matches!(opened(&mixed, &member), Err(SealError::Refused(_))));
}

#[test]
fn whatever_byte_is_changed_the_vault_is_refused() {
    let member = members(1).remove(0);
    let vault = sealed(std::slice::from_ref(&member));
    let changed = |text: &str, position: usize| {
        let mut bytes = BASE64.decode(text).expect("base64");
        bytes[position] ^= 1;
        BASE64.encode(bytes)
    };
    let lengths = [&vault.content, &vault.keys[&node(0)]].map(|text| BASE64.decode(text).expect("base64").len());
    assert_eq!(lengths, [1 + 12 + WORDS.len() + 16, 32 + 32 + 16]);
    for position in 0..lengths[0] {
        let vault = Vault { content: changed(&vault.content, position), ..vault.clone() };
        assert!(matches!(opened(&vault, &member), Err(SealError::Refused(_))), "byte {position} of the content");
    }
    for position in 0..lengths[1] {
        let mut vault = vault.clone();
        let key = vault.keys.get_mut(&node(0)).expect("a key");
        *key = changed(key, position);
        assert!(matches!(opened(&vault, &member), Err(SealError::Refused(_))), "byte {position} of the key");
    }
    for text in ["", "AQ==", "not base 64!"] {
        let damaged = Vault { content: text.to_owned(), ..vault.clone() };
        assert!(matches!(opened(&damaged, &member), Err(SealError::Refused(_))), "content {text:?}");
        let damaged = Vault { keys: [(node(0), text.to_owned())].into(), ..vault.clone() };
        assert!(matches!(opened(&damaged, &member), Err(SealError::Refused(_))), "key {text:?}");
    }
}

#[test]
fn a_member_lets_others_in_without_touching_the_content() {
    let members = members(3);
    let vault = sealed(&members[..1]);
    let (first, pair) = &members[0];
    let wider = reseal(&vault, *first, pair, &home(), public(&members[1..])).expect("resealed");
    assert_eq!(wider.content, vault.content);
    assert_eq!(wider.keys[first], vault.keys[first], "whoever was in is not sealed again");
    for member in &members {
        assert_eq!(opened(&wider, member).as_deref(), Ok(WORDS));
    }
    // One that got another sealing key.
    let again = (*first, SealingPair::generate().expect("a key"));
    let renewed =
        reseal(&wider, members[1].0, &members[1].1, &home(), [(again.0, again.1.public())]).expect("resealed");
    assert_eq!(opened(&renewed, &again).as_deref(), Ok(WORDS));
    assert!(opened(&renewed, &members[0]).is_err(), "the old key opens it no more");
}

#[test]
fn whoever_cannot_open_lets_nobody_in() {
    let members = members(2);
    let vault = sealed(&members[..1]);
    let (stranger, pair) = &members[1];
    let refused = reseal(&vault, *stranger, pair, &home(), public(&members));
    assert_eq!(refused, Err(SealError::NotFor(*stranger)));
    let (first, pair) = &members[0];
    let damaged = Vault { content: BASE64.encode([1; 60]), ..vault };
    let refused = reseal(&damaged, *first, pair, &home(), public(&members));
    assert!(matches!(refused, Err(SealError::Refused(_))), "a damage is not spread: {refused:?}");
}

#[test]
fn the_same_secrets_never_look_the_same_twice() {
    let members = members(1);
    let (one, other) = (sealed(&members), sealed(&members));
    assert_ne!(one.content, other.content);
    assert_ne!(one.keys, other.keys);
    assert!(!serde_json::to_string(&one).expect("text").contains("hunter2"));
}

#[test]
fn a_key_that_keeps_no_secret_is_refused() {
    // Zero is a point of small order: what is sealed for it, everybody can open.
    let refused = seal(&Secret::new(WORDS.to_vec()), [(node(4), SealingKey::new([0; 32]))], &home());
    assert_eq!(refused, Err(SealError::BadKey(node(4))));
}

#[test]
fn a_hundred_members_take_less_than_16_kib() {
    let members = members(100);
    // A CA's key and certificate, a dozen passwords, credentials of a store.
    let secrets = Secret::new(vec![b'x'; 1500]);
    let vault = seal(&secrets, public(&members), &home()).expect("sealed");
    let size = serde_json::to_string(&vault).expect("text").len();
    assert!(size < 16 << 10, "{size} bytes");
    let last = &members[99];
    assert_eq!(open(&vault, last.0, &last.1, &home()).expect("opened").expose(), secrets.expose());
}

#[test]
fn a_sealing_key_is_for_its_owner_alone_and_the_same_when_it_is_loaded() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("a/sealing.key");
    let made = SealingPair::create(&path).expect("a key");
    assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
    assert_eq!(SealingPair::load(&path).expect("the key").public(), made.public());
    let refused = SealingPair::create(&path).expect_err("never over another");
    assert!(matches!(refused, IdentityError::File { .. }), "{refused:?}");
    assert_eq!(SealingPair::load(&path).expect("the key").public(), made.public());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("permissions");
    assert!(matches!(SealingPair::load(&path), Err(IdentityError::Exposed { mode: 0o640, .. })));
}

#[test]
fn a_sealing_key_that_openssl_made_has_the_public_half_of_the_standard() {
    let key = SealingPair::from_pem(RFC_7748).expect("a key");
    assert_eq!(key.public().to_string(), RFC_7748_PUBLIC);
    assert_eq!(format!("{key:?}"), format!("SealingPair({RFC_7748_PUBLIC})"), "and Debug shows nothing else");
}

#[test]
fn what_is_no_sealing_key_is_refused_and_not_repeated() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("agent.key");
    justmanage_identity::KeyPair::create(&path).expect("a key");
    let signing = fs::read_to_string(&path).expect("a file");
    for text in ["", "secret words", &signing, &RFC_7748[..80], &RFC_7748.replace("MC4C", "MC8C")] {
        let refused = SealingPair::from_pem(text).expect_err("refused");
        assert!(matches!(refused, IdentityError::NotASealingKey));
        assert!(!refused.to_string().contains("secret"));
    }
}

//! Ids, epochs, generations, pins.

use justmanage_model::{ClusterId, Epoch, Generation, NodeId, Pin};
use proptest::prelude::*;

use crate::{fault, is_spelt, json_refuses, survives_json};

#[test]
fn ids_have_one_spelling() {
    let id = ClusterId::from_entropy([0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
    assert_eq!(id.to_string(), "jmc0123456789abcdef");
    assert_eq!(NodeId::from_entropy([0xff; 10]).to_string(), "jmnzzzzzzzzzzzzzzzz");
    is_spelt::<ClusterId>("jmc0123456789abcdef");
    is_spelt::<NodeId>("jmnzzzzzzzzzzzzzzzz");
    is_spelt::<Epoch>("00000000000000ff");
    is_spelt::<Pin>(&format!("sha256:{}", "0a".repeat(32)));
}

#[test]
fn what_is_no_id_says_why() {
    for (text, detail) in [
        ("", "does not begin with \"jmc\""),
        ("jmn0123456789abcdef", "does not begin with \"jmc\""),
        ("jmc0123456789abcde", "has 15 digits"),
        ("jmc0123456789abcdef0", "has 17 digits"),
        ("jmc0123456789abcdeI", "contains \"I\""),
        ("jmc0123456789abcdel", "contains \"l\""),
        ("jmc0123456789ABCDEF", "contains \"A\""),
        ("jmc0123456789abcde ", "contains a space"),
        ("jmc0123456789abcdeü", "contains \"ü\""),
    ] {
        let said = fault::<ClusterId>(text);
        assert!(said.detail.contains(detail), "{text:?}: {said}");
        json_refuses::<ClusterId>(text);
    }
    for text in ["", "ff", "00000000000000FF", "00000000000000fg"] {
        fault::<Epoch>(text);
    }
    for text in [
        "",
        "0a",
        "sha256:",
        &"0a".repeat(32),
        &format!("sha256:{}", "0A".repeat(32)),
        &format!("sha1:{}", "0a".repeat(32)),
    ] {
        fault::<Pin>(text);
        json_refuses::<Pin>(text);
    }
}

#[test]
fn generations_count() {
    assert_eq!(Generation::FIRST.next().get(), 2);
    assert!(Generation::new(7) < Generation::new(7).next());
    survives_json(&Generation::new(u64::MAX));
}

proptest! {
    #[test]
    fn every_entropy_is_an_id_and_sorts_like_it(one in any::<[u8; 10]>(), other in any::<[u8; 10]>()) {
        let (first, second) = (ClusterId::from_entropy(one), ClusterId::from_entropy(other));
        prop_assert_eq!(first.to_string().parse::<ClusterId>().unwrap(), first);
        prop_assert_eq!(first.cmp(&second), first.to_string().cmp(&second.to_string()));
        prop_assert_eq!(first.to_string().len(), 19);
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in any::<String>()) {
        let _ = (text.parse::<ClusterId>(), text.parse::<Epoch>(), text.parse::<Pin>());
        let _ = format!("jmc{text}").parse::<ClusterId>();
        let _ = format!("sha256:{text}").parse::<Pin>();
    }
}

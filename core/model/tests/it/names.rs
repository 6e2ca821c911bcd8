//! Names of clusters and users.

use justmanage_model::{ClusterName, UserName};
use proptest::prelude::*;

use crate::{fault, is_spelt, json_refuses};

#[test]
fn cluster_names() {
    for name in ["a", "a1", "orders-cache", "a--b", &"a".repeat(40)] {
        is_spelt::<ClusterName>(name);
    }
    for (name, detail) in [
        ("", "The name is empty."),
        ("Orders", "Character 1 of \"Orders\" is \"O\"."),
        ("my orders", "Character 3 of \"my orders\" is a space."),
        ("orders_cache", "Character 7 of \"orders_cache\" is \"_\"."),
        ("größe", "Character 3 of \"größe\" is \"ö\"."),
        ("a\u{7}b", "is the control character \\u{7}"),
        ("1orders", "begins with \"1\""),
        ("-orders", "begins with \"-\""),
        ("orders-", "ends with a hyphen"),
        (&"a".repeat(41), "has 41 characters"),
    ] {
        let said = fault::<ClusterName>(name);
        assert!(said.detail.contains(detail), "{name:?}: {said}");
        assert!(said.hint.contains("\"orders-cache\""), "says what would be right");
        json_refuses::<ClusterName>(name);
    }
}

#[test]
fn user_names() {
    for name in ["orders", "Orders.Service@example:1", "_", "justmanage", &"a".repeat(64)] {
        is_spelt::<UserName>(name);
    }
    for (name, detail) in [
        ("", "The name is empty."),
        ("a b", "Character 2 of \"a b\" is a space."),
        ("a\n", "Character 2 of \"a\\n\" is a line break."),
        ("a#", "Character 2 of \"a#\" is \"#\"."),
        ("a/b", "Character 2"),
        (&"a".repeat(65), "has 65 characters"),
        ("default", "is always off"),
        ("justmanage-agent", "begins with \"justmanage-\""),
    ] {
        let said = fault::<UserName>(name);
        assert!(said.detail.contains(detail), "{name:?}: {said}");
        json_refuses::<UserName>(name);
    }
}

#[test]
fn names_of_temporary_users_are_drawn_and_never_chosen() {
    let name = UserName::temporary([10; 8]);
    let text = "justmanage-temporary-0a0a0a0a0a0a0a0a";
    assert_eq!((name.as_str(), name.is_temporary()), (text, true));
    assert!(!"temporary".parse::<UserName>().unwrap().is_temporary());
    fault::<UserName>(text);
    assert_eq!(UserName::parse_temporary(text).unwrap(), name);
    crate::survives_json(&name);
    for text in ["justmanage-temporary-", "justmanage-temporary-0A0A0A0A0A0A0A0A", "justmanage-agent", "orders"] {
        assert!(UserName::parse_temporary(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_taken_has_no_character_that_ends_a_word(text in any::<String>()) {
        if let Ok(name) = text.parse::<UserName>() {
            prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_graphic() && !b"\"'#\\/".contains(&b)));
        }
        if let Ok(name) = text.parse::<ClusterName>() {
            prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        }
    }
}

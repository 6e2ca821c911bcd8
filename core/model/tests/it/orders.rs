//! What a machine is born with, as its file says it.

use justmanage_model::EnrolmentToken;
use justmanage_model::node::NodeOrder;
use serde_json::{Value, json};

fn order() -> Value {
    let (cluster, node) = (format!("jmc{}", "0".repeat(16)), format!("jmn{}", "1".repeat(16)));
    json!({
        "claim": { "cluster": cluster, "name": "cache", "node": node, "seat": { "shard": 0, "ordinal": 0 } },
        "operators": [],
        "address": "10.0.0.1",
    })
}

#[test]
fn an_order_without_a_token_is_what_it_was() {
    let read: NodeOrder = serde_json::from_value(order()).unwrap();
    assert_eq!(read.token, None);
    assert_eq!(serde_json::to_value(&read).unwrap(), order());
}

#[test]
fn a_token_survives_its_file_and_is_never_printed() {
    let digits = "0123456789abcdef".repeat(4);
    let mut text = order();
    text["token"] = json!(digits);
    let read: NodeOrder = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(read.token.as_ref().unwrap().expose()[..2], [0x01, 0x23]);
    assert_eq!(serde_json::to_value(&read).unwrap(), text);
    let printed = format!("{read:?} {:?}", read.token);
    assert!(printed.contains("***") && !printed.contains("123"), "{printed}");
}

#[test]
fn what_is_no_token_is_refused_and_not_repeated() {
    for wrong in ["", "5ec7e7", &"5ec7e7".repeat(11), &"5EC7E7AB".repeat(8), &"5ec7e7x ".repeat(8)] {
        let refused = serde_json::from_value::<EnrolmentToken>(json!(wrong)).unwrap_err().to_string();
        assert!(refused.contains("64 lowercase hexadecimal digits"), "{refused}");
        assert!(!refused.to_lowercase().contains("5ec7e7"), "{refused}");
    }
}

//! ValidateProviderConfig, ValidateResourceConfig and ValidateDataResourceConfig, before ConfigureProvider.

use serde_json::json;

use crate::core::Core;

#[tokio::test]
async fn says_what_is_wrong_and_where() {
    let core = Core::new();
    for (name, config, expected) in [
        ("kitchen_dish", json!({ "name": "soup" }), vec![]),
        ("kitchen_dish", json!({ "name": "??", "weight": "??", "stars": "??", "ingredients": "??" }), vec![]),
        ("kitchen_dish", json!({}), vec!["error: Missing required argument: name"]),
        (
            "kitchen_dish",
            json!({ "name": "a name that is far too long" }),
            vec!["error: Attribute value not accepted: name"],
        ),
        (
            "kitchen_dish",
            json!({ "name": "soup", "weight": "much", "plate": {} }),
            vec!["error: Attribute value not accepted: weight", "error: Missing required argument: plate.colour"],
        ),
        ("kitchen_dish", json!({ "name": "soup", "id": "1" }), vec!["error: Value for a read-only attribute: id"]),
        ("kitchen_dish", json!({ "name": "soup", "stars": 1.5 }), vec!["error: Value out of range: stars"]),
        ("kitchen_dish", json!({ "name": "soup", "stars": 256 }), vec!["error: Value out of range: stars"]),
        ("kitchen_dish", json!({ "name": "soup", "crumbs": -1 }), vec!["error: Value out of range: crumbs"]),
        (
            "kitchen_dish",
            json!({ "name": "soup", "orders": { "t": { "count": 0.5 } } }),
            vec!["error: Value out of range: orders.[t].count"],
        ),
        ("kitchen_dish", json!({ "name": "soup", "hot": true, "stars": 5 }), vec!["warning: Too hot: stars"]),
        ("kitchen_dish", json!({ "name": "soup", "hot": "??", "stars": 5 }), vec![]),
        ("kitchen", json!({ "directory": "/tmp/x" }), vec![]),
        ("kitchen", json!({ "directory": "??" }), vec![]),
        ("kitchen", json!({}), vec!["error: Missing required argument: directory"]),
        ("kitchen", json!({ "directory": "/" }), vec!["error: Directory refused: directory"]),
        ("kitchen_menu", json!({ "limit": 0 }), vec!["error: Empty menu: limit"]),
        ("kitchen_menu", json!({ "limit": "??" }), vec![]),
        ("kitchen_menu", json!({ "names": ["soup"] }), vec!["error: Value for a read-only attribute: names"]),
    ] {
        let said = core.validate(name, &config, true).await;
        let severity = |error| if error { "error" } else { "warning" };
        let said: Vec<String> =
            said.iter().map(|said| format!("{}: {}: {}", severity(said.error), said.summary, said.path)).collect();
        assert_eq!(said, expected, "{name} {config}");
    }
}

#[tokio::test]
async fn a_terraform_without_write_only_attributes_is_refused_them() {
    let core = Core::new();
    let config = json!({ "name": "soup", "secret_wo": "pssst" });
    assert_eq!(core.validate("kitchen_dish", &config, true).await, []);
    let said = core.validate("kitchen_dish", &config, false).await;
    let error = crate::core::only_error(&said);
    assert_eq!((error.path.as_str(), error.detail.contains("1.11")), ("secret_wo", true));
    assert!(!error.detail.contains("pssst"));
    assert_eq!(core.validate("kitchen_dish", &json!({ "name": "soup" }), false).await, []);
}

//! What is printed in debug mode: the setting by which Terraform finds a provider that it did not start.

use std::path::Path;

use serde_json::json;

/// Text with a line that can be pasted into a shell, after which Terraform uses this process for `address`.
///
/// `Test` makes Terraform leave the process alone at its end: it neither calls Shutdown nor kills it.
pub(super) fn instructions(address: &str, socket: &Path) -> String {
    let value = json!({ address: {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": std::process::id(),
        "Test": true,
        "Addr": { "Network": "unix", "String": socket.display().to_string() },
    }});
    let quoted = value.to_string().replace('\'', r#"'"'"'"#);
    format!(
        "Provider started. To attach Terraform, set the variable TF_REATTACH_PROVIDERS:\n\n\t\
         TF_REATTACH_PROVIDERS='{quoted}'\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_what_terraform_parses() {
        let text = instructions("example.test/acme/bare", Path::new("/tmp/it's/plugin"));
        let line = text.lines().find_map(|l| l.trim().strip_prefix("TF_REATTACH_PROVIDERS='")).unwrap();
        let value = line.strip_suffix('\'').unwrap().replace(r#"'"'"'"#, "'");
        let value: serde_json::Value = serde_json::from_str(&value).unwrap();
        let ours = &value["example.test/acme/bare"];
        assert_eq!(ours["Protocol"], "grpc");
        assert_eq!(ours["ProtocolVersion"], 6);
        assert_eq!(ours["Pid"], std::process::id());
        assert_eq!(ours["Test"], true);
        assert_eq!(ours["Addr"], json!({"Network": "unix", "String": "/tmp/it's/plugin"}));
    }
}

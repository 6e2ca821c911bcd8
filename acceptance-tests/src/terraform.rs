//! What Terraform said: exit status, diagnostics with the blamed attribute, plans and state as JSON.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::attribute;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The run failed.
    Error,
    /// The user should know.
    Warning,
}

/// One diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// The headline.
    pub summary: String,
    /// What happened and what to do.
    pub detail: String,
    /// Address of the resource it is about; empty for none.
    pub address: String,
    /// The attribute that is blamed, such as `local.directory`; empty for none.
    pub attribute: String,
}

/// One run of Terraform.
#[derive(Debug, Clone)]
pub struct Run {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From `-json` output; empty without.
    pub diagnostics: Vec<Diagnostic>,
}

impl Run {
    pub(crate) fn new(code: Option<i32>, stdout: String, stderr: String, config: &Path) -> Self {
        let diagnostics = diagnostics(&stdout, config);
        Self { code, stdout, stderr, diagnostics }
    }

    /// Returns itself after making sure that the exit status was zero.
    ///
    /// # Panics
    /// With everything that was said, when it was not.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "terraform failed\n{self}");
        self
    }

    /// Returns itself after making sure that the exit status was one.
    ///
    /// # Panics
    /// When Terraform succeeded, or died.
    #[track_caller]
    pub fn fails(self) -> Self {
        assert_eq!(self.code, Some(1), "terraform should have failed\n{self}");
        self
    }

    /// The errors among the diagnostics.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The warnings, without Terraform's own one about development overrides.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        let all = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning);
        all.filter(|diagnostic| diagnostic.summary != "Provider development overrides are in effect")
    }

    /// The error that blames `attribute` under a headline that contains `summary`.
    ///
    /// # Panics
    /// When there is none, with all there are.
    #[track_caller]
    pub fn error(&self, attribute: &str, summary: &str) -> &Diagnostic {
        let found = self.errors().find(|error| error.attribute == attribute && error.summary.contains(summary));
        found.unwrap_or_else(|| panic!("no error {summary:?} at {attribute:?}\n{self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr, diagnostics } = self;
        write!(f, "exit status {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n--- diagnostics\n{diagnostics:#?}")
    }
}

/// Reads `validate -json` (one object) and `plan`, `apply`, `destroy -json` (an object on each line).
fn diagnostics(stdout: &str, config: &Path) -> Vec<Diagnostic> {
    if let Ok(whole) = serde_json::from_str::<Value>(stdout)
        && let Some(list) = whole["diagnostics"].as_array()
    {
        return list.iter().filter_map(|value| diagnostic(value, config)).collect();
    }
    let lines = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["type"] == "diagnostic")
        .filter_map(|line| diagnostic(&line["diagnostic"], config))
        .collect()
}

fn diagnostic(value: &Value, config: &Path) -> Option<Diagnostic> {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let severity = match value["severity"].as_str()? {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => return None,
    };
    let attribute = blamed(value, config).unwrap_or_default();
    Some(Diagnostic { severity, summary: text("summary"), detail: text("detail"), address: text("address"), attribute })
}

fn blamed(value: &Value, config: &Path) -> Option<String> {
    let file = config.join(value["range"]["filename"].as_str()?);
    let byte = usize::try_from(value["range"]["start"]["byte"].as_u64()?).ok()?;
    Some(attribute::at(&fs::read_to_string(file).ok()?, byte))
}

/// A plan, as `terraform show -json` prints it.
#[derive(Debug, Clone)]
pub struct Plan(pub Value);

impl Plan {
    /// What would be done to the resource at `address`: `["create"]`, `["update"]`, `["delete", "create"]`, `["no-op"]`.
    ///
    /// # Panics
    /// When the plan does not speak of it.
    #[track_caller]
    pub fn actions(&self, address: &str) -> Vec<&str> {
        let changes = self.0["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let change = changes.iter().find(|change| change["address"] == address);
        let change = change.unwrap_or_else(|| panic!("the plan does not speak of {address}: {changes:#?}"));
        change["change"]["actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Would nothing be done to any resource?
    pub fn is_empty(&self) -> bool {
        let changes = self.0["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
        changes.iter().all(|change| change["change"]["actions"] == serde_json::json!(["no-op"]))
    }

    /// The planned values of the resource at `address`; what will only be known after apply is absent.
    pub fn after(&self, address: &str) -> &Value {
        let changes = self.0["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
        changes
            .iter()
            .find(|change| change["address"] == address)
            .map_or(&Value::Null, |change| &change["change"]["after"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_of_both_shapes_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let text = "resource \"a\" \"b\" {\n  memory = \"1\"\n}\n";
        fs::write(folder.path().join("main.tf"), text).unwrap();
        let range = format!(r#"{{"filename":"main.tf","start":{{"byte":{}}}}}"#, text.find("\"1\"").unwrap());
        let one =
            format!(r#"{{"severity":"error","summary":"Too small","detail":"x","address":"a.b","range":{range}}}"#);
        for stdout in [
            format!(r#"{{"valid":false,"diagnostics":[{one}]}}"#),
            format!(
                "{{\"type\":\"version\"}}\n{{\"@level\":\"error\",\"type\":\"diagnostic\",\"diagnostic\":{one}}}\n"
            ),
        ] {
            let run = Run::new(Some(1), stdout, String::new(), folder.path()).fails();
            assert_eq!(run.error("memory", "small").address, "a.b");
            assert_eq!(run.errors().count(), 1);
        }
    }

    #[test]
    fn plans_tell_their_actions() {
        let plan = Plan(serde_json::json!({"resource_changes": [
            {"address": "a.b", "change": {"actions": ["no-op"], "after": {"x": 1}}}]}));
        assert!(plan.is_empty());
        assert_eq!(plan.actions("a.b"), ["no-op"]);
        assert_eq!(plan.after("a.b")["x"], 1);
        let plan =
            Plan(serde_json::json!({"resource_changes": [{"address": "a.b", "change": {"actions": ["update"]}}]}));
        assert!(!plan.is_empty());
    }
}

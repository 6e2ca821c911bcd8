//! The configuration that most tests begin with, and what they ask of it.

use acceptance_tests::{Login, Workspace, servers};
use serde_json::Value;

/// Address of the cluster.
pub(crate) const CLUSTER: &str = "justmanage_redis_cluster.cache";
/// Address of its user.
pub(crate) const USER: &str = "justmanage_redis_user.app";
/// The user's password; distinctive, so that a search finds it wherever it should not be.
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple-7f3a";
/// Terraform's words for an apply, where a test starts it itself.
pub(crate) const APPLY: &[&str] = &["apply", "-json", "-auto-approve", "-input=false"];
/// The same for a destroy.
pub(crate) const DESTROY: &[&str] = &["destroy", "-json", "-auto-approve", "-input=false"];

/// The cluster block; `more` are further lines in it.
pub(crate) fn cluster(engine: &str, version: &str, more: &str) -> String {
    format!(
        r#"
resource "justmanage_redis_cluster" "cache" {{
  name    = "cache"
  engine  = "{engine}"
  version = "{version}"
  memory  = "64MiB"
  local   = {{}}
  deletion_protection = false
{more}
}}
"#
    )
}

/// The user block, whose password comes from a variable that is never saved.
pub(crate) fn user(acl: &str, version: u32) -> String {
    format!(
        r#"
variable "app_password" {{
  type      = string
  sensitive = true
  ephemeral = true
}}

resource "justmanage_redis_user" "app" {{
  cluster_id          = justmanage_redis_cluster.cache.id
  name                = "app"
  acl                 = "{acl}"
  password_wo         = var.app_password
  password_wo_version = {version}
}}
"#
    )
}

/// A workspace with the cluster of an engine and its user, not applied yet.
pub(crate) fn prepared(engine: &str) -> Workspace {
    let mut workspace = Workspace::with_provider("");
    workspace.set("TF_VAR_app_password", PASSWORD);
    workspace
        .write("main.tf", &(cluster(engine, servers::usual(engine).line(), "") + &user("~app:* +@all -@dangerous", 1)));
    workspace
}

/// The same, applied.
pub(crate) fn applied(engine: &str) -> Workspace {
    let workspace = prepared(engine);
    workspace.apply().ok();
    workspace
}

/// What the user `app` needs to get in.
pub(crate) fn login(workspace: &Workspace) -> Login {
    login_of(&workspace.resource(CLUSTER))
}

/// The same, by the cluster's attributes.
#[track_caller]
pub(crate) fn login_of(cluster: &Value) -> Login {
    Login {
        endpoint: text(&cluster["endpoints"][0]),
        ca: text(&cluster["ca_certificate"]),
        user: "app".to_owned(),
        password: PASSWORD.to_owned(),
    }
}

/// A string in JSON.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// The process id of the only server.
#[track_caller]
pub(crate) fn server(workspace: &Workspace, engine: &str) -> i32 {
    only(workspace, &format!("{engine}-server"))
}

/// The process id of the only agent.
#[track_caller]
pub(crate) fn agent(workspace: &Workspace) -> i32 {
    only(workspace, "justmanage-agent")
}

#[track_caller]
fn only(workspace: &Workspace, program: &str) -> i32 {
    match workspace.running(program).as_slice() {
        [one] => one.pid,
        others => panic!("one {program} was expected, not {others:?}"),
    }
}

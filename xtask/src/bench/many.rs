//! A plan without changes of many resources: ten clusters and fifty users.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};

use super::median;
use super::node::{APPLY, DESTROY, Side};
use super::table::{Row, Unit};
use crate::demo::Cleaner;
use crate::procfs;

/// How many clusters, of one node each.
const CLUSTERS: usize = 10;
/// How many users each of them has.
const USERS: usize = 5;
/// The password of all of them, in clusters that live for a minute.
const PASSWORD: &str = "bench-password-0123456789";

const HEAD: &str = r#"
variable "password" {
  type      = string
  sensitive = true
  ephemeral = true
}
"#;

/// Measures with the release binaries in `binaries`. The peer is a plan of as many resources that Terraform has itself.
pub(super) fn measure(binaries: &Path, runs: usize) -> Result<Row> {
    let folder = tempfile::Builder::new().prefix("jm-bench-").tempdir()?.keep();
    let cleaner = Cleaner::watch(&folder)?;
    let many = Side::new(&folder.join("many"), binaries, &ours())?.with("TF_VAR_password", PASSWORD);
    let floor = Side::new(&folder.join("floor"), binaries, &floor())?;
    eprintln!("a plan of {} resources without changes, {runs} runs", CLUSTERS * (1 + USERS));
    many.run(&APPLY)?;
    floor.run(&APPLY)?;
    let (mut plans, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        floors.push(floor.run(&PLAN)?);
        plans.push(many.run(&PLAN)?);
    }
    many.run(&DESTROY)?;
    let left = procfs::inside(&folder);
    ensure!(left.is_empty(), "destroy left {left:?}");
    cleaner.finish()?;
    Ok(Row {
        what: "plan of 10 clusters and 50 users",
        target: Some(1.0),
        measured: median(plans),
        peer: Some(("60 x terraform_data", median(floors))),
        unit: Unit::Milliseconds,
        pace: None,
    })
}

/// A plan that finds a change ends with 2, which is an error here.
const PLAN: [&str; 3] = ["plan", "-detailed-exitcode", "-input=false"];

fn ours() -> String {
    let mut text = HEAD.to_owned();
    for cluster in 0..CLUSTERS {
        let _ = write!(
            text,
            r#"
resource "justmanage_redis_cluster" "c{cluster}" {{
  name                = "bench-{cluster}"
  engine              = "redis"
  version             = "LINE"
  memory              = "16MiB"
  local               = {{}}
  deletion_protection = false
}}
"#
        );
        for user in 0..USERS {
            let _ = write!(
                text,
                r#"
resource "justmanage_redis_user" "c{cluster}u{user}" {{
  cluster_id          = justmanage_redis_cluster.c{cluster}.id
  name                = "user-{user}"
  acl                 = "~app{user}:* +@all -@dangerous"
  password_wo         = var.password
  password_wo_version = 1
}}
"#
            );
        }
    }
    text
}

fn floor() -> String {
    let mut text = String::new();
    for number in 0..CLUSTERS * (1 + USERS) {
        let _ = writeln!(text, "resource \"terraform_data\" \"r{number}\" {{\n  input = \"{number}\"\n}}");
    }
    text
}

//! No secret is anywhere but where it is kept: looked for everywhere, in every form, after each step of a cluster's life.
//!
//! Terraform logs at TRACE, agents at `trace`, servers at `debug`. `life` runs things, `kept` says what is secret and where it belongs,
//! `look` looks; `stage` sets it all up.

mod kept;
mod life;
mod look;
mod stage;

use std::fs;

use acceptance_tests::processes;
use rustix::process::Signal;

use crate::credentials::{JOB, script};
use crate::users::graced;
use crate::world::{CLUSTER, USER, cluster, text, user};

use kept::{HELD, STATE, YOURS};
use life::Life;
pub(crate) use look::files;

/// Passwords with which every form of writing differs from every other.
const FIRST: &str = "1st <horse> \"battery\" \\ staple/7f3a&+%=?";
const SECOND: &str = "2nd <horse> \"battery\" \\ staple/91c2&+%=?";
const THIRD: &str = "3rd <horse> \"battery\" \\ staple/d05e&+%=?";
const REPORT: &str = "4th <horse> \"battery\" \\ staple/6b88&+%=?";
const PASSPHRASE: &str = "5th <horse> \"battery\" \\ staple/2e47&+%=?";

/// How many nodes the cluster has.
const NODES: usize = 3;

/// A user by the hash of the password.
const REPORT_USER: &str = r#"
variable "report_sha256" {
  type      = string
  sensitive = true
}

resource "justmanage_redis_user" "report" {
  cluster_id      = justmanage_redis_cluster.cache.id
  name            = "report"
  acl             = "~app:* +@read +cluster|slots"
  password_sha256 = var.report_sha256
}
"#;

/// Servers that are asked; nobody is there.
const SERVERS: &str = r#"
variable "ssh_key" {
  type      = string
  sensitive = true
  ephemeral = true
}

variable "ssh_passphrase" {
  type      = string
  sensitive = true
  ephemeral = true
}

data "justmanage_servers" "nobody" {
  pool = "127.0.0.1 port 1"
}
"#;

/// The journal, as the data source reads it back.
const JOURNAL: &str = r#"
data "justmanage_redis_cluster" "cache" {
  id              = justmanage_redis_cluster.cache.id
  journal_entries = 1000
}
"#;

#[test]
fn no_secret_is_anywhere_but_where_it_is_kept() {
    let mut life = Life::begin();
    create(&mut life);
    add_a_user_by_the_hash_of_the_password(&mut life);
    rotate_a_password(&mut life);
    work_as_a_temporary_user(&mut life);
    restart_the_servers_one_by_one(&mut life);
    make_mistakes(&mut life);
    ask_servers(&mut life);
    fail_while_a_password_is_set(&mut life);
    forget_and_import(&mut life);
    remove_a_user(&mut life);
    life.assert_everything_was_looked_at();
    life.run("destroy", &["destroy", "-json", "-auto-approve", "-input=false"]).ok();
    life.look_again();
    life.workspace.assert_nothing_left();
}

/// The cluster: three nodes, so that agents agree on the Record by telling each other, and servers that tell all that they can.
fn shaped(config: &str) -> String {
    let shape = "  shards = 1\n  replicas_per_shard = 2\n";
    cluster("redis", "7.0", &format!("{shape}  config = {{ \"loglevel\" = \"debug\"{config} }}"))
}

/// The plan is saved, and looked into, before it is carried out.
fn create(life: &mut Life) {
    life.give("TF_VAR_app_password", "the first password", FIRST);
    life.workspace.write("cluster.tf", &shaped(""));
    life.workspace.write("app.tf", &user("~app:* +@all -@dangerous", 1));
    life.workspace.write("journal.tf", JOURNAL);
    life.run("init", &["init", "-no-color", "-input=false"]).ok();
    life.run("plan", &["plan", "-no-color", "-input=false", "-out=saved.tfplan"]).ok();
    life.run("show plan", &["show", "-json", "saved.tfplan"]).ok();
    life.open_plan("saved.tfplan");
    life.look();
    life.run("apply", &["apply", "-no-color", "-input=false", "saved.tfplan"]).ok();
    life.look();
    assert_eq!(life.workspace.nodes().len(), NODES);
    assert_eq!(life.workspace.resource(USER)["password_wo"], serde_json::Value::Null);
}

/// The hash is a value of the configuration, and by its documentation in the state; the password is nowhere.
fn add_a_user_by_the_hash_of_the_password(life: &mut Life) {
    let hash = acceptance_tests::secrets::sha256(REPORT.as_bytes());
    life.keep("the hash of the report's password", hash.as_bytes(), &[&HELD[..], &STATE, &YOURS].concat());
    life.keep("the report's password", REPORT.as_bytes(), &[]);
    life.workspace.set("TF_VAR_report_sha256", &hash);
    life.workspace.write("report.tf", REPORT_USER);
    life.apply("apply a user").ok();
    life.look();
}

fn rotate_a_password(life: &mut Life) {
    life.give("TF_VAR_app_password", "the second password", SECOND);
    life.workspace.write("app.tf", &graced(2, "1h"));
    life.apply("apply another password").ok();
    life.look();
    assert_ne!(life.workspace.resource(USER)["previous_password_valid_until"], serde_json::Value::Null);
}

/// Of what Terraform opens while it plans, nobody learns the password; the servers know its hash, and so do we.
fn work_as_a_temporary_user(life: &mut Life) {
    let told = life.told();
    life.workspace.write("job.sh", &script(&told));
    life.workspace.write("job.tf", JOB);
    life.run("plan a job", &["plan", "-no-color", "-input=false", "-out=job.tfplan"]).ok();
    life.open_plan("job.tfplan");
    life.apply("apply a job").ok();
    let password = fs::read_to_string(told.join("password")).expect("the job has run");
    assert_eq!(fs::read_to_string(told.join("said")).expect("the job has logged in").trim(), "OK");
    life.keep("a temporary password", password.as_bytes(), &YOURS[1..]);
    life.assert_temporary_users_were_seen(&password, 3);
    life.look();
    fs::remove_file(life.workspace.config().join("job.tf")).expect("the job is done");
}

fn restart_the_servers_one_by_one(life: &mut Life) {
    let before = life.workspace.running("redis-server");
    life.workspace.write("cluster.tf", &shaped(", \"io-threads\" = \"2\""));
    life.apply("apply a restart").ok();
    life.look();
    let after = life.workspace.running("redis-server");
    assert_eq!(after.len(), NODES);
    assert!(after.iter().all(|server| before.iter().all(|old| old.pid != server.pid)), "{before:?} {after:?}");
}

/// What stands in the wrong place is usually the secret itself; the error does not repeat it.
fn make_mistakes(life: &mut Life) {
    let plan = ["plan", "-no-color", "-input=false"];
    life.give("TF_VAR_report_sha256", "the report's password", REPORT);
    life.run("plan with a password for a hash", &plan).fails();
    life.workspace.set("TF_VAR_report_sha256", &acceptance_tests::secrets::sha256(REPORT.as_bytes()));

    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_pem();
    life.keep_pem("another operator's key", &pem, &YOURS);
    let torn = pem.replace("-----END", "");
    let bare: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let packed = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &pem);
    for (mistake, key) in [("another", &pem), ("a torn", &torn), ("a bare", &bare), ("a packed", &packed)] {
        life.workspace.set("JUSTMANAGE_OPERATOR_KEY", key);
        life.run(&format!("plan with {mistake} key"), &plan).fails();
    }
    life.workspace.unset("JUSTMANAGE_OPERATOR_KEY");
    life.look();
}

/// A key to log in with is used; then it stands where its path belongs.
fn ask_servers(life: &mut Life) {
    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_pem();
    life.keep_pem("the key for servers", &pem, &YOURS[..1]);
    life.keep("the passphrase for servers", PASSPHRASE.as_bytes(), &YOURS[..1]);
    life.workspace.set("TF_VAR_ssh_key", &pem);
    life.workspace.set("TF_VAR_ssh_passphrase", PASSPHRASE);
    life.workspace.write("servers.tf", SERVERS);
    let with = |key: &str| {
        format!("provider \"justmanage\" {{\n  ssh = {{ {key} = var.ssh_key, passphrase = var.ssh_passphrase }}\n}}\n")
    };
    life.workspace.write("ssh_override.tf", &with("private_key"));
    life.run("plan with servers", &["plan", "-no-color", "-input=false", "-out=servers.tfplan"]).ok();
    life.open_plan("servers.tfplan");
    life.apply("apply with servers").ok();
    let state = life.workspace.resource("data.justmanage_servers.nobody")["servers"][0]["state"].clone();
    assert_eq!(state, "unreachable");
    life.workspace.write("ssh_override.tf", &with("private_key_file"));
    life.run("plan with a key for its path", &["plan", "-no-color", "-input=false"]).fails();
    life.look();
    for file in ["servers.tf", "ssh_override.tf"] {
        fs::remove_file(life.workspace.config().join(file)).expect("it was written");
    }
    for variable in ["TF_VAR_ssh_key", "TF_VAR_ssh_passphrase"] {
        life.workspace.unset(variable);
    }
}

/// Nobody answers; then somebody does.
fn fail_while_a_password_is_set(life: &mut Life) {
    life.give("TF_VAR_app_password", "the third password", THIRD);
    life.workspace.write("app.tf", &graced(3, "1h"));
    // Whoever reads the journal would fail before that.
    fs::remove_file(life.workspace.config().join("journal.tf")).expect("the journal");
    let agents = life.workspace.running("justmanage-agent");
    agents.iter().for_each(|agent| processes::signal(agent.pid, Signal::STOP));
    // Without a refresh, which would ask each of them first: what fails is the apply itself.
    let apply = ["apply", "-json", "-auto-approve", "-input=false", "-refresh=false"];
    let failed = life.run("apply to nobody", &apply).fails();
    assert!(failed.errors().all(|error| error.address == USER), "{failed}");
    agents.iter().for_each(|agent| processes::signal(agent.pid, Signal::CONT));
    life.workspace.write("journal.tf", JOURNAL);
    life.apply("apply again").ok();
    life.look();
}

fn forget_and_import(life: &mut Life) {
    life.run("forget", &["state", "rm", USER, CLUSTER]).ok();
    life.run("import", &["import", "-no-color", "-input=false", CLUSTER, "local/cache"]).ok();
    life.run("import", &["import", "-no-color", "-input=false", USER, "local/cache/app"]).ok();
    life.apply("apply what was imported").ok();
    life.look();
}

fn remove_a_user(life: &mut Life) {
    fs::remove_file(life.workspace.config().join("report.tf")).expect("the user");
    life.apply("apply without a user").ok();
    life.run("show", &["show", "-json"]).ok();
    for node in life.workspace.nodes() {
        life.ask_agent(&["status", "--dir", &node.display().to_string()]);
    }
    life.look();
    let journal = life.workspace.resource("data.justmanage_redis_cluster.cache")["journal"].clone();
    let what: Vec<String> = journal.as_array().expect("entries").iter().map(|entry| text(&entry["what"])).collect();
    assert!(what.len() > 20, "{what:#?}");
}

/// What holds a secret here holds it as the things do that are looked at in earnest.
#[test]
fn a_secret_that_is_planted_is_found_wherever_it_is() {
    let mut life = Life::begin();
    life.keep("planted", FIRST.as_bytes(), &[]);
    life.workspace.set("TF_VAR_planted", FIRST);
    let planted = "variable \"planted\" {\n  type = string\n}\n\nresource \"terraform_data\" \"planted\" {\n  input = var.planted\n}\n";
    life.workspace.write("planted.tf", planted);
    life.run("init", &["init", "-no-color", "-input=false"]).ok();
    life.run("plan", &["plan", "-no-color", "-input=false", "-out=planted.tfplan"]).ok();
    life.open_plan("planted.tfplan");
    life.apply("apply").ok();
    life.run("show", &["show", "-json"]).ok();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "read wait", FIRST]).current_dir(life.workspace.root()).stdin(std::process::Stdio::piped());
    let mut shell = shell.env("PLANTED", FIRST).spawn().expect("sh starts");
    acceptance_tests::wait_until("the process is seen", acceptance_tests::DEADLINE, || life.shows(FIRST));
    let found = life.found();
    shell.kill().expect("our own child");
    shell.wait().expect("our own child");
    for place in [
        "opened/planted.tfplan/tfplan",
        "config/terraform.tfstate",
        "said/plan, ",
        "said/show, ",
        "environment of terraform",
        "arguments of",
    ] {
        assert!(found.iter().any(|found| found.starts_with(place)), "{place}: {found:#?}");
    }
    let sealed = |found: &String| found.starts_with("config/planted.tfplan");
    assert!(!found.iter().any(sealed), "a plan has to be unpacked to be seen through: {found:#?}");
}

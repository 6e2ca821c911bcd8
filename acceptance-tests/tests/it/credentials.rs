//! `justmanage_redis_credentials`: a user for as long as Terraform needs one, and nothing left of it.

use std::fs;

use acceptance_tests::secrets::Secrets;
use acceptance_tests::{Login, Workspace, servers};

use crate::secrets::files;
use crate::world::{CLUSTER, cluster, text};

/// A job that logs in while Terraform applies, and tells us in files outside of Terraform's directory who it was.
pub(crate) const JOB: &str = r#"
ephemeral "justmanage_redis_credentials" "job" {
  cluster_id = justmanage_redis_cluster.cache.id
}

resource "terraform_data" "job" {
  provisioner "local-exec" {
    command = "sh job.sh"
    environment = {
      HOST          = ephemeral.justmanage_redis_credentials.job.host
      PORT          = ephemeral.justmanage_redis_credentials.job.port
      USERNAME      = ephemeral.justmanage_redis_credentials.job.username
      REDISCLI_AUTH = ephemeral.justmanage_redis_credentials.job.password
      CA            = ephemeral.justmanage_redis_credentials.job.ca_certificate
    }
  }
}
"#;

pub(crate) fn script(told: &std::path::Path) -> String {
    let client = servers::usual("redis").bin.join("redis-cli");
    format!(
        "set -e\ncd '{}'\nprintf %s \"$CA\" > ca.pem\nprintf %s \"$USERNAME\" > user\nprintf %s \"$REDISCLI_AUTH\" > password\n\
         '{}' -h \"$HOST\" -p \"$PORT\" --tls --cacert ca.pem --user \"$USERNAME\" SET job done > said\n",
        told.display(),
        client.display()
    )
}

/// The temporary users that the servers of a workspace would start with.
fn temporary(workspace: &Workspace) -> Vec<String> {
    let lists = workspace.nodes().into_iter().map(|node| fs::read_to_string(node.join("users.acl")).expect("users"));
    let lines: Vec<String> = lists.flat_map(|list| list.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(!lines.is_empty(), "the file has another name now");
    lines.into_iter().filter(|line| line.contains("justmanage-temporary-")).collect()
}

#[test]
fn a_user_is_there_while_terraform_works_and_gone_with_its_secret_afterwards() {
    let mut workspace = Workspace::with_provider("");
    let (told, log) = (workspace.root().join("told"), workspace.root().join("terraform.log"));
    fs::create_dir(&told).expect("a directory");
    workspace.set("TF_LOG", "TRACE");
    workspace.set("TF_LOG_PATH", &log.display().to_string());
    workspace.write("job.sh", &script(&told));
    workspace.write("main.tf", &(cluster("redis", "7.0", "") + JOB));
    workspace.apply().ok();
    let said = |name: &str| fs::read_to_string(told.join(name)).expect(name);
    assert_eq!(said("said").trim(), "OK", "the job got in, and could write");
    let state = workspace.resource(CLUSTER);
    let login = Login {
        endpoint: text(&state["endpoints"][0]),
        ca: text(&state["ca_certificate"]),
        user: said("user"),
        password: said("password"),
    };
    assert!(login.user.starts_with("justmanage-temporary-"), "{}", login.user);
    assert!(login.connect().is_err(), "it is gone");
    assert_eq!(temporary(&workspace), Vec::<String>::new());

    // A plan opens another one, and closes it.
    workspace.assert_no_changes();
    assert_eq!(temporary(&workspace), Vec::<String>::new());

    assert!(fs::metadata(&log).expect("a log at trace level").len() > 10_000);
    let mut secrets = Secrets::default();
    secrets.learn("the password", login.password.as_bytes());
    for file in [workspace.config(), workspace.clusters(), log].iter().flat_map(|path| files(path)) {
        let found = secrets.find(&fs::read(&file).unwrap_or_default());
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
    for process in workspace.processes() {
        assert!(secrets.find(process.command.as_bytes()).is_empty(), "{}", process.command);
    }
    workspace.destroy().ok();
}

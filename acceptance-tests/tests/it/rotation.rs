//! What gives access is replaced, and whoever is connected stays so.

use std::process::Command;
use std::time::Duration;

use acceptance_tests::load::Load;
use acceptance_tests::{Login, Workspace, servers, wait_until};
use redis::{Connection, TypedCommands};

use crate::scale::endpoints;
use crate::versions::{directory, prepared};
use crate::world::{CLUSTER, PASSWORD, cluster, login, text, user};

/// What the user's password is after it was changed.
const OTHER: &str = "another-password-entirely-91c2";

/// The configuration with these words in `rotate`, and this version of the user's password.
fn write(workspace: &Workspace, (engine, line): (&str, &str), words: &str, password: u32) {
    let more = format!("  replicas_per_shard = 1\n  rotate = {{\n{words}\n  }}\n");
    workspace.write("main.tf", &(cluster(engine, line, &more) + &user("~app:* +@all -@dangerous", password)));
}

/// Clients that were there before, one at the primary and one at the replica.
struct Sessions {
    primary: Connection,
    replica: Connection,
    writes: u32,
}

impl Sessions {
    fn open(workspace: &Workspace) -> Self {
        let at = |position: usize| {
            let endpoint = text(&workspace.resource(CLUSTER)["endpoints"][position]);
            Login { endpoint, ..login(workspace) }.connect().expect("connect")
        };
        Self { primary: at(0), replica: at(1), writes: 0 }
    }

    /// Neither connects anew by itself.
    fn live(&mut self) {
        self.writes += 1;
        self.primary.set("app:count", self.writes).expect("the connection lives");
        let said: String = redis::cmd("PING").query(&mut self.replica).expect("the connection lives");
        assert_eq!(said, "PONG");
    }
}

/// Whether a new client that trusts these certificates gets in.
fn gets_in(workspace: &Workspace, ca: &str) -> bool {
    Login { ca: ca.to_owned(), ..login(workspace) }.connect().is_ok()
}

/// The certificates that clients are to trust, by the state.
fn authorities(workspace: &Workspace) -> Vec<String> {
    let text = text(&workspace.resource(CLUSTER)["ca_certificate"]);
    text.split_inclusive("-----END CERTIFICATE-----\n").map(|one| one.trim_start().to_owned()).collect()
}

/// Applications at work, which trust these certificates and have this password.
fn load(workspace: &Workspace, ca: &str, password: &str, turn: u32) -> Load {
    let login = Login { ca: ca.to_owned(), password: password.to_owned(), ..login(workspace) };
    Load::begin(&login, &endpoints(workspace), &format!("app:{turn}-"), 4)
}

/// They were served all the while, and nothing is lost.
fn ends_well(load: Load, case: &str) {
    let seen = load.end();
    eprintln!("{case}: {seen:?}");
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{case}: {seen:?}");
}

fn everything_is_replaced_under_connections_that_live_on(release: (&str, &str)) {
    let mut workspace = prepared(&[directory(&servers::of_line(release.0, release.1))], release, (1, 1));
    write(&workspace, release, "", 1);
    workspace.apply().ok();
    let mut sessions = Sessions::open(&workspace);
    let old = authorities(&workspace);
    assert_eq!(old.len(), 1);
    let applications = load(&workspace, &old[0], PASSWORD, 1);

    // Certificates of servers, and the replication password: nobody notices anything.
    let first = "certificates = \"1\"\n replication_password = \"1\"";
    write(&workspace, release, first, 1);
    workspace.apply().ok();
    sessions.live();
    assert_eq!(authorities(&workspace), old);
    assert!(gets_in(&workspace, &old[0]));
    workspace.assert_no_changes();

    // The user's password: the one before it is valid for a day.
    workspace.set("TF_VAR_app_password", OTHER);
    write(&workspace, release, first, 2);
    workspace.apply().ok();
    sessions.live();
    workspace.assert_no_changes();

    // Another authority: clients have time to learn it.
    write(&workspace, release, &format!("{first}\n authority = \"1\"\n authority_grace = \"1h\""), 2);
    workspace.apply().ok();
    let both = authorities(&workspace);
    assert!(both.len() == 2 && both[0] == old[0], "{both:?}");
    let state = workspace.resource(CLUSTER);
    assert!(text(&state["pending"][0]).contains("new authority"), "{}", state["pending"]);
    assert_eq!(state["converged"], true);
    assert!(gets_in(&workspace, &old[0]) && gets_in(&workspace, &both.concat()) && !gets_in(&workspace, &both[1]));
    sessions.live();
    workspace.assert_no_changes();
    ends_well(applications, "with the password and the authority of before");

    // Everybody has learnt it.
    let applications = load(&workspace, &both.concat(), OTHER, 2);
    write(&workspace, release, &format!("{first}\n authority = \"1\"\n authority_grace = \"0s\""), 2);
    workspace.apply().ok();
    assert_eq!(authorities(&workspace), both[1..], "as soon as the apply is over");
    assert!(gets_in(&workspace, &both[1]) && gets_in(&workspace, &both.concat()) && !gets_in(&workspace, &old[0]));
    sessions.live();
    workspace.assert_no_changes();
    ends_well(applications, "from one authority to another");

    // The agents see it through by themselves.
    write(&workspace, release, &format!("{first}\n authority = \"2\"\n authority_grace = \"10s\""), 2);
    workspace.apply().ok();
    let announced = authorities(&workspace);
    let Some(third) = announced.last() else { panic!("there is one") };
    assert_ne!(*third, both[1]);
    let applications = load(&workspace, &[&both[1], third.as_str()].concat(), OTHER, 3);
    wait_until("servers show the next one", Duration::from_secs(90), || gets_in(&workspace, third));
    sessions.live();
    wait_until("the one before is forgotten", Duration::from_secs(90), || {
        workspace.assert_no_changes();
        workspace.terraform(&["apply", "-refresh-only", "-auto-approve", "-json", "-input=false"]).ok();
        authorities(&workspace) == [third.clone()]
    });
    sessions.live();
    ends_well(applications, "with nobody who applies");
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn everything_is_replaced_under_connections_that_live_on_redis() {
    everything_is_replaced_under_connections_that_live_on(("redis", "7.0"));
}

#[test]
fn everything_is_replaced_under_connections_that_live_on_valkey() {
    everything_is_replaced_under_connections_that_live_on(("valkey", "9.1"));
}

#[test]
fn an_operators_key_follows_another() {
    let mut workspace = Workspace::with_provider("");
    let server = servers::usual("redis");
    let line = server.line();
    workspace.write("main.tf", &cluster("redis", line, ""));
    workspace.apply().ok();
    let (old, new) = (workspace.operator_key(), workspace.root().join("new.key"));
    // As the guide says.
    let shell = |line: &str| {
        let output = Command::new("sh").args(["-c", line]).current_dir(workspace.root()).output().expect("a shell");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    shell("openssl genpkey -algorithm ed25519 -out new.key && chmod 600 new.key");
    let digest = shell("openssl pkey -in new.key -pubout -outform der | sha256sum");
    let listed = format!("  operator_keys = [\"sha256:{}\"]\n", &digest[..64]);
    workspace.write("main.tf", &cluster("redis", line, &listed));
    workspace.apply().ok();
    workspace.assert_no_changes();

    workspace.set("JUSTMANAGE_OPERATOR_KEY", &new.display().to_string());
    workspace.assert_no_changes();
    workspace.write("main.tf", &cluster("redis", line, ""));
    workspace.apply().ok();
    workspace.assert_no_changes();

    workspace.set("JUSTMANAGE_OPERATOR_KEY", &old.display().to_string());
    let run = workspace.plan().fails();
    assert!(run.errors().any(|error| error.summary == "Operator key not accepted"), "{run}");
    workspace.set("JUSTMANAGE_OPERATOR_KEY", &new.display().to_string());
    workspace.destroy().ok();
}

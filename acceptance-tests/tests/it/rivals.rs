//! Two applies at once from two states, by the same operator on the same machine: one cluster, and whoever loses is told.

use acceptance_tests::{DEADLINE, Diagnostic, Run, Workspace, wait_until};
use redis::TypedCommands;

use crate::world::{APPLY, CLUSTER, DESTROY, PASSWORD, cluster, login, user};

/// Two workspaces that share the clusters.
fn two() -> (Workspace, Workspace) {
    let mut one = Workspace::with_provider("");
    // Whoever gives way ends agents that others were about to ask.
    one.allow_alarm("");
    let other = one.beside();
    (one, other)
}

/// What one of two runs.
type Side<'a> = (&'a Workspace, &'a [&'a str]);

/// Both at once, to their ends.
fn at_once(one: Side<'_>, other: Side<'_>) -> [Run; 2] {
    both(one, other, || ())
}

/// The other begins when `moment` has passed; both run to their ends.
fn both(one: Side<'_>, other: Side<'_>, moment: impl Fn()) -> [Run; 2] {
    let start = |(place, words): Side<'_>| place.command(words).spawn().expect("terraform starts");
    let first = start(one);
    moment();
    let started = [(one.0, first), (other.0, start(other))];
    // Both outputs are read all the while: a full pipe would hold one of them up.
    std::thread::scope(|scope| {
        let waiting = started.map(|(place, child)| scope.spawn(move || place.wait(child)));
        waiting.map(|run| run.join().expect("terraform ends"))
    })
}

fn id(workspace: &Workspace) -> Option<String> {
    workspace.resource(CLUSTER)["id"].as_str().map(str::to_owned)
}

/// Whoever failed says that there is somebody else, and what to do.
fn assert_told(run: &Run) {
    let told = run.errors().any(|error| {
        let text = format!("{} {}", error.summary, error.detail);
        let other = ["somebody else", "exists", "no cluster", "not found", "removed"].iter().any(|w| text.contains(w));
        other && ["pply again", "import", "lan again"].iter().any(|word| text.contains(word))
    });
    assert!(told, "{run}");
}

/// Two creates of one name; the second asks for so much memory.
fn creates_at_once(memory: &str) {
    let (one, other) = two();
    one.write("main.tf", &cluster("redis", "7.0", ""));
    other.write("main.tf", &cluster("redis", "7.0", "").replace("64MiB", memory));
    let runs = at_once((&one, APPLY), (&other, APPLY));
    assert!(one.nodes().len() <= 1, "{:?}", one.nodes());
    for run in runs.iter().filter(|run| run.code != Some(0)) {
        assert_told(run);
    }
    // Whoever was told to apply again does.
    let mut places = [(&one, runs[0].code), (&other, runs[1].code)];
    if places.iter().all(|(_, code)| *code != Some(0)) {
        one.apply().ok();
        places[0].1 = Some(0);
    }
    let winners: Vec<&Workspace> =
        places.iter().filter(|(_, code)| *code == Some(0)).map(|(place, _)| *place).collect();
    let ids: Vec<Option<String>> = winners.iter().map(|winner| id(winner)).collect();
    assert!(ids.iter().all(|id| *id == ids[0] && id.is_some()), "one cluster: {ids:?}");
    assert_eq!(
        (one.nodes().len(), one.running("redis-server").len(), one.running("justmanage-agent").len()),
        (1, 1, 1)
    );
    winners.iter().for_each(|winner| winner.assert_no_changes());
    for (loser, _) in places.iter().filter(|(_, code)| *code != Some(0)) {
        let refused = loser.apply().fails();
        assert_eq!(refused.error("name", "Cluster exists already").address, CLUSTER);
    }
    winners[0].destroy().ok();
    one.assert_nothing_left();
}

#[test]
fn two_who_make_the_same_cluster_at_once_make_one() {
    creates_at_once("64MiB");
}

#[test]
fn two_who_make_different_clusters_of_one_name_at_once_make_one() {
    creates_at_once("96MiB");
}

/// A cluster in two states: the second imported it.
fn shared() -> (Workspace, Workspace) {
    let (mut one, mut other) = two();
    for place in [&mut one, &mut other] {
        place.set("TF_VAR_app_password", PASSWORD);
    }
    one.write("main.tf", &(cluster("redis", "7.0", "") + &user("~* +@all", 1)));
    one.apply().ok();
    other.write("main.tf", &cluster("redis", "7.0", ""));
    other.terraform(&["import", "-input=false", CLUSTER, "local/cache"]).ok();
    other.apply().ok();
    (one, other)
}

#[test]
fn of_two_who_change_one_cluster_at_once_the_second_is_told_and_then_sees_both_changes() {
    let (one, other) = shared();
    one.write("main.tf", &(cluster("redis", "7.0", "").replace("64MiB", "96MiB") + &user("~* +@all", 1)));
    other.write("main.tf", &cluster("redis", "7.0", "  config = { \"maxmemory-policy\" = \"volatile-lfu\" }"));
    let runs = at_once((&one, APPLY), (&other, APPLY));
    let lost: Vec<&Run> = runs.iter().filter(|run| run.code != Some(0)).collect();
    lost.iter().for_each(|run| assert_told(run));
    assert!(lost.len() < 2, "{lost:?}");
    // What one has changed, the other sees as drift; nobody's change is undone unseen.
    let mut client = login(&one).connect().expect("connect");
    let mut get = |key: &str| {
        let pair: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(key).query(&mut client).expect("CONFIG GET");
        pair[1].clone()
    };
    let (memory, policy) = (get("maxmemory"), get("maxmemory-policy"));
    let (first, second) = (memory == (96 << 20).to_string(), policy == "volatile-lfu");
    assert_ne!(first, second, "one of the two changes is in force: {memory} {policy}");
    let both = "  config = { \"maxmemory-policy\" = \"volatile-lfu\" }";
    one.write("main.tf", &(cluster("redis", "7.0", both).replace("64MiB", "96MiB") + &user("~* +@all", 1)));
    other.write("main.tf", &cluster("redis", "7.0", both).replace("64MiB", "96MiB"));
    one.apply().ok();
    other.assert_no_changes();
    one.assert_no_changes();
    client.set("app:kept", "yes").expect("write");
    one.destroy().ok();
    one.assert_nothing_left();
    assert_eq!(other.planned().actions(CLUSTER), ["create"], "it is gone for the other, too");
}

#[test]
fn a_cluster_that_one_destroys_while_the_other_changes_it_is_gone() {
    let (one, other) = shared();
    other.write("main.tf", &cluster("redis", "7.0", "  config = { \"maxmemory-policy\" = \"volatile-lfu\" }"));
    // Of two that begin at the same moment, the change was done first each time that it was looked at: it would never be in the way.
    let under_way = || !one.running("terraform-provider-justmanage").is_empty();
    let runs = both((&one, DESTROY), (&other, APPLY), || wait_until("the destroy is under way", DEADLINE, under_way));
    assert_eq!(runs[0].code, Some(0), "{}", runs[0]);
    if runs[1].code != Some(0) {
        // Whatever it was about when the cluster went, it is told what to do.
        let told = |error: &Diagnostic| format!("{} {}", error.summary, error.detail).contains("again");
        assert!(runs[1].errors().next().is_some() && runs[1].errors().all(told), "{}", runs[1]);
    }
    if !one.nodes().is_empty() {
        // The other saw it gone before it planned, and was asked to make it: it is theirs now, whole.
        assert_eq!(runs[1].code, Some(0), "what failed leaves nothing: {}", runs[1]);
    }
    other.destroy().ok();
    one.assert_nothing_left();
}

//! What is wrong is said at plan time, at the attribute that is wrong, with what to do; and nothing is made.

use acceptance_tests::{Workspace, servers};

use crate::world::{applied, cluster};

/// A good cluster with one line changed or added.
fn with(from: &str, to: &str) -> Workspace {
    let workspace = Workspace::with_provider("");
    let good = cluster("redis", servers::usual("redis").line(), "");
    let text =
        if from.is_empty() { cluster("redis", servers::usual("redis").line(), to) } else { good.replace(from, to) };
    assert_ne!(text, good, "the test changes something");
    workspace.write("main.tf", &text);
    workspace
}

/// The configuration, the attribute that is blamed, the headline, and what the text must say.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

#[test]
fn everything_that_is_known_is_judged_by_validate() {
    let cases: &[Case] = &[
        ("name    = \"cache\"", "name = \"My Cache\"", "name", "", "lowercase"),
        ("name    = \"cache\"", "name = \"\"", "name", "", "1 to 40"),
        ("engine  = \"redis\"", "engine = \"memcached\"", "engine", "", "valkey"),
        ("engine  = \"redis\"", "engine = \"Redis\"", "engine", "", "redis"),
        ("version = \"7.0\"", "version = \"latest\"", "version", "", "7.2"),
        ("version = \"7.0\"", "version = \"9.9\"", "version", "", "9.9"),
        ("memory  = \"64MiB\"", "memory = \"64mb\"", "memory", "", "MiB"),
        ("memory  = \"64MiB\"", "memory = \"lots\"", "memory", "", "256MiB"),
        ("memory  = \"64MiB\"", "memory = \"1MiB\"", "memory", "Amount of memory out of range", "16MiB"),
        ("", "shards = 0", "shards", "Number of shards out of range", "1 to 100"),
        ("", "replicas_per_shard = 6", "replicas_per_shard", "Number of replicas out of range", "0 to 5"),
        ("", "shards = 60\n  replicas_per_shard = 1", "shards", "Too many nodes", "at most 100"),
        ("", "on_crash = \"pray\"", "on_crash", "", "failover"),
        // Terraform shows what is in an object at the resource as a whole, or at an attribute of the resource that has the same name; the
        // path that it is told is tested by the provider's own tests.
        ("", "resources = { cpu = \"many\" }", "", "", "0.5"),
        ("", "resources = { memory = \"64MiB\" }", "memory", "Less memory than the data can need", "can need 320MiB"),
        ("", "resources = { io = { weight = 0 } }", "", "Number out of range", "1 to 10000"),
        ("", "config = { \"maxmemory-polcy\" = \"allkeys-lru\" }", "config", "", "maxmemory-policy"),
        ("", "config = { \"port\" = \"6379\" }", "config", "not yours to set", "port"),
        ("", "config = { \"requirepass\" = \"x\" }", "config", "not yours to set", "requirepass"),
        ("", "config = { \"maxmemory\" = \"1gb\" }", "config", "not yours to set", "memory"),
        (
            "",
            "config = { \"maxmemory-policy\" = \"sometimes\" }",
            "config",
            "Configuration value not valid",
            "allkeys-lru",
        ),
    ];
    // One run of Terraform for each costs more than all the rest: they are independent, so they run side by side.
    std::thread::scope(|scope| {
        for chunk in cases.chunks(cases.len().div_ceil(2)) {
            scope.spawn(move || chunk.iter().for_each(judge));
        }
    });
}

fn judge((from, to, attribute, summary, says): &Case) {
    let workspace = with(from, to);
    let run = workspace.validate().fails();
    let found = run.errors().find(|error| {
        // An entry of a map is blamed as `config.name`.
        error.attribute.split('.').next() == Some(attribute) && error.summary.contains(summary)
    });
    let error = found.unwrap_or_else(|| panic!("{to}: no error {summary:?} at {attribute:?}\n{run}"));
    assert!(format!("{} {}", error.summary, error.detail).contains(says), "{to}: {says:?} is not in {error:#?}");
}

#[test]
fn no_platform_is_an_error_that_says_which_there_are() {
    let run = with("local   = {}", "").validate().fails();
    let error = run.errors().next().expect("an error");
    assert_eq!(error.summary, "No platform");
    assert!(error.detail.contains("local = {}"), "{error:#?}");
}

#[test]
fn a_release_that_is_not_offered_is_refused_by_the_plan() {
    let run = with("version = \"7.0\"", "version = \"6.2\"").plan().fails();
    let error = run.errors().find(|error| error.attribute == "version").unwrap_or_else(|| panic!("{run}"));
    assert!(error.detail.contains("7.0"), "says what is offered: {error:#?}");
}

#[test]
fn a_platform_that_this_release_does_not_know_is_an_error() {
    let run = with("", "gcp = { region = \"europe-west3\" }").validate().fails();
    assert!(run.errors().any(|error| error.summary.contains("Unsupported argument")), "{run}");
}

#[test]
fn values_that_are_not_known_yet_are_judged_when_they_are() {
    let workspace = Workspace::with_provider("");
    let text = cluster("redis", "7.0", "").replace("\"64MiB\"", "terraform_data.size.output");
    workspace.write("main.tf", &format!("resource \"terraform_data\" \"size\" {{\n  input = \"1MiB\"\n}}\n{text}"));
    workspace.validate().ok();
    workspace.plan().ok();
    workspace.apply().fails().error("memory", "Amount of memory out of range");
    assert_eq!(workspace.nodes(), Vec::<std::path::PathBuf>::new(), "nothing was made");
    // By now the value is known, so that not even a destroy could be planned with this configuration.
    workspace.write("main.tf", "");
    workspace.apply().ok();
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_cluster_that_has_it_is_not_touched() {
    let workspace = applied("redis");
    let second = cluster("redis", "7.0", "")
        .replace("\"justmanage_redis_cluster\" \"cache\"", "\"justmanage_redis_cluster\" \"other\"");
    workspace.write("other.tf", &second);
    let run = workspace.apply().fails();
    assert!(run.error("name", "Cluster exists already").detail.contains("terraform import"), "{run}");
    crate::world::login(&workspace).connect().expect("the first one serves");
    std::fs::remove_file(workspace.config().join("other.tf")).expect("remove");
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn changes_that_cannot_be_made_are_refused_by_the_plan_and_nothing_is_replaced() {
    let workspace = applied("redis");
    let file = workspace.config().join("main.tf");
    let good = std::fs::read_to_string(&file).expect("configuration");
    let (from, to) = ("name    = \"cache\"", "name = \"other\"");
    let changed = good.replace(from, to);
    assert_ne!(changed, good);
    workspace.write("main.tf", &changed);
    workspace.plan().fails().error("name", "Change not possible in place");
    workspace.write("main.tf", &good);
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

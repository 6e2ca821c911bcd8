//! Packages of the machines' distribution: which one a version means, and what is said where there is none.

use justmanage_core::artefacts::{Artefacts, Choice, Source};
use justmanage_model::{ClusterSpec, Engine, FieldPath};
use justmanage_platforms::{Offer, Package};

use crate::world::{World, shape};

const OLD: &str = "5:7.0.15-1~deb12u6";
const NEW: &str = "5:7.0.15-1~deb12u7";
const LATER: &str = "5:7.0.16-1";

fn offer(machine: &str, revisions: &[&str]) -> Offer {
    let package = |revision: &&str| Package::of(Engine::Redis, revision).expect("a package");
    Offer { machine: machine.to_owned(), packages: Ok(revisions.iter().map(package).collect()) }
}

fn distribution(engine: Option<Engine>) -> Artefacts {
    Artefacts::new(vec![Source::Distribution { engine }])
}

fn spec(version: &str) -> ClusterSpec {
    ClusterSpec { version: version.parse().expect("a version"), ..shape(1, 0) }
}

#[tokio::test]
async fn the_newest_that_all_machines_have_is_meant_and_installed() {
    let world = World::default();
    let both: &[&str] = &[NEW, OLD];
    // The machines have 7.0.11 and 7.0.15 on their search path.
    for (offers, version, meant) in [
        (vec![offer("a", both), offer("b", both)], "7.0", Some(NEW)),
        (vec![offer("a", both), offer("b", &[OLD])], "7.0", Some(OLD)),
        (vec![offer("a", &[LATER, NEW]), offer("b", &[NEW])], "7.0", Some(NEW)),
        (vec![offer("a", &[LATER, NEW]), offer("b", &[LATER, NEW])], "7.0", Some(LATER)),
        (vec![offer("a", &[LATER, NEW]), offer("b", &[LATER, NEW])], "7.0.15", Some(NEW)),
        (vec![offer("a", &[NEW]), offer("b", &[OLD])], "7.0", None),
        (
            vec![offer("a", both), Offer { machine: "b".to_owned(), packages: Err("It has no apt.".into()) }],
            "7.0",
            None,
        ),
        (vec![], "7.0", None),
    ] {
        world.inside().offers = offers.clone();
        let choice = distribution(None).choose(&world, &spec(version)).await.expect("there is one");
        let installs = match choice {
            Choice::Install(package) => Some(package.revision.as_str().to_owned()),
            _ => None,
        };
        assert_eq!(installs.as_deref(), meant, "{version} of {offers:?}");
    }
    world.inside().offers = vec![offer("a", both), offer("b", both)];
    let (release, program) = distribution(None).obtain(&world, &spec("7.0"), None).await.expect("installed");
    assert_eq!(release.to_string(), format!("redis 7.0.15 ({NEW})"));
    assert_eq!(program.server().to_str(), Some("/kept/redis-tools/redis-server"));
    for artefacts in [Artefacts::default(), distribution(Some(Engine::Valkey))] {
        let choice = artefacts.choose(&world, &spec("7.0")).await.expect("there is one");
        assert!(matches!(choice, Choice::Present(_)), "nobody asked for that: {choice:?}");
    }
}

#[tokio::test]
async fn what_is_missing_is_said_of_each_machine() {
    let world = World::default();
    let nothing = Offer { machine: "c".to_owned(), packages: Err("It has no apt.".into()) };
    world.inside().offers = vec![offer("a", &[NEW, OLD]), offer("b", &[]), nothing];
    let failure = distribution(None).choose(&world, &spec("7.2")).await.expect_err("nobody has it");
    assert_eq!((failure.about, failure.summary.as_str()), (FieldPath::of("version"), "Server program not found"));
    for line in [
        "version 7.2".to_owned(),
        format!("\na: its package index has redis-tools {NEW}, {OLD}."),
        "\nb: its package index has no redis-tools.".to_owned(),
        "\nc: It has no apt.".to_owned(),
    ] {
        assert!(failure.detail.contains(&line), "{line:?} is not in {}", failure.detail);
    }
    assert!(failure.hint.is_some_and(|hint| hint.contains("apt-get update")));
}

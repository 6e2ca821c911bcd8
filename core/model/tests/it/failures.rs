//! Failures, paths, secrets, reasons.

use justmanage_model::{
    ClusterName, Failure, FieldPath, FieldStep, NodeId, Observation, Secret, Seen, ServerState, Waiting,
};

use crate::{fault, survives_json};

#[test]
fn paths_read_like_references() {
    for (path, text) in [
        (FieldPath::root(), ""),
        (FieldPath::of("memory"), "memory"),
        (FieldPath::of("config").key("maxmemory-policy"), "config[\"maxmemory-policy\"]"),
        (FieldPath::of("nodes").index(0).attribute("address"), "nodes[0].address"),
        (FieldPath::of("config").key("a\"b"), "config[\"a\\\"b\"]"),
    ] {
        assert_eq!(path.to_string(), text);
        assert_eq!(path.is_root(), path.steps().is_empty());
        survives_json(&path);
    }
    assert_eq!(FieldPath::of("a").index(2).steps()[1], FieldStep::Index(2));
}

#[test]
fn failures_read_as_a_paragraph() {
    let failure = Failure::at(FieldPath::of("memory"), "Too little", "8MiB was asked for.")
        .hint("Ask for more.")
        .next("Nothing was made.");
    assert_eq!(failure.to_string(), "memory: Too little: 8MiB was asked for. Ask for more. Nothing was made.");
    assert_eq!(Failure::new("Gone", "It is gone.").to_string(), "Gone: It is gone.");
    survives_json(&failure);
    let name = fault::<ClusterName>("A").at(FieldPath::of("name"));
    assert_eq!((name.about.to_string().as_str(), name.summary.as_str()), ("name", "Cluster name not valid"));
    assert!(name.hint.is_some());
}

#[test]
fn secrets_do_not_print() {
    let secret = Secret::new("sesame".to_owned());
    assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    assert_eq!(secret.expose(), "sesame");
    assert_eq!(secret.into_exposed(), "sesame");
}

#[test]
fn reasons_survive_json_and_are_sentences() {
    let node = NodeId::from_entropy([1; 10]);
    let since = "2026-11-21T04:00:00Z".parse().unwrap();
    let why = "no answer.".to_owned();
    let reasons = [
        Waiting::NodeUnknown { node, since, why: why.clone() },
        Waiting::ServerStarting { node, since },
        Waiting::RestartBackoff { node, retry_at: since, why: why.clone() },
        Waiting::ServerHung { node, since },
        Waiting::OtherRelease { node, running: "redis 7.0.15".to_owned(), wanted: "redis 7.2.0".to_owned() },
        Waiting::ClusterNotOk { node },
        Waiting::MembersMissing { have: 1, want: 3 },
        Waiting::Stuck { what: "It is stuck.".to_owned(), since, hint: "Push it.".to_owned() },
    ];
    for reason in reasons {
        // Numbers and moments too: JSON is read with exact numbers here.
        survives_json(&reason);
        let text = reason.to_string();
        assert!(text.ends_with('.') && text.starts_with(|c: char| c.is_uppercase()), "{text}");
    }
}

#[test]
fn unknown_is_not_absent() {
    let node = NodeId::from_entropy([1; 10]);
    let since = "2026-11-21T04:00:00Z".parse().unwrap();
    let mut observation = Observation::default();
    assert_eq!(observation.known(node), None);
    observation.nodes.insert(node, Seen::Unknown { since, why: "no answer".to_owned() });
    assert_eq!(observation.known(node), None);
    let state = ServerState::Down { since, failures: 3, retry_at: since, why: "killed".to_owned() };
    let seen = justmanage_model::NodeObservation { agent_version: "0.1.0".to_owned(), settled: None, server: state };
    observation.nodes.insert(node, Seen::Known(seen.clone()));
    assert_eq!(observation.known(node), Some(&seen));
    survives_json(&observation);
}

//! Failures, paths, secrets, reasons.

use jiff::SignedDuration;
use justmanage_model::{
    AskedFailover, ClusterName, Failure, FieldPath, FieldStep, LastRole, NodeId, NodeObservation, Observation,
    ProbeTally, Proof, Secret, Seen, ServerState, Timestamp, Waiting,
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
    let last = LastRole { primary: true, persistent: true, replicas: vec![], config_epoch: 3, at: since };
    let asked = AskedFailover { of: node, at: since, answer: Err("it has not come far enough".to_owned()) };
    let seen = NodeObservation {
        agent_version: "0.1.0".to_owned(),
        settled: None,
        server: state,
        last: Some(last),
        promoted: Some(since),
        asked: Some(asked),
        handover: None,
        severed: Some(since),
        at: None,
        program: None,
        unfit: false,
        trouble: None,
        limits: vec![],
        probe: None,
        moving: None,
        weights: None,
        backup: None,
        offer: None,
        fetched: None,
        ahead_s: 0,
    };
    observation.nodes.insert(node, Seen::Known(seen.clone()));
    assert_eq!(observation.known(node), Some(&seen));
    survives_json(&observation);
}

#[test]
fn moments_by_one_clock_are_moments_by_another() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let last = LastRole { primary: true, persistent: true, replicas: vec![], config_epoch: 3, at: at(10) };
    let asked = AskedFailover { of: NodeId::from_entropy([1; 10]), at: at(20), answer: Ok(()) };
    let mut before = NodeObservation {
        agent_version: "0.1.0".to_owned(),
        settled: None,
        server: ServerState::Down { since: at(30), failures: 1, retry_at: at(40), why: "killed".to_owned() },
        last: Some(last),
        promoted: Some(at(50)),
        asked: Some(asked),
        handover: None,
        severed: Some(at(60)),
        at: None,
        program: None,
        unfit: false,
        trouble: None,
        limits: vec![],
        probe: Some(ProbeTally {
            began: at(70),
            ended: Some(at(80)),
            ready: true,
            checked: None,
            proof: Proof::default(),
        }),
        moving: None,
        weights: None,
        backup: None,
        offer: None,
        fetched: None,
        ahead_s: 0,
    };
    let after = before.clone().shifted(SignedDuration::from_secs(5));
    let ServerState::Down { since, retry_at, .. } = &after.server else { panic!("{after:?}") };
    assert_eq!([*since, *retry_at], [at(35), at(45)]);
    assert_eq!(after.last.as_ref().map(|last| last.at), Some(at(15)));
    assert_eq!(after.asked.as_ref().map(|asked| asked.at), Some(at(25)));
    assert_eq!(after.promoted, Some(at(55)));
    assert_eq!(after.probe.map(|probe| (probe.began, probe.ended)), Some((at(75), Some(at(85)))));
    assert_eq!(after.severed, Some(at(60)), "a takeover's own moment, by whose clock it may be");
    before.server = ServerState::Hung { since: at(30) };
    let after = before.shifted(SignedDuration::from_secs(-5));
    assert_eq!(after.server, ServerState::Hung { since: at(25) });
}

//! Identities as Terraform 1.12 asks for them: the same for life, attached to every answer; import by them.

use tfkit::{
    Diagnostic, Path, Value,
    testing::{Host, HostError, State},
};

use crate::kitchen::{at, kitchen};
use crate::support::directory;

const JAR: &str = "kitchen_jar";

pub fn jar(more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let required = [("shelf", Value::from("top")), ("name", "plums".into())];
    Value::object(required.into_iter().chain(more))
}

/// The identity of a jar.
pub fn identity(shelf: &str, name: &str) -> Value {
    Value::object([("shelf", Value::from(shelf)), ("name", name.into()), ("kitchen", "main".into())])
}

/// The only error of a call.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(answer: Result<T, HostError>) -> Diagnostic {
    match answer {
        Err(HostError::Diagnostics(diagnostics)) => {
            let mut errors = diagnostics.into_iter();
            let first = errors.next().unwrap();
            assert_eq!(errors.next(), None);
            first
        }
        other => panic!("no error, but {other:?}"),
    }
}

async fn made(host: &mut Host, more: impl IntoIterator<Item = (&'static str, Value)>) -> State {
    host.create(JAR, &jar(more)).await.unwrap()
}

#[tokio::test]
async fn an_identity_goes_with_every_answer_and_stays_for_life() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let state = made(&mut host, []).await;
    assert_eq!(state.identity, identity("top", "plums"));
    let state = host.read(JAR, &state).await.unwrap().unwrap();
    let state = host.update(JAR, &state, &jar([("content", "jam".into())])).await.unwrap();
    assert_eq!(state.identity, identity("top", "plums"));

    // Stored by a Terraform that knows of no identities: the next refresh brings it.
    let old = State { identity: Value::Null, ..state.clone() };
    assert!(host.plan(JAR, Some(&old), &jar([("content", "jam".into())])).await.unwrap().is_empty());
    assert_eq!(host.read(JAR, &old).await.unwrap().unwrap().identity, state.identity);

    // Another place is another jar.
    let moved = Value::object([("shelf", "low".into()), ("name", "plums".into())]);
    let plan = host.plan(JAR, Some(&state), &moved).await.unwrap();
    assert_eq!(plan.replace, [Path::attribute("shelf")]);
    let moved = host.apply(&plan).await.unwrap().state.unwrap();
    assert_eq!(moved.identity, identity("low", "plums"));
    host.destroy(JAR, &moved).await.unwrap();
    assert_eq!(host.read(JAR, &moved).await.unwrap(), None);
    // A type without an identity has none.
    let dish = host.create("kitchen_dish", &Value::object([("name", "soup".into())])).await.unwrap();
    assert!(dish.identity.is_null());
}

#[tokio::test]
async fn an_author_whose_identities_change_is_told_so() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let faulty = [("fault", "identity changes".into()), ("content", "top".into())];
    let state = made(&mut host, faulty).await;
    assert_eq!(state.identity, identity("top", "plums"));

    // In a plan.
    let error = refused(host.plan(JAR, Some(&state), &jar([("fault", "identity changes".into())])).await);
    assert_eq!((error.summary.as_str(), &error.path), ("Provider bug", &Path::root()));
    assert!(
        error.detail.contains("identity after the plan of kitchen_jar") && error.detail.contains("shelf: "),
        "{error:?}"
    );

    // In a read: what was known stays.
    let file = directory.path().join("files/jar-top.plums.json");
    std::fs::write(&file, r#"{"content": "elsewhere", "fault": "identity changes"}"#).unwrap();
    let error = refused(host.read(JAR, &state).await);
    assert!(error.detail.contains("identity after the read"), "{error:?}");

    // No identity where one must be: an error of the apply, with the state that is there.
    for (fault, summary) in [("no identity", "Provider bug"), ("identity panics", "Provider panicked")] {
        let plan = host.plan(JAR, None, &jar([("fault", fault.into())])).await;
        if fault == "identity panics" {
            assert_eq!(refused(plan).summary, summary);
            continue;
        }
        let applied = host.apply(&plan.unwrap()).await.unwrap();
        assert_eq!(applied.diagnostics.iter().next().unwrap().summary, summary, "{fault}");
        assert!(applied.state.unwrap().identity.is_null(), "{fault}");
    }
}

#[tokio::test]
async fn what_exists_is_imported_by_its_identity_and_by_its_id() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let state = made(&mut host, [("content", "jam".into())]).await;
    let by_id = host.import(JAR, "top/plums").await.unwrap();
    let whole = identity("top", "plums");
    let parts = Value::object([("shelf", Value::from("top")), ("name", "plums".into())]);
    for asked in [whole, parts] {
        let imported = host.import_identity(JAR, &asked).await.unwrap();
        assert_eq!((&imported.value, &imported.identity), (&by_id.value, &by_id.identity));
        assert_eq!(imported.identity, state.identity, "what may be left out is there now");
        assert!(host.plan(JAR, Some(&imported), &jar([("content", "jam".into())])).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_import_by_an_identity_that_names_nothing_says_why() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    made(&mut host, []).await;
    let of =
        |parts: &[(&'static str, &str)]| Value::object(parts.iter().map(|(name, text)| (*name, Value::from(*text))));
    for (asked, summary, says) in [
        (of(&[("shelf", "top")]), "Identity not complete", "lacks `name`"),
        (of(&[]), "Identity not complete", "lacks `shelf` and `name`"),
        (of(&[("shelf", "top"), ("name", "a/b")]), "Attribute value not accepted", "give the name only"),
        (of(&[("shelf", "top"), ("name", "plums"), ("kitchen", "other")]), "No such kitchen", "only `main`"),
        (of(&[("shelf", "top"), ("name", "pears")]), "No such jar", "SHELF/NAME"),
    ] {
        let error = refused(host.import_identity(JAR, &asked).await);
        assert_eq!(error.summary, summary, "{asked:?}");
        assert!(error.detail.contains(says), "{error:?}");
    }
}

#[tokio::test]
async fn a_stored_identity_is_brought_to_the_current_version() {
    let directory = directory();
    // Before ConfigureProvider.
    let launch = crate::support::launch_program(crate::support::built("kitchen"), directory.path());
    let mut host = launch.start().await.unwrap();
    let current = host.upgrade_identity(JAR, 1, r#"{"shelf": "top", "name": "plums", "gone": 1}"#).await.unwrap();
    assert_eq!((at(&current, "shelf"), at(&current, "kitchen")), (&"top".into(), &Value::Null));
    let upgraded = host.upgrade_identity(JAR, 0, r#"{"place": "top/plums"}"#).await.unwrap();
    assert_eq!(upgraded, current);
    for (version, stored, summary) in [
        (2, "{}", "State written by a newer provider"),
        (0, "{}", "Identity damaged"),
        (1, "{", "State not readable"),
        (1, r#"{"shelf": ["secret"]}"#, "State not readable"),
    ] {
        let error = refused(host.upgrade_identity(JAR, version, stored).await);
        assert_eq!(error.summary, summary, "{stored}");
        assert!(error.detail.contains("identity of this kitchen_jar") || version == 0, "{error:?}");
        assert!(!error.detail.contains("secret"), "{error:?}");
    }
    let error = refused(host.upgrade_identity("kitchen_dish", 0, "{}").await);
    assert_eq!(error.summary, "Type has no identity");
}

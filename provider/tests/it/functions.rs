//! Functions of Terraform's language, called as Terraform calls them: twice, since they are pure.

use tfkit::Value;
use tfkit::testing::HostError;

use crate::world::World;

/// What is said of a call that fails, and which argument is to blame.
fn blamed(answer: Result<Value, HostError>) -> (String, Option<usize>) {
    match answer {
        Err(HostError::Function(text, position)) => (text, position),
        other => panic!("no failure, but {other:?}"),
    }
}

#[tokio::test]
async fn openings_are_computed_and_faults_blamed_on_their_argument() {
    let mut world = World::new().await;
    let asked = |line: &str, count: i64| [Value::list([line]), "2026-11-21T00:00:00Z".into(), count.into()];
    let found = world.host.call("next_openings", &asked("Sun 02:00-03:00 Asia/Kolkata", 1)).await.expect("openings");
    let opening = [("start", Value::from("2026-11-22T02:00:00+05:30")), ("end", "2026-11-22T03:00:00+05:30".into())];
    assert_eq!(found, Value::List(vec![Value::object(opening)]));

    let (text, position) = blamed(world.host.call("next_openings", &asked("Sun 02:00-03:00 IST", 1)).await);
    assert!(position == Some(0) && text.contains("\"Asia/Kolkata\", \"Europe/Dublin\""), "{text}");
    let (text, position) = blamed(world.host.call("next_openings", &asked("Sun 02:00-03:00 UTC", 0)).await);
    assert!(position == Some(2) && text.contains("1 to 100"), "{text}");
    let later = [Value::list(["Sun 02:00-03:00 UTC"]), Value::unknown(), 1.into()];
    assert!(world.host.call("next_openings", &later).await.expect("later").is_unknown());
}

#[tokio::test]
async fn an_address_is_put_together() {
    let mut world = World::new().await;
    let uri = |password: Value| ["127.0.0.1:21000".into(), Value::from("app"), password];
    let bare = world.host.call("connection_uri", &uri(Value::Null)).await.expect("an address");
    assert_eq!(bare, "rediss://app@127.0.0.1:21000".into());
    let mut more = uri("p@ss".into()).to_vec();
    more.push(Value::map([("protocol", Value::from("3"))]));
    let full = world.host.call("connection_uri", &more).await.expect("an address");
    assert_eq!(full, "rediss://app:p%40ss@127.0.0.1:21000?protocol=3".into());
    let (_, position) = blamed(world.host.call("connection_uri", &["cache".into(), "app".into(), Value::Null]).await);
    assert_eq!(position, Some(0));
}

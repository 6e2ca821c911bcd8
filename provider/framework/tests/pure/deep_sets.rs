//! Sets in sets: a message of a few hundred bytes must not keep a processor for years.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tfkit::check::applied;
use tfkit::schema::{Attribute, Block, Schema};
use tfkit::wire::msgpack;
use tfkit::{Type, Value};

/// Close to the deepest that is read.
const DEPTH: usize = 90;

/// Does it, in time. Work that doubles with each level would not be done in this one's.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    done.recv_timeout(Duration::from_secs(20)).expect("it takes no time")
}

/// A set of a set of a set of it.
fn chain(bottom: Value) -> Value {
    (0..DEPTH).fold(bottom, |inner, _| Value::Set(vec![inner]))
}

/// The same with an empty set beside each inner one, in either order.
fn branching(bottom: Value, empty_first: bool) -> Value {
    (1..DEPTH).fold(Value::Set(vec![bottom]), |inner, _| {
        let mut elements = vec![inner, Value::Set(vec![])];
        if empty_first {
            elements.reverse();
        }
        Value::Set(elements)
    })
}

fn ty() -> Type {
    (0..DEPTH).fold(Type::String, |inner, _| Type::set(inner))
}

#[test]
fn sets_in_sets_are_compared_in_time() {
    for (one, same, other) in [
        (chain("a".into()), chain("a".into()), chain("b".into())),
        (branching("a".into(), false), branching("a".into(), true), branching("b".into(), false)),
        (branching("a".into(), false), branching("a".into(), true), branching("b".into(), true)),
        (chain(Value::unknown()), chain(Value::Unknown(tfkit::Refinement::not_null())), chain(Value::Null)),
    ] {
        assert!(in_time(move || one.same(&same) && !one.same(&other) && !other.same(&one)));
    }
}

#[test]
fn sets_in_sets_are_read_in_time() {
    let pair = Value::Set(vec![chain("a".into()), chain("b".into())]);
    let message = msgpack::encode(&Value::dynamic(Type::set(ty()), pair.clone()), &Type::Dynamic).unwrap();
    assert!(message.len() < 1500, "{} bytes", message.len());
    let read = in_time(move || msgpack::decode(&message, &Type::Dynamic).unwrap());
    assert_eq!(read, Value::dynamic(Type::set(ty()), pair));
}

#[test]
fn sets_in_sets_are_held_against_their_plan_in_time() {
    let schema = || Schema { version: 0, block: Block::new([Attribute::plain("any", Type::Dynamic).optional()]) };
    let any = |value: Value| Value::object([("any", Value::dynamic(ty(), value))]);
    let (planned, new) = (any(chain(Value::unknown())), any(chain("a".into())));
    assert_eq!(in_time(move || applied(&schema(), &planned, &new)), []);
    let (planned, new) = (any(branching(Value::unknown(), false)), any(branching("a".into(), true)));
    assert_eq!(in_time(move || applied(&schema(), &planned, &new)), []);
    let (planned, new) = (any(branching("a".into(), false)), any(branching("b".into(), true)));
    assert_eq!(in_time(move || applied(&schema(), &planned, &new)).len(), 1);
}

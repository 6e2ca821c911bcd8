//! Durations as users write them, and whose timeout holds.

use super::*;

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, millis) in [
        ("30s", 30_000),
        ("1h30m", 5_400_000),
        ("1.5h", 5_400_000),
        (".5s", 500),
        ("1.s", 1_000),
        ("+2m", 120_000),
        ("1m1m", 120_000),
        ("1500ms", 1_500),
        ("2000000us", 2_000),
        ("2000000µs", 2_000),
        ("0h1s", 1_000),
        ("0.1234567890123456789h", 444_444),
    ] {
        assert_eq!(parse(text).map(|found| found.as_millis()), Ok(millis), "{text}");
    }
    for (text, problem) in [
        ("", "The duration is empty."),
        ("0s", "The duration is empty."),
        ("-5m", "The duration is negative."),
        ("30", "\"30\" has no unit."),
        ("30 m", "\" m\" is no unit of time."),
        ("1d", "\"d\" is no unit of time."),
        ("m", "\"\" is no number, or too large."),
        ("1.2.3s", "\"1.2.3\" is no number, or too large."),
        (".s", "\".\" is no number, or too large."),
        ("99999999999999h", "\"99999999999999\" is no number, or too large."),
        ("forever", "\"forever\" is no unit of time."),
    ] {
        assert_eq!(parse(text), Err(problem.to_owned()), "{text}");
    }
}

#[test]
fn durations_are_shown_as_users_write_them() {
    for text in ["20m", "1h30m", "1h1s", "45s", "250ms", "2s250ms"] {
        assert_eq!(shown(parse(text).expect("a duration")), text);
    }
    assert_eq!(shown(Duration::ZERO), "0ms");
}

fn thing(create: Option<&str>) -> Value {
    let timeouts = create.map_or(Value::Null, |text| Value::object([("create", Value::from(text))]));
    Value::object([("name", "a".into()), (NAME, timeouts)])
}

#[test]
fn the_users_timeout_holds_else_the_default() {
    let limits = Limits { create: Duration::from_secs(60), ..Limits::all(Duration::from_secs(7)) };
    let of = |operation, object| Deadline::of(operation, Some(limits), object).expect("there is one");
    let [given, not] = [thing(Some("2m")), thing(None)];
    assert_eq!(of(Operation::Create, &given).limit, Duration::from_secs(120));
    assert_eq!(of(Operation::Create, &not).limit, Duration::from_secs(60));
    assert_eq!(of(Operation::Read, &given).limit, Duration::from_secs(7));
    assert_eq!(Deadline::of(Operation::Create, None, &given), None);

    let said = of(Operation::Create, &given).passed();
    assert_eq!(said.path.to_string(), "timeouts.create");
    assert!(said.detail.contains("within 2m, as timeouts.create says"), "{}", said.detail);
    let said = of(Operation::Delete, &not).passed();
    assert_eq!(said.path.to_string(), "");
    assert!(said.detail.contains("within 7s, the default"), "{}", said.detail);
    assert!(said.detail.contains("timeouts = { delete ="), "{}", said.detail);
}

#[test]
fn timeouts_alone_differ_or_not() {
    let other = Value::object([("name", "b".into()), (NAME, Value::Null)]);
    for (prior, planned, expected) in [
        (thing(None), thing(Some("1m")), true),
        (thing(Some("2m")), thing(Some("1m")), true),
        (thing(Some("1m")), thing(None), true),
        (thing(Some("1m")), thing(Some("1m")), false),
        (thing(Some("1m")), other.clone(), false),
        (thing(None), other, false),
        (Value::Null, thing(None), false),
        (thing(None), Value::Null, false),
    ] {
        assert_eq!(alone(&prior, &planned), expected, "{prior:?} {planned:?}");
    }
    assert_eq!(taken_from(&thing(Some("1m")), &thing(None)), thing(Some("1m")));
}

//! Spans of time as people write them.

use justmanage_model::Interval;
use justmanage_model::interval::INTERVAL_MAX;
use proptest::prelude::*;

use crate::{fault, is_spelt};

#[test]
fn spans_are_read_and_written_in_one_spelling() {
    for text in ["0s", "5s", "90s", "1m", "24h", "1h30m", "7d", "1d12h", "1d1h1m1s"] {
        let parsed: Interval = text.parse().unwrap();
        is_spelt::<Interval>(&parsed.to_string());
    }
    for (text, seconds) in [("0s", 0), ("0d0h", 0), ("24h", 86_400), ("1d", 86_400), ("1h30m", 5400), ("90m", 5400)] {
        assert_eq!(text.parse::<Interval>().unwrap().duration().as_secs(), seconds, "{text}");
    }
    assert_eq!("24h".parse::<Interval>().unwrap().to_string(), "1d");
    assert_eq!("5400s".parse::<Interval>().unwrap().to_string(), "1h30m");
}

#[test]
fn what_is_no_span_is_named() {
    for (text, said) in [
        ("", "The text is empty"),
        ("5", "\"5\" in \"5\" has no unit"),
        ("h", "does not begin with a whole number"),
        ("-5s", "does not begin with a whole number"),
        ("1.5h", "\".\" in \"1.5h\" is not a unit"),
        ("5 s", "\" \" in \"5 s\" is not a unit"),
        ("5min", "\"in\" in \"5min\" does not begin"),
        ("5ms", "\"s\" in \"5ms\" does not begin"),
        ("30m1h", "\"h\" in \"30m1h\" is in the wrong place"),
        ("1h1h", "is in the wrong place"),
        ("5y", "\"y\" in \"5y\" is not a unit"),
        ("40000d", "more than a hundred years"),
        ("99999999999999999999s", "more than a hundred years"),
    ] {
        let fault = fault::<Interval>(text).to_string();
        assert!(fault.contains(said), "{text:?}: {fault}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(seconds in 0..=INTERVAL_MAX) {
        let span = Interval::seconds(seconds);
        prop_assert_eq!(span.to_string().parse::<Interval>().unwrap(), span);
        prop_assert_eq!(span.duration().as_secs(), seconds);
    }
}

//! Events in, lines out.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::{Level, debug, error, info, info_span};

use super::*;

fn lines(level: LevelFilter, act: impl FnOnce()) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    let write = move |line: &str| sink.lock().unwrap().push(line.to_owned());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(JsonLines { level, write }), act);
    Arc::try_unwrap(lines).unwrap().into_inner().unwrap()
}

fn parsed(act: impl FnOnce()) -> Value {
    let lines = lines(LevelFilter::TRACE, act);
    let [line] = lines.as_slice() else { panic!("one line, not {lines:?}") };
    assert_eq!(line.matches('\n').count(), 1);
    serde_json::from_str(line).unwrap()
}

#[test]
fn an_event_has_the_keys_of_terraform_and_the_fields_of_its_spans() {
    let line = parsed(|| {
        let _outer = info_span!("apply", cluster = "jmc1", generation = 3, node = tracing::field::Empty).entered();
        let inner = info_span!("step", node = "a");
        inner.record("node", "b");
        let _inner = inner.entered();
        error!(ready = false, share = 0.5, lost = f64::NAN, generation = 4_u64, "restart {}", "refused");
    });
    let own = ["@level", "@message", "@module"].map(|key| line[key].as_str().unwrap().to_owned());
    assert_eq!(own, ["error", "restart refused", "tfkit::plugin::log::tests"]);
    let time = line["@timestamp"].as_str().unwrap();
    assert_eq!((time.len(), &time[19..20], &time[26..]), (27, ".", "Z"));
    for (key, value) in [
        ("cluster", json!("jmc1")),
        ("generation", json!(4)),
        ("node", json!("b")),
        ("ready", json!(false)),
        ("share", json!(0.5)),
        ("lost", json!("NaN")),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
}

#[test]
fn the_keys_of_terraform_are_strings_whatever_is_logged() {
    let line = parsed(|| info!(message = 5, "@level" = 1, "@timestamp" = 2.0, "@module" = true));
    for key in ["@message", "@level", "@timestamp", "@module"] {
        assert!(line[key].is_string(), "{key}: {line}");
    }
    assert_eq!(line["@message"], "5");
    assert_eq!((&line["level"], &line["module"]), (&json!(1), &json!(true)));
}

#[test]
fn long_lines_are_cut_below_the_buffer_of_the_reader() {
    let long = "ü".repeat(100_000);
    let line = lines(LevelFilter::TRACE, || info!(a = long, b = long, c = long, "{long}")).remove(0);
    assert!(line.len() < 64 << 10, "{}", line.len());
    let line: Value = serde_json::from_str(&line).unwrap();
    assert!(line["@message"].as_str().unwrap().ends_with("ü [cut: 200000 bytes]"));
    // Control characters take six bytes each in JSON.
    let dense = "\u{1}".repeat(8_000);
    let line = lines(LevelFilter::TRACE, || info!(a = dense, b = dense, "short")).remove(0);
    assert!(line.len() < 64 << 10, "{}", line.len());
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["@message"], &line["left_out"]), (&json!("short"), &json!("a b")));
}

#[test]
fn the_level_and_the_transport_filter() {
    let lines = lines(LevelFilter::INFO, || {
        debug!("not asked for");
        info!("asked for");
        info!(target: "h2::codec", "a header");
        tracing::event!(target: "rustls::conn", Level::WARN, "trouble");
        info!(target: "h2o", "another crate");
    });
    let messages: Vec<Value> =
        lines.iter().map(|l| serde_json::from_str::<Value>(l).unwrap()["@message"].clone()).collect();
    assert_eq!(messages, ["asked for", "trouble", "another crate"]);
}

#[test]
fn the_environment_is_read_as_terraform_reads_it() {
    let table: [(&[(&str, &str)], LevelFilter); 9] = [
        (&[], LevelFilter::OFF),
        (&[("TF_LOG", "")], LevelFilter::OFF),
        (&[("TF_LOG", "off")], LevelFilter::OFF),
        (&[("TF_LOG", "info")], LevelFilter::INFO),
        (&[("TF_LOG", "JSON")], LevelFilter::TRACE),
        (&[("TF_LOG", "nonsense")], LevelFilter::TRACE),
        (&[("TF_LOG_CORE", "TRACE")], LevelFilter::OFF),
        (&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "WARN")], LevelFilter::WARN),
        (&[("TF_LOG_PROVIDER", "WARN"), ("TF_LOG_PROVIDER_JUST_MANAGE", "DEBUG")], LevelFilter::DEBUG),
    ];
    for (environment, expected) in table {
        let var = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into());
        assert_eq!(level("just-manage", var), expected, "{environment:?}");
    }
}

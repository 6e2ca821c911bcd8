//! One log line.
//!
//! Terraform 1.11 panics itself if `@message`, `@level` or `@timestamp` is not a JSON string, takes a line with another
//! form of the time as plain text, and cuts lines that are longer than its buffer. Source: hashicorp/go-plugin,
//! log_entry.go and client.go.

use std::{error::Error, fmt, time::SystemTime};

use serde_json::{Map, Value};
use tracing::{
    Metadata,
    field::{Field, Visit},
};

/// Greatest line. The reader's buffer has 64 KiB.
const LINE_LIMIT: usize = 60 << 10;

/// Greatest string in a line: several of them still fit.
const STRING_LIMIT: usize = 8 << 10;

/// Fields of a span or an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Fields {
    /// Takes over the fields of an outer span.
    pub(super) fn extend(&mut self, other: &Fields) {
        self.rest.extend(other.rest.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    fn put(&mut self, field: &Field, value: Value) {
        // A name with an at-sign belongs to the line itself.
        self.rest.insert(field.name().trim_start_matches('@').to_owned(), value);
    }

    fn put_text(&mut self, field: &Field, text: String) {
        if field.name() == "message" {
            self.message = cut(text);
        } else {
            self.put(field, cut(text).into());
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        self.put_text(field, text);
    }
}

/// Cuts a string that is too long, and says so.
fn cut(mut text: String) -> String {
    if text.len() > STRING_LIMIT {
        let full = text.len();
        text.truncate(text.floor_char_boundary(STRING_LIMIT));
        text.push_str(&format!(" [cut: {full} bytes]"));
    }
    text
}

/// The line, with its end. If it is too long, fields are left out, and their names say which.
pub(super) fn format(metadata: &Metadata<'_>, fields: Fields, now: SystemTime) -> String {
    let Fields { message, mut rest } = fields;
    // The message may be given as a number, or as another field of the macro; it has to be a string all the same.
    let message = match rest.remove("message") {
        Some(value) if message.is_empty() => value.to_string(),
        _ => message,
    };
    let own = [
        ("@level", metadata.level().as_str().to_lowercase()),
        ("@message", message),
        ("@module", metadata.target().to_owned()),
        ("@timestamp", super::time::format(now)),
    ];
    let mut line: Map<String, Value> = rest;
    line.extend(own.iter().map(|(name, text)| ((*name).to_owned(), text.clone().into())));
    let text = Value::Object(line.clone()).to_string();
    if text.len() < LINE_LIMIT {
        return text + "\n";
    }
    let left_out: Vec<String> = line.keys().filter(|name| !name.starts_with('@')).cloned().collect();
    line.retain(|name, _| name.starts_with('@'));
    line.insert("left_out".to_owned(), cut(left_out.join(" ")).into());
    Value::Object(line).to_string() + "\n"
}

//! Answers, refusals and pages, as the API writes them.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use justmanage_played_http::Message;
use serde_json::{Value, json};

/// An answer, or a refusal.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn of(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    /// Done, and nothing to say.
    pub(crate) fn done() -> Self {
        Self { status: 204, body: None, headers: Vec::new() }
    }

    pub(crate) fn refused(status: u16, id: &str, message: &str) -> Self {
        Self::of(status, json!({ "id": id, "message": message, "request_id": "4d9d8375-3c56-4925-a3e7-eb137fed17e9" }))
    }

    pub(crate) fn not_found() -> Self {
        Self::refused(404, "not_found", "The resource you were accessing could not be found.")
    }

    pub(crate) fn unprocessable(message: &str) -> Self {
        Self::refused(422, "unprocessable_entity", message)
    }

    pub(crate) fn too_many(retry_after: Option<u64>) -> Self {
        let mut answer = Self::refused(429, "too_many_requests", "API Rate limit exceeded.");
        answer.headers.extend(retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
        answer
    }

    /// As it goes over the wire, at this time.
    pub(crate) fn message(self, now: i64) -> Message {
        let text = self.body.map(|body| body.to_string()).unwrap_or_default();
        let mut message = Message::answer(self.status, "application/json; charset=utf-8", text);
        let date = Timestamp::from_second(now).ok();
        let date = date.and_then(|now| DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok());
        message.headers.extend(date.map(|date| ("date".to_owned(), date)));
        for (name, value) in [("ratelimit-limit", 5000), ("ratelimit-remaining", 4816), ("ratelimit-reset", now + 600)]
        {
            message.headers.push((name.to_owned(), value.to_string()));
        }
        message.headers.extend(self.headers);
        message
    }
}

/// A time as the API writes it.
pub(crate) fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// A page of a list, with the addresses of those beside it.
pub(crate) fn page(base: &str, path: &str, query: &[(String, String)], member: &str, all: &[Value]) -> Answer {
    let asked = |name: &str| query.iter().find(|(of, _)| of == name).and_then(|(_, value)| value.parse::<usize>().ok());
    let number = asked("page").unwrap_or(1).max(1);
    let size = asked("per_page").unwrap_or(20).clamp(1, 200);
    let last = all.len().div_ceil(size).max(1);
    let rest: String = query
        .iter()
        .filter(|(name, _)| name != "page" && name != "per_page")
        .map(|(name, value)| format!("&{name}={value}"))
        .collect();
    let address = |page: usize| format!("{base}{path}?page={page}&per_page={size}{rest}");
    let mut pages = serde_json::Map::new();
    if number > 1 {
        pages.insert("first".to_owned(), json!(address(1)));
        pages.insert("prev".to_owned(), json!(address(number - 1)));
    }
    if number < last {
        pages.insert("next".to_owned(), json!(address(number + 1)));
        pages.insert("last".to_owned(), json!(address(last)));
    }
    let items: Vec<&Value> = all.iter().skip((number - 1) * size).take(size).collect();
    let links = if pages.is_empty() { json!({}) } else { json!({ "pages": pages }) };
    Answer::of(200, json!({ member: items, "links": links, "meta": { "total": all.len() } }))
}

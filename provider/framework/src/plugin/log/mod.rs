//! Log lines as Terraform reads them: one JSON object per line on standard error.
//!
//! Terraform decides what its user sees: `TF_LOG`, or `TF_LOG_PROVIDER` for providers alone. With neither, it shows no
//! line of a provider, not even an error; so then nothing is formatted here, and an event costs one comparison. What a
//! user has to know is a diagnostic, not a log line.
//!
//! Values of users are never logged by this framework, and the libraries of the transport, which print headers and
//! frames at the lower levels, are heard from WARN up only.

mod line;
mod time;

use std::{ffi::OsString, io::Write};

use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter, span};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

use line::Fields;

/// Crates whose lower levels would print what is transported.
const TRANSPORT: [&str; 8] = ["h2", "hyper", "hyper_util", "mio", "rustls", "tokio_rustls", "tonic", "tower"];

/// Sends the events of this process to Terraform, for the provider of this name. Does nothing if logging is off, or if
/// the program has installed a subscriber of its own.
pub(super) fn install(name: &str) {
    let level = level(name, |name| std::env::var_os(name));
    if level != LevelFilter::OFF {
        let subscriber = tracing_subscriber::registry().with(JsonLines { level, write: standard_error });
        // An error means that the program has its own, which is then the one to obey.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

/// Tells why the process cannot serve, with all causes, as plain text: there may be no host to read JSON.
pub(super) fn complain(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    standard_error(&format!("{text}\n"));
}

fn standard_error(line: &str) {
    // There is nobody left to tell.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// The level that the environment asks of the provider: the most particular of `TF_LOG_PROVIDER_<NAME>`,
/// `TF_LOG_PROVIDER` and `TF_LOG`, in Terraform's reading: any case, `JSON` and what is no level mean TRACE.
fn level(name: &str, var: impl Fn(&str) -> Option<OsString>) -> LevelFilter {
    let own = format!("TF_LOG_PROVIDER_{}", name.to_uppercase().replace('-', "_"));
    let asked = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(|name| var(name).filter(|value| !value.is_empty()))
        .map(|value| value.to_string_lossy().to_uppercase());
    match asked.as_deref() {
        None | Some("OFF") => LevelFilter::OFF,
        Some("ERROR") => LevelFilter::ERROR,
        Some("WARN") => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some(_) => LevelFilter::TRACE,
    }
}

/// Formats events, with the fields of the spans around them, and writes each as one line.
struct JsonLines<W> {
    level: LevelFilter,
    write: W,
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let origin = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= self.level && (*metadata.level() <= Level::WARN || !TRANSPORT.contains(&origin))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in cx.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span);
            }
        }
        event.record(&mut fields);
        (self.write)(&line::format(event.metadata(), fields, std::time::SystemTime::now()));
    }
}

#[cfg(test)]
mod tests;

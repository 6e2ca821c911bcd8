//! The text that is read: figures in families, with their kind and what they mean
//! ([format 0.0.4](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format)).

use std::fmt::Write as _;

/// What a family's figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rises only, and begins anew with its process.
    Counter,
    /// Rises and falls.
    Gauge,
}

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// A whole number.
    Whole(u64),
    /// Any other.
    Real(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

/// The text as it grows. Every figure has the same first labels.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    labels: String,
    families: Vec<&'static str>,
}

/// The figures of one name.
pub(super) struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    begun: bool,
}

impl Page {
    /// An empty page whose figures all have these labels.
    pub(super) fn new(labels: &[(&str, &str)]) -> Self {
        Self { text: String::with_capacity(16 << 10), labels: pairs(labels), families: Vec::new() }
    }

    /// Begins a family. One without figures leaves nothing behind.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        Family { page: self, name, kind, help, begun: false }
    }

    /// A family of one gauge; nothing if there is no value.
    pub(super) fn gauge<V: Into<Value>>(&mut self, name: &'static str, help: &'static str, value: Option<V>) {
        if let Some(value) = value {
            self.family(name, Kind::Gauge, help).put(&[], value);
        }
    }

    /// A family of one counter; nothing if there is no value.
    pub(super) fn counter<V: Into<Value>>(&mut self, name: &'static str, help: &'static str, value: Option<V>) {
        if let Some(value) = value {
            self.family(name, Kind::Counter, help).put(&[], value);
        }
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Adds a figure with these labels besides the page's own.
    pub(super) fn put(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        let page = &mut *self.page;
        let text = &mut page.text;
        if !self.begun {
            // A name that comes twice would make the whole page unreadable.
            debug_assert!(!page.families.contains(&self.name), "{} twice", self.name);
            page.families.push(self.name);
            let kind = match self.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {0} {1}\n# TYPE {0} {kind}", self.name, escape(self.help, false));
            self.begun = true;
        }
        let _ = write!(text, "{}{{{}", self.name, page.labels);
        if !labels.is_empty() {
            let _ = write!(text, ",{}", pairs(labels));
        }
        let _ = match value.into() {
            Value::Whole(number) => writeln!(text, "}} {number}"),
            Value::Real(number) => writeln!(text, "}} {number}"),
        };
    }
}

fn pairs(labels: &[(&str, &str)]) -> String {
    labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value, true))).collect::<Vec<_>>().join(",")
}

/// Backslashes and line breaks, and in the values of labels quotes, are written with a backslash.
fn escape(text: &str, quoted: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quoted => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_under_their_kind_and_meaning() {
        let mut page = Page::new(&[("cluster", "orders"), ("node", "jmn1")]);
        page.gauge("a_bytes", "How much.", Some(7));
        page.counter("b_total", "How often; with a \\ and\na break.", Some(0.25));
        page.gauge("c", "Not there.", None::<u64>);
        let mut family = page.family("d", Kind::Gauge, "Two.");
        family.put(&[("state", "on\"line\\\n")], true);
        family.put(&[("state", "off")], false);
        let _ = page.family("e", Kind::Gauge, "Empty.");
        let expected = r#"# HELP a_bytes How much.
# TYPE a_bytes gauge
a_bytes{cluster="orders",node="jmn1"} 7
# HELP b_total How often; with a \\ and\na break.
# TYPE b_total counter
b_total{cluster="orders",node="jmn1"} 0.25
# HELP d Two.
# TYPE d gauge
d{cluster="orders",node="jmn1",state="on\"line\\\n"} 1
d{cluster="orders",node="jmn1",state="off"} 0
"#;
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn large_and_small_numbers_are_written_out() {
        let mut page = Page::new(&[("x", "y")]);
        page.gauge("a", "A.", Some(u64::MAX));
        page.gauge("b", "B.", Some(1e21));
        page.gauge("c", "C.", Some(1.5e-7));
        let text = page.finish();
        for number in ["} 18446744073709551615\n", "} 1000000000000000000000\n", "} 0.00000015\n"] {
            assert!(text.contains(number), "{text}");
        }
    }
}

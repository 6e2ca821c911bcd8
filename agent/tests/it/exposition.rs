//! A strict reader of Prometheus' text format, version 0.0.4: what it takes, Prometheus takes.
//!
//! Stricter than <https://prometheus.io/docs/instrumenting/exposition_formats/> where that allows what nobody should write:
//! every family has a meaning, a kind and at least one figure, stands together, and is named by the rules.

use std::collections::{BTreeMap, BTreeSet};

/// A page that was read.
#[derive(Debug)]
pub(crate) struct Exposition {
    figures: Vec<Figure>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Exposition {
    /// Reads a page; panics at the first fault.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let (mut figures, mut families, mut seen) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (name, help) = comment(line, "HELP");
            assert!(help.ends_with('.') && help.len() > 5, "no sentence: {line}");
            let kind = lines.next().unwrap_or_default();
            let (typed, kind) = comment(kind, "TYPE");
            assert_eq!(typed, name, "the kind of another family");
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            let counts = match kind {
                "counter" => true,
                "gauge" => false,
                other => panic!("{name}: {other} is no kind"),
            };
            assert_eq!(name.ends_with("_total"), counts, "{name} is a {kind}");
            let before = figures.len();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let figure = Figure::read(line);
                assert_eq!(figure.name, name, "a figure of another family: {line}");
                assert!(!counts || figure.value >= 0.0, "{line}");
                assert!(seen.insert((figure.name.clone(), figure.labels.clone())), "twice: {line}");
                figures.push(figure);
            }
            assert!(figures.len() > before, "{name} has no figures");
        }
        Self { figures }
    }

    /// All figures.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.figures.iter()
    }

    /// Figures of a name with these labels among theirs.
    pub(crate) fn with(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Figure> {
        let fits = |figure: &&Figure| {
            let labelled = |(key, value): &(&str, &str)| figure.labels.get(*key).is_some_and(|found| found == value);
            figure.name == name && labels.iter().all(labelled)
        };
        self.figures.iter().filter(fits).collect()
    }

    /// The one figure of a name with these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.with(name, labels);
        let [figure] = &found[..] else { panic!("{name} {labels:?}: {found:?}") };
        figure.value
    }

    /// The only figure of a name.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.value(name, &[])
    }

    /// Whether there is such a figure at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        !self.with(name, &[]).is_empty()
    }
}

/// `# HELP name text` or `# TYPE name kind`.
fn comment<'a>(line: &'a str, word: &str) -> (&'a str, &'a str) {
    let rest = line.strip_prefix("# ").and_then(|rest| rest.strip_prefix(word)).and_then(|rest| rest.strip_prefix(' '));
    let (name, rest) = rest.and_then(|rest| rest.split_once(' ')).unwrap_or_else(|| panic!("no {word}: {line:?}"));
    assert!(is_name(name), "{line}");
    (name, rest)
}

/// `[a-z_][a-z0-9_]*`: what is allowed, without capitals, and without colons, which are for rules.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

impl Figure {
    fn read(line: &str) -> Self {
        let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("no labels: {line:?}"));
        assert!(is_name(name), "{line}");
        let (labels, rest) = labels(rest, line);
        let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line:?}"));
        let plain = value.bytes().all(|b| b.is_ascii_digit() || b"+-.e".contains(&b));
        let value = value.parse().ok().filter(|value: &f64| plain && value.is_finite());
        Self { name: name.to_owned(), labels, value: value.unwrap_or_else(|| panic!("no number: {line:?}")) }
    }
}

/// Labels up to the closing brace, and what follows it.
fn labels<'a>(mut rest: &'a str, line: &str) -> (BTreeMap<String, String>, &'a str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line:?}"));
        assert!(is_name(name) && !name.starts_with("__"), "{name:?}: {line}");
        let (mut value, mut characters) = (String::new(), after.char_indices());
        let end = loop {
            match characters.next().unwrap_or_else(|| panic!("no end of {name}: {line:?}")) {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match characters.next() {
                    Some((_, '\\')) => '\\',
                    Some((_, '"')) => '"',
                    Some((_, 'n')) => '\n',
                    other => panic!("{other:?} is not escaped so: {line:?}"),
                }),
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice: {line}");
        rest = &after[end..];
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("neither , nor }}: {line:?}"));
    }
}

mod tests {
    use super::*;

    const GOOD: &str = "# HELP a_total Counts.\n# TYPE a_total counter\na_total{x=\"1\",y=\"q\\\"\\\\\\n\"} 2\n\
                        a_total{x=\"2\",y=\"\"} 0.5\n# HELP b Shows.\n# TYPE b gauge\nb{x=\"1\"} -3\n";

    #[test]
    fn what_is_right_is_read() {
        let page = Exposition::read(GOOD);
        assert_eq!(page.value("a_total", &[("y", "q\"\\\n")]), 2.0);
        assert_eq!((page.value("a_total", &[("x", "2")]), page.get("b"), page.figures().count()), (0.5, -3.0, 3));
        assert!(page.has("b") && !page.has("c"));
    }

    #[test]
    fn whatever_is_wrong_is_refused() {
        let wrong = [
            ("no end", GOOD.trim_end().to_owned()),
            ("no help", GOOD.replace("# HELP b Shows.\n", "")),
            ("no kind", GOOD.replace("# TYPE b gauge\n", "")),
            ("an unknown kind", GOOD.replace("b gauge", "b thing")),
            ("no figures", format!("{GOOD}# HELP c More.\n# TYPE c gauge\n")),
            ("a family twice", format!("{GOOD}{GOOD}")),
            ("a figure twice", format!("{GOOD}b{{x=\"1\"}} 4\n")),
            ("a figure of another family", format!("{GOOD}c{{x=\"1\"}} 4\n")),
            ("a counter below zero", GOOD.replace("} 2", "} -2")),
            ("a counter without _total", GOOD.replace("b gauge", "b counter")),
            ("a gauge with _total", GOOD.replace("a_total counter", "a_total gauge")),
            ("no number", GOOD.replace("} 2", "} two")),
            ("no finite number", GOOD.replace("} 2", "} NaN")),
            ("a label twice", GOOD.replace("y=\"\"", "x=\"\"")),
            ("a label in capitals", GOOD.replace("y=\"\"", "Y=\"\"")),
            ("an open label", GOOD.replace("\"1\"} -3", "\"1} -3")),
            ("an unknown escape", GOOD.replace("\\n\"", "\\t\"")),
            ("an empty line", GOOD.replace("# HELP b", "\n# HELP b")),
        ];
        for (what, text) in wrong {
            assert_ne!(text, GOOD, "{what}");
            assert!(std::panic::catch_unwind(|| Exposition::read(&text)).is_err(), "{what} is taken");
        }
    }
}

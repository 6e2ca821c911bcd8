//! Values of configuration keys: which are possible, and when two texts mean the same.

use std::collections::BTreeSet;

/// Which values a key takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// Not known here; the server decides.
    Any,
    /// Exactly one of these words.
    OneOf(Vec<&'static str>),
    /// One or more of these words.
    Words(Vec<&'static str>),
    /// A whole number, or an amount of memory in the server's units.
    Number {
        /// `kb`, `mb`, `gb` (1024) and `k`, `m`, `g` (1000) are possible.
        memory: bool,
        /// A percentage is possible.
        percent: bool,
        /// Least value; `None`: not known.
        least: Option<i128>,
        /// Greatest value; `None`: not known.
        most: Option<i128>,
    },
}

impl Values {
    /// Reads the column of the tables.
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        if text == "any" {
            return Some(Self::Any);
        }
        let Some((kind, rest)) = text.split_once(':') else { return Some(Self::OneOf(text.split('|').collect())) };
        let bound = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
        let (memory, percent) = match kind {
            "words" => return Some(Self::Words(rest.split('|').collect())),
            "int" => (false, false),
            "int%" => (false, true),
            "memory" => (true, false),
            "memory%" => (true, true),
            _ => return None,
        };
        let (least, most) = rest.split_once("..")?;
        Some(Self::Number { memory, percent, least: bound(least)?, most: bound(most)? })
    }

    /// What is wrong with a value, and what would be right; `None` if nothing is known to be.
    pub(super) fn fault(&self, value: &str) -> Option<(String, String)> {
        let known = |words: &[&str], word: &str| words.iter().any(|w| w.eq_ignore_ascii_case(word));
        match self {
            Self::Any => None,
            Self::OneOf(words) => (!known(words, value))
                .then(|| ("It is none of the words that the server knows.".to_owned(), list("Use ", words))),
            Self::Words(words) => {
                let wrong = value.split_whitespace().find(|word| !known(words, word));
                let detail = match wrong {
                    Some(wrong) => format!("{wrong:?} is none of the words that the server knows."),
                    None if value.trim().is_empty() => "It holds no word.".to_owned(),
                    None => return None,
                };
                Some((detail, list("Use one or more of ", words)))
            }
            Self::Number { memory, percent, least, most } => {
                if *percent
                    && value.strip_suffix('%').is_some_and(|digits| digits.parse::<u8>().is_ok_and(|n| n <= 100))
                {
                    return None;
                }
                let number = if *memory { memory_number(value) } else { value.parse().ok() };
                match number {
                    None if *memory => Some((
                        "It is not an amount of memory.".to_owned(),
                        "Write a number of bytes, or a number with kb, mb or gb (units of 1024), such as \"64mb\"."
                            .to_owned(),
                    )),
                    None => Some(("It is not a whole number.".to_owned(), "Write digits only.".to_owned())),
                    Some(n) if least.is_some_and(|least| n < least) || most.is_some_and(|most| n > most) => {
                        Some(("It is out of range.".to_owned(), range(*least, *most)))
                    }
                    Some(_) => None,
                }
            }
        }
    }
}

fn list(before: &str, words: &[&str]) -> String {
    format!("{before}{}.", words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", "))
}

fn range(least: Option<i128>, most: Option<i128>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("Use {least} to {most}."),
        (Some(least), None) => format!("Use {least} or more."),
        (None, Some(most)) => format!("Use {most} or less."),
        (None, None) => "Use another number.".to_owned(),
    }
}

/// An amount of memory in the server's spelling, in bytes: `k`, `m`, `g` are powers of 1000, `kb`, `mb`, `gb` of 1024.
pub(super) fn memory_number(text: &str) -> Option<i128> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: i128 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<i64>().ok().map(|number| i128::from(number) * factor)
}

/// What is wrong with the values of the keys whose form the tables do not describe.
pub(super) fn special_fault(key: &str, value: &str) -> Option<(String, String)> {
    let fault = |detail: &str, hint: &str| Some((detail.to_owned(), hint.to_owned()));
    let tokens: Vec<&str> = value.split_whitespace().collect();
    match key {
        "save" if !tokens.len().is_multiple_of(2) || !tokens.iter().all(|t| t.parse::<u32>().is_ok()) => {
            fault("It is not pairs of seconds and changes.", "Write \"3600 1 300 100\", or \"\" for never.")
        }
        "notify-keyspace-events" => value
            .chars()
            .find(|c| !"KEg$lshzxetdmnoAc".contains(*c))
            .map(|c| (format!("\"{c}\" is no kind of event."), "Use letters of \"KEg$lshzxetdmnA\".".to_owned())),
        "client-output-buffer-limit" if buffer_limits(&tokens).is_none() => fault(
            "It is not groups of class, hard limit, soft limit and seconds.",
            "Write \"replica 256mb 64mb 60\"; classes are normal, replica and pubsub.",
        ),
        _ => None,
    }
}

/// Each class with its limits: hard and soft in bytes, seconds.
fn buffer_limits(tokens: &[&str]) -> Option<Vec<(&'static str, [i128; 3])>> {
    let group = |four: &[&str]| {
        let class = match four[0].to_ascii_lowercase().as_str() {
            "normal" => "normal",
            "replica" | "slave" => "replica",
            "pubsub" => "pubsub",
            _ => return None,
        };
        Some((class, [memory_number(four[1])?, memory_number(four[2])?, four[3].parse().ok()?]))
    };
    (!tokens.is_empty() && tokens.len().is_multiple_of(4)).then(|| tokens.chunks_exact(4).map(group).collect())?
}

/// Whether a value that the server reports is the one that was asked for; it reports in its own spelling.
pub(super) fn same(key: &str, values: Option<&Values>, wanted: &str, reported: &str) -> bool {
    let (want, have): (Vec<&str>, Vec<&str>) =
        (wanted.split_whitespace().collect(), reported.split_whitespace().collect());
    match (key, values) {
        ("notify-keyspace-events", _) => events(wanted) == events(reported),
        ("client-output-buffer-limit", _) => {
            // Only the classes that were asked for: the server reports all.
            buffer_limits(&want).zip(buffer_limits(&have)).is_some_and(|(w, h)| w.iter().all(|group| h.contains(group)))
        }
        (_, Some(Values::OneOf(_) | Values::Words(_))) => {
            let set = |tokens: &[&str]| tokens.iter().map(|t| t.to_ascii_lowercase()).collect::<BTreeSet<_>>();
            set(&want) == set(&have)
        }
        _ => want.len() == have.len() && want.iter().zip(&have).all(|(w, h)| same_token(w, h)),
    }
}

fn same_token(wanted: &str, reported: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    wanted == reported
        || memory_number(wanted).is_some_and(|n| memory_number(reported) == Some(n))
        || number(wanted).is_some_and(|n| number(reported) == Some(n))
}

/// Kinds of events, with the class `A` written out (it leaves out m, n and o).
fn events(text: &str) -> BTreeSet<char> {
    text.chars().flat_map(|c| if c == 'A' { "g$lshzxetd".chars() } else { one(c).chars() }).collect()
}

/// The one-letter text of an event's kind; unknown ones count as themselves only through their absence on the other side.
fn one(kind: char) -> &'static str {
    const KINDS: &str = "KEg$lshzxetdmnoc";
    KINDS.find(kind).map_or("?", |at| &KINDS[at..=at])
}

/// Keys that take several arguments. In a file they may stand any number of blanks apart; `CONFIG SET` cuts at every single
/// one, and refuses the empty arguments between two.
const SEVERAL: [&str; 4] =
    ["client-output-buffer-limit", "latency-tracking-info-percentiles", "oom-score-adj-values", "save"];

/// A value as `CONFIG SET` takes it.
pub(super) fn for_setting(key: &str, value: &str) -> String {
    if SEVERAL.contains(&key) { value.split_whitespace().collect::<Vec<_>>().join(" ") } else { value.to_owned() }
}

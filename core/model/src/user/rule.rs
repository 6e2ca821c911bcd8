//! One rule of the ACL language: cutting a text into rules, and the shape of each.

use crate::failure::Invalid;
use crate::text::show;

/// Categories of commands, of both engines and of the modules that come with Redis 8 and Valkey bundles
/// (`ACL CAT` of Redis 6.2 to 8.10 and Valkey 7.2 to 9.1, [Redis](https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/)).
const CATEGORIES: [&str; 32] = [
    "admin",
    "all",
    "array",
    "bitmap",
    "blocking",
    "bloom",
    "cms",
    "connection",
    "cuckoo",
    "dangerous",
    "fast",
    "geo",
    "hash",
    "hyperloglog",
    "json",
    "keyspace",
    "list",
    "pubsub",
    "read",
    "scripting",
    "search",
    "set",
    "slow",
    "sortedset",
    "stream",
    "string",
    "tdigest",
    "timeseries",
    "topk",
    "transaction",
    "vectorset",
    "write",
];

/// Rules that are words, and whether they may stand inside a selector.
const WORDS: [(&str, bool); 8] = [
    ("allkeys", true),
    ("resetkeys", true),
    ("allchannels", true),
    ("resetchannels", true),
    ("allcommands", true),
    ("nocommands", true),
    ("sanitize-payload", false),
    ("skip-sanitize-payload", false),
];

/// Cuts a text at blanks; a selector, from `(` at the beginning of a rule to the next `)`, is one token.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Result<&str, Invalid>> {
    let mut rest = text.trim_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = if rest.starts_with('(') {
            match rest.find(')') {
                Some(close) => close + 1,
                None => {
                    let open = std::mem::take(&mut rest);
                    return Some(Err(invalid(open, "is a selector without its \")\"", "Close it with \")\".")));
                }
            }
        } else {
            rest.find(char::is_whitespace).unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(end);
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            rest = "";
            return Some(Err(invalid(token, "is followed by something without a space", "Put a space between rules.")));
        }
        rest = after.trim_start();
        Some(Ok(token))
    })
}

/// A rule in its one spelling.
pub(super) fn check(token: &str) -> Result<String, Invalid> {
    if let Some(inner) = token.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let rules: Vec<String> =
            inner.split_whitespace().map(|rule| check_one(rule, true)).collect::<Result<_, _>>()?;
        if rules.is_empty() {
            return Err(invalid(
                token,
                "is a selector without rules",
                "Write rules in it, such as \"(~cache:* +get)\".",
            ));
        }
        return Ok(format!("({})", rules.join(" ")));
    }
    check_one(token, false)
}

fn check_one(token: &str, in_selector: bool) -> Result<String, Invalid> {
    if let Some(odd) = token.chars().find(|c| c.is_control() || !c.is_ascii()) {
        return Err(invalid(token, &format!("contains {}", show(odd)), "Use printable ASCII characters."));
    }
    credentials(token)?;
    let lower = token.to_ascii_lowercase();
    if let Some((_, selectable)) = WORDS.iter().find(|(word, _)| *word == lower) {
        if in_selector && !selectable {
            return Err(invalid(token, "cannot stand inside a selector", "Write it outside of the parentheses."));
        }
        return Ok(lower);
    }
    match token.as_bytes()[0] {
        b'~' | b'&' if token.len() > 1 => Ok(token.to_owned()),
        b'%' => key_permission(token),
        b'+' | b'-' => command(&lower),
        _ => Err(invalid(token, "is not an ACL rule", KINDS)),
    }
}

const KINDS: &str = "Rules are key patterns (\"~cache:*\", \"%R~cache:*\"), channel patterns (\"&events:*\"), commands \
                     (\"+get\", \"-config|set\"), categories (\"+@read\") and selectors (\"(~other:* +get)\").";

/// Refuses what says who may log in; the text may hold a password, so it is not repeated.
fn credentials(token: &str) -> Result<(), Invalid> {
    let refuse = |what: &str, hint: &str| {
        Err(Invalid::new("ACL rule not allowed here", format!("{what} is not allowed among the rules."), hint))
    };
    match token.as_bytes()[0] {
        sign @ (b'>' | b'<' | b'#' | b'!') => refuse(
            &format!("A rule that begins with \"{}\" (a password or its hash)", char::from(sign)),
            "Give the password in its own attribute: rules are shown in plans, state and logs.",
        ),
        _ => match token.to_ascii_lowercase().as_str() {
            word @ ("nopass" | "resetpass") => {
                refuse(&format!("\"{word}\""), "Who may log in is said by the passwords of the user, and only there.")
            }
            "reset" => refuse("\"reset\"", "Leave it out: rules always start from a user that may do nothing."),
            word @ ("on" | "off") => refuse(
                &format!("\"{word}\""),
                "Leave it out: a user that exists is on; remove the user to lock it out.",
            ),
            _ => Ok(()),
        },
    }
}

/// `%R~pattern`, `%W~pattern`, `%RW~pattern` (Redis 7.0 and Valkey).
fn key_permission(token: &str) -> Result<String, Invalid> {
    let hint = "Write \"%R~pattern\" (read), \"%W~pattern\" (write) or \"%RW~pattern\".";
    let (permission, pattern) =
        token[1..].split_once('~').ok_or_else(|| invalid(token, "has no \"~\" and key pattern", hint))?;
    let permission = permission.to_ascii_uppercase();
    if !matches!(permission.as_str(), "R" | "W" | "RW" | "WR") || pattern.is_empty() {
        return Err(invalid(token, "does not say read or write of a key pattern", hint));
    }
    Ok(format!("%{}~{pattern}", if permission == "WR" { "RW" } else { &permission }))
}

/// `+get`, `-config|set`, `+@read`; all lowercase already.
fn command(token: &str) -> Result<String, Invalid> {
    if let Some(category) = token[1..].strip_prefix('@') {
        if CATEGORIES.contains(&category) {
            return Ok(token.to_owned());
        }
        return Err(invalid(
            token,
            "does not name a category of commands",
            &format!("Categories are {}.", CATEGORIES.join(", ")),
        ));
    }
    let mut parts = token[1..].split('|');
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
    };
    let (name, sub) = (parts.next().unwrap_or_default(), parts.next());
    if !plain(name) || !sub.is_none_or(plain) || parts.next().is_some() {
        return Err(invalid(token, "does not name a command", "Write \"+command\" or \"+command|subcommand\"."));
    }
    Ok(token.to_owned())
}

fn invalid(token: &str, fault: &str, hint: &str) -> Invalid {
    Invalid::new("ACL rule not valid", format!("{token:?} {fault}."), hint)
}

//! Parts of EC2's answers, as text: what is not touched stays as moto wrote it.

use std::ops::Range;

/// The items of the list `<name>`, each with its tags, as places in the text.
pub(crate) fn items(text: &str, name: &str) -> Vec<Range<usize>> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let Some(begin) = text.find(&open).map(|at| at + open.len()) else { return Vec::new() };
    let Some(end) = text[begin..].rfind(&close).map(|at| begin + at) else { return Vec::new() };
    let mut found = Vec::new();
    let (mut at, mut depth, mut first) = (begin, 0usize, begin);
    while let Some(next) = text[at..end].find('<').map(|next| at + next) {
        if text[next..].starts_with("<item>") {
            if depth == 0 {
                first = next;
            }
            depth += 1;
        } else if text[next..].starts_with("</item>") {
            depth -= 1;
            if depth == 0 {
                found.push(first..next + "</item>".len());
            }
        }
        at = next + 1;
    }
    found
}

/// What stands in the first `<name>`.
pub(crate) fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let begin = text.find(&open)? + open.len();
    let end = begin + text[begin..].find(&close)?;
    Some(&text[begin..end])
}

/// The text without these parts.
pub(crate) fn without(text: &str, parts: &[Range<usize>]) -> String {
    let mut left = String::new();
    let mut at = 0;
    for part in parts {
        left += &text[at..part.start];
        at = part.end;
    }
    left + &text[at..]
}

/// The text with another content in the first `<name>`; an empty element, `<name/>`, counts as one.
pub(crate) fn with(text: &str, name: &str, content: &str) -> String {
    let whole = format!("<{name}>{content}</{name}>");
    let (open, close, empty) = (format!("<{name}>"), format!("</{name}>"), format!("<{name}/>"));
    let place = match (text.find(&open), text.find(&empty)) {
        (Some(begin), _) => text[begin..].find(&close).map(|end| begin..begin + end + close.len()),
        (None, Some(begin)) => Some(begin..begin + empty.len()),
        (None, None) => None,
    };
    match place {
        Some(place) => format!("{}{whole}{}", &text[..place.start], &text[place.end..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "<r><set><item><id>1</id><tags><item><k>a</k></item></tags></item><item><id>2</id></item></set></r>";

    #[test]
    fn items_of_a_list_are_found_with_lists_inside() {
        let found: Vec<&str> = items(TEXT, "set").into_iter().map(|at| &TEXT[at]).collect();
        assert_eq!(found, ["<item><id>1</id><tags><item><k>a</k></item></tags></item>", "<item><id>2</id></item>"]);
        assert_eq!(items(TEXT, "other"), []);
        assert_eq!(value(found[1], "id"), Some("2"));
        assert_eq!(without(TEXT, &items(TEXT, "set")), "<r><set></set></r>");
    }

    #[test]
    fn contents_are_replaced() {
        assert_eq!(with("<a><b>1</b></a>", "b", "2"), "<a><b>2</b></a>");
        assert_eq!(with("<a><b/></a>", "b", "2"), "<a><b>2</b></a>");
        assert_eq!(with("<a></a>", "b", "2"), "<a></a>");
    }
}

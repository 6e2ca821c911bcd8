//! "Did you mean": the nearest of some names.

/// The candidate with the smallest edit distance, if it is near enough to be a slip of the same name: at most a third of
/// its length, and at least one.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of one character that lead from one to the other, and exchanges of two
/// neighbours (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before = vec![0; to.len() + 1];
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1; to.len() + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = above[j] + usize::from(a != b);
            row[j + 1] = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_nothing_else() {
        let keys = ["maxmemory", "maxmemory-policy", "maxmemory-samples", "save", "hz"];
        for (name, found) in [
            ("maxmemory-polcy", Some("maxmemory-policy")),
            ("maxmemory_policy", Some("maxmemory-policy")),
            ("maxmemoyr", Some("maxmemory")),
            ("sav", Some("save")),
            ("zh", Some("hz")),
            ("eviction", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, keys), found, "{name}");
        }
    }

    #[test]
    fn counts_edits() {
        for (from, to, count) in
            [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("ab", "ba", 1), ("same", "same", 0)]
        {
            assert_eq!(distance(from, to), count, "{from} {to}");
            assert_eq!(distance(to, from), count, "{to} {from}");
        }
    }
}

//! Into which lines of releases the data of a backup can be loaded.

use justmanage_model::{Engine, Line, Release};

use crate::catalogue;
use crate::hops::hop;

/// The lines whose newest known patch is relied on to load what all of these releases wrote, in the order of the catalogue; Redis first.
///
/// That is asked of the ways between releases ([`hop`]), and only those count of which it was measured that servers start on the files
/// of the other release, and receive whatever data that can have. So none is older than what wrote the data, and a line that nobody
/// measured is not among them, although it may load them, too. A line that wrote them itself always is.
#[must_use]
pub fn restores(written_by: &[Release]) -> Vec<(Engine, Line)> {
    let lines = |engine| catalogue::lines(engine).into_iter().map(move |line| (engine, line));
    let all = Engine::ALL.into_iter().flat_map(lines);
    all.filter(|(engine, line)| !written_by.is_empty() && written_by.iter().all(|one| loads(one, *engine, *line)))
        .collect()
}

fn loads(written_by: &Release, engine: Engine, line: Line) -> bool {
    if (written_by.engine, written_by.version.line()) == (engine, line) {
        return true;
    }
    let newest = catalogue::latest_patch(engine, line).map(|version| Release::new(engine, version));
    let hop = newest.and_then(|newest| hop(written_by, &newest).ok());
    hop.is_some_and(|hop| !hop.empties && !hop.refuses_field_ttls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_go_into_newer_lines_that_were_measured_and_into_none_that_are_older() {
        for (written_by, wanted) in [
            (
                &["redis 7.0.15"][..],
                "redis 7.0, redis 7.2, redis 7.4, redis 8.0, redis 8.2, redis 8.6, valkey 8.0, valkey 8.1, valkey 9.0, valkey 9.1",
            ),
            (&["redis 8.2.3"], "redis 8.2, redis 8.6"),
            (&["redis 8.4.1"], "redis 8.4"),
            (&["valkey 9.1.2"], "valkey 9.1"),
            (&["valkey 8.0.1"], "valkey 8.0, valkey 8.1, valkey 9.0, valkey 9.1"),
            // One that stopped on its way from one release to another.
            (&["redis 7.4.1", "redis 8.2.3"], "redis 8.2, redis 8.6"),
            (&["redis 7.2.4", "valkey 8.0.1"], "valkey 8.0, valkey 8.1, valkey 9.0, valkey 9.1"),
            (&["redis 8.2.3", "valkey 8.0.1"], ""),
            (&[], ""),
        ] {
            let release = |text: &&str| {
                let (engine, version) = text.split_once(' ').unwrap();
                Release::new(engine.parse().unwrap(), version.parse().unwrap())
            };
            let releases: Vec<Release> = written_by.iter().map(release).collect();
            let lines: Vec<String> =
                restores(&releases).iter().map(|(engine, line)| format!("{engine} {line}")).collect();
            assert_eq!(lines.join(", "), wanted, "{written_by:?}");
        }
    }
}

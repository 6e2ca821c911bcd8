//! The tables of what was found, and the file that they are written to.

use std::fmt::Write;

/// What was asked, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Copies,
    FieldTtls,
    Files,
    NodesConf,
    Votes,
}

impl Asked {
    pub(super) const ALL: [Self; 5] = [Self::Copies, Self::FieldTtls, Self::Files, Self::NodesConf, Self::Votes];

    /// Its table's name in the file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Copies => "copies",
            Self::FieldTtls => "field_ttls",
            Self::Files => "files",
            Self::NodesConf => "nodes_conf",
            Self::Votes => "votes",
        }
    }
}

/// One table: a row for each release that is left, a cell in it for each that is gone to; `None`: there was nothing to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table(Vec<Vec<Option<bool>>>);

impl Table {
    /// With nothing tried yet.
    pub(super) fn new(size: usize) -> Self {
        Self(vec![vec![None; size]; size])
    }

    pub(super) fn set(&mut self, from: usize, to: usize, works: bool) {
        self.0[from][to] = Some(works);
    }

    pub(super) fn works(&self, from: usize, to: usize) -> bool {
        self.0[from][to] == Some(true)
    }

    /// Its rows, as in the file.
    pub(super) fn rows(&self) -> Vec<String> {
        let letter = |cell: &Option<bool>| match cell {
            Some(true) => '+',
            Some(false) => '-',
            None => '.',
        };
        self.0.iter().map(|row| row.iter().map(letter).collect()).collect()
    }
}

/// The text of `core/releases/data/hops.json`: one line for each row, so that a table can be looked at.
pub(super) fn file(day: &str, releases: &[&str], tables: &[Table]) -> String {
    let list = |items: &[String]| {
        let quoted: Vec<String> = items.iter().map(|item| format!("    {item:?}")).collect();
        format!("[\n{}\n  ]", quoted.join(",\n"))
    };
    let releases: Vec<String> = releases.iter().map(|name| (*name).to_owned()).collect();
    let mut text = format!("{{\n  \"schema\": 1,\n  \"measured\": \"{day}\",\n  \"releases\": {}", list(&releases));
    for (asked, table) in Asked::ALL.iter().zip(tables) {
        let _ = write!(text, ",\n  \"{}\": {}", asked.name(), list(&table.rows())); // writing to a String does not fail
    }
    text + "\n}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_a_letter_for_each_pair() {
        let mut copies = Table::new(2);
        copies.set(0, 0, true);
        copies.set(0, 1, false);
        assert!(copies.works(0, 0) && !copies.works(0, 1) && !copies.works(1, 1));
        let text = file("2026-11-22", &["redis 7.0.15 (5:7.0.15-1~deb12u10)", "redis 7.2.4"], &[copies]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["copies"], serde_json::json!(["+-", ".."]));
        assert_eq!(value["releases"][0], "redis 7.0.15 (5:7.0.15-1~deb12u10)");
        assert_eq!(value["measured"], "2026-11-22");
    }
}

//! A thousand windows in all zones and years, against what Python's zoneinfo says of them (`oracle.py`).

use super::window;

#[test]
fn openings_are_what_another_implementation_says() {
    let table = include_str!("oracle.tsv");
    let mut wrong = Vec::new();
    for line in table.lines() {
        let mut fields = line.split('\t');
        let (definition, after) = (fields.next().unwrap(), fields.next().unwrap());
        let expected: Vec<&str> = fields.collect();
        let openings = window(definition).next_openings(after.parse().unwrap(), expected.len());
        let found: Vec<String> = openings.iter().map(|opening| format!("{}/{}", opening.start, opening.end)).collect();
        if found != expected {
            wrong.push(format!("{definition} after {after}:\n  {found:?}\n  {expected:?}"));
        }
    }
    assert_eq!(table.lines().count(), 1000);
    assert!(wrong.is_empty(), "{} of them differ:\n{}", wrong.len(), wrong.join("\n"));
}

//! Where nodes stand.

use std::collections::BTreeMap;

use justmanage_model::Record;
use justmanage_model::pool::Zone;

use crate::records::{node, record};
use crate::survives_json;

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

#[test]
fn what_is_said_of_zones_is_noted_of_who_belongs_and_stays_where_nothing_is_said() {
    let mut record = record();
    record.stand(&BTreeMap::from([(node(1), Some(zone("a"))), (node(2), Some(zone("b"))), (node(9), Some(zone("c")))]));
    assert_eq!(record.zones, BTreeMap::from([(node(1), zone("a")), (node(2), zone("b"))]), "9 does not belong");
    record.stand(&BTreeMap::from([(node(1), Some(zone("b")))]));
    assert_eq!(record.zones, BTreeMap::from([(node(1), zone("b")), (node(2), zone("b"))]));
    assert_eq!(record.zones_beside(0, node(1)).into_iter().collect::<Vec<_>>(), [&zone("b")], "of the other one");
    record.stand(&BTreeMap::from([(node(1), None)]));
    assert!(record.zones_beside(0, node(2)).is_empty() && record.zones_beside(1, node(2)).is_empty());
}

#[test]
fn older_software_refuses_a_record_whose_zones_it_would_drop_and_reads_one_without() {
    let mut record = Record { layout: 1, ..record() };
    record.stand(&BTreeMap::from([(node(1), None)]));
    record.raise_layout();
    assert_eq!((record.layout, record.check()), (1, Ok(())), "nothing is known, so nothing is said");
    assert!(!serde_json::to_string(&record).unwrap().contains("zones"));
    record.stand(&BTreeMap::from([(node(1), Some(zone("a")))]));
    assert!(record.check().unwrap_err().to_string().contains("cannot say all of this"));
    record.raise_layout();
    assert_eq!((record.layout, record.check()), (9, Ok(())));
    survives_json(&record);
}

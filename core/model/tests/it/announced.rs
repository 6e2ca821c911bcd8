//! The names that clients are told of servers.

use std::collections::BTreeMap;

use justmanage_model::record::Announced;
use justmanage_model::{HostName, NodeId, Record};

use crate::records::{member, node, record};
use crate::survives_json;

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

/// Names of all members of a Record: `db1`, `db2`, in the order of their ids.
fn named(record: &Record) -> BTreeMap<NodeId, HostName> {
    record.members.keys().zip(1..).map(|(node, number)| (*node, name(&format!("db{number}.example.com")))).collect()
}

/// What the settings of a node's server say of names.
fn settings(record: &Record, node: NodeId) -> (Option<String>, Option<String>) {
    let wanted = record.wanted_config(node);
    (wanted.get(Announced::NAME_KEY).cloned(), wanted.get(Announced::KIND_KEY).cloned())
}

fn told(name: &str, kind: &str) -> (Option<String>, Option<String>) {
    (Some(name.to_owned()), Some(kind.to_owned()))
}

#[test]
fn where_nobody_asks_for_names_no_setting_speaks_of_them() {
    let mut record = record();
    record.announce(&BTreeMap::new());
    let (first, member) = record.members.first_key_value().unwrap();
    assert_eq!(settings(&record, *first), (None, None));
    assert_eq!(record.endpoint(*first, member.client), member.client.to_string());
    assert_eq!((&record.announced, record.rotation.certificates_since), (&None, None));
}

#[test]
fn clients_are_told_names_and_certificates_with_them_are_issued() {
    let mut record = record();
    let names = named(&record);
    record.announce(&names);
    record.raise_layout();
    assert_eq!(record.rotation.certificates_since, Some(record.generation.next()));
    assert!(record.layout >= 8 && record.tells_names());
    let (first, member) = record.members.first_key_value().unwrap();
    assert_eq!(settings(&record, *first), told("db1.example.com", "hostname"));
    assert_eq!(record.endpoint(*first, member.client), format!("db1.example.com:{}", member.client.port()));
    survives_json(&record);

    // The same once more is nothing new; another name of one is.
    record.rotation.certificates_since = None;
    record.announce(&names);
    assert_eq!(record.rotation.certificates_since, None);
    let other = BTreeMap::from([(*names.keys().next().unwrap(), name("db9.example.com"))]);
    record.announce(&other);
    assert_eq!(record.rotation.certificates_since, Some(record.generation.next()));
    assert!(record.tells_names(), "those that nobody saw keep their names");
}

#[test]
fn a_member_without_a_name_has_all_told_by_addresses() {
    let mut record = record();
    record.announce(&named(&record));
    let newcomer = node(77);
    let seat = record.members.values().map(|member| member.seat).max().unwrap();
    let seat = justmanage_model::Seat { ordinal: seat.ordinal + 1, ..seat };
    record.members.insert(newcomer, justmanage_model::Member { seat, ..member(77) });
    let first = *record.members.keys().next().unwrap();
    assert!(!record.tells_names());
    assert_eq!(settings(&record, first), told("db1.example.com", "ip"));
    assert_eq!(settings(&record, newcomer), told("", "ip"));

    let mut with = record.clone();
    with.rotation.certificates_since = None;
    with.call(newcomer, Some(&name("db77.example.com")));
    assert!(with.tells_names());
    assert_eq!(settings(&with, newcomer), told("db77.example.com", "hostname"));
    assert_eq!(with.rotation.certificates_since, None, "its certificate is yet to come");
}

#[test]
fn names_that_nobody_asks_for_any_more_are_known_and_not_told() {
    let mut record = record();
    record.announce(&named(&record));
    record.announce(&BTreeMap::new());
    let (first, member) = record.members.first_key_value().unwrap();
    assert_eq!(settings(&record, *first), told("db1.example.com", "ip"));
    assert_eq!(record.endpoint(*first, member.client), member.client.to_string());
    record.announce(&named(&record.clone()));
    assert!(record.tells_names());
}

#[test]
fn two_nodes_of_one_name_are_no_record() {
    let mut record = record();
    record.announce(&named(&record));
    record.raise_layout();
    assert_eq!(record.check(), Ok(()));
    let announced = record.announced.as_mut().unwrap();
    announced.names.values_mut().for_each(|one| *one = name("db1.example.com"));
    assert!(record.check().unwrap_err().to_string().contains("the same name for clients"));
}

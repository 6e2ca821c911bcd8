//! Certificates, passwords and operators that follow one another, as the Record says it.

use std::collections::BTreeSet;

use justmanage_model::record::AUTHORITY_NOTICE;
use justmanage_model::{Generation, Interval, PasswordChange, Pin, Record, Succession, Timestamp};

use crate::records::record;
use crate::survives_json;

const OLD: &str = "-----BEGIN CERTIFICATE-----\nold\n-----END CERTIFICATE-----\n";
const NEW: &str = "-----BEGIN CERTIFICATE-----\nnew\n-----END CERTIFICATE-----\n";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn founded() -> Record {
    let mut record = record();
    record.found_authority(OLD.to_owned(), at(1000));
    record
}

#[test]
fn an_authority_follows_another_in_three_steps() {
    let mut record = founded();
    record.spec.rotate.authority = Some("a word".to_owned());
    let before = record.authorities_file();
    assert_eq!(record.issuing_authority(), Some(OLD));

    record.announce_authority(NEW, at(500), at(2000));
    assert_eq!(record.rotation.succession, Some(Succession::Announced { at: at(500), asked: true }));
    assert_eq!(record.rotation.authority.as_deref(), Some("a word"), "it is begun, and not begun again");
    assert_eq!(record.authorities().collect::<Vec<_>>(), [OLD, NEW]);
    assert_eq!(record.issuing_authority(), Some(OLD), "nobody knows the new one yet");
    assert_ne!(record.authorities_file(), before);
    assert_eq!(record.authority_announced_until(), Some(at(500 + 24 * 3600)));
    record.spec.rotate.authority_grace = Some(Interval::seconds(60));
    assert_eq!(record.authority_announced_until(), Some(at(560)), "it may be changed meanwhile");
    survives_json(&record);

    record.succeed_authority();
    assert_eq!(record.issuing_authority(), Some(NEW));
    assert_eq!(record.rotation.certificates_since, Some(record.generation.next()));
    assert_eq!(record.authorities().count(), 2, "certificates of the old one are still shown");
    assert_eq!(record.authority_announced_until(), None);

    record.drop_authority();
    assert_eq!(record.ca_certificate.as_deref(), Some(NEW));
    assert_eq!(record.rotation.succession, None);
    assert_eq!(record.rotation.authority_due, Some(at(2000)));
    survives_json(&record);
}

#[test]
fn an_authority_that_nobody_asked_for_leaves_more_time_until_somebody_does() {
    let mut record = founded();
    record.spec.rotate.authority_grace = Some(Interval::seconds(0));
    record.announce_authority(NEW, at(500), at(2000));
    let year = at(500) + AUTHORITY_NOTICE.duration();
    assert_eq!(record.authority_announced_until(), Some(year), "a grace is for what is asked for");
    record.spec.rotate.authority = Some("now".to_owned());
    record.ask_for_authority();
    assert_eq!(record.authority_announced_until(), Some(at(500)));
}

#[test]
fn what_a_new_cluster_asks_for_it_has() {
    let mut record = record();
    let words = &mut record.spec.rotate;
    (words.certificates, words.authority) = (Some("a".to_owned()), Some("b".to_owned()));
    words.replication_password = Some("c".to_owned());
    record.found_authority(OLD.to_owned(), at(1000));
    let done = record.rotation;
    assert_eq!((done.certificates.as_deref(), done.authority.as_deref()), (Some("a"), Some("b")));
    assert_eq!(done.replication_password.as_deref(), Some("c"));
    assert_eq!(done.certificates_since, None);
}

#[test]
fn every_step_of_a_password_is_seen_anew() {
    let mut record = founded();
    for (step, change) in [
        (Record::accept_password as fn(&mut Record), Some(PasswordChange::Accepting)),
        (Record::use_password, Some(PasswordChange::Using)),
        (Record::drop_password, None),
    ] {
        step(&mut record);
        record.generation = record.generation.next();
        assert_eq!(record.rotation.password_change, change);
        assert_eq!(record.rotation.passwords_since, Some(record.generation));
    }
}

#[test]
fn software_that_cannot_see_a_rotation_refuses_it() {
    let old = Record { layout: 1, ..record() };
    old.check().unwrap();
    let changes: [fn(&mut Record); 3] = [
        |record| record.rotation.certificates_since = Some(Generation::new(3)),
        |record| record.spec.rotate.authority = Some("a word".to_owned()),
        |record| record.spec.operator_keys = pins(&[7]),
    ];
    for change in changes {
        let mut record = old.clone();
        change(&mut record);
        assert!(record.check().is_err());
        record.raise_layout();
        assert_eq!(record.layout, 5);
        record.check().unwrap();
    }
}

fn pins(digits: &[u8]) -> BTreeSet<Pin> {
    digits.iter().map(|digit| Pin::from_digest([*digit; 32])).collect()
}

/// The operators after somebody applied.
fn operators(before: (&[u8], &[u8]), used: u8, listed: &[u8]) -> BTreeSet<Pin> {
    let mut record = record();
    (record.operators, record.spec.operator_keys) = (pins(before.0), pins(before.1));
    record.set_operators(Pin::from_digest([used; 32]), &pins(listed));
    record.operators
}

#[test]
fn an_operators_key_follows_another_and_nobody_is_shut_out_unasked() {
    // Listed, then used, then alone.
    assert_eq!(operators((&[1], &[]), 1, &[2]), pins(&[1, 2]));
    assert_eq!(operators((&[1, 2], &[2]), 2, &[2]), pins(&[1, 2]), "the list is as it was");
    assert_eq!(operators((&[1, 2], &[2]), 2, &[]), pins(&[2]));
    // Whoever applies stays, listed or not.
    assert_eq!(operators((&[1, 2], &[2]), 1, &[]), pins(&[1]));
    assert_eq!(operators((&[1, 2], &[2]), 1, &[3]), pins(&[1, 3]));
    // Somebody whom the owner of a machine let in stays until somebody changes the list.
    assert_eq!(operators((&[1, 9], &[]), 1, &[]), pins(&[1, 9]));
}

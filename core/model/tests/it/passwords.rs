//! Passwords: how one follows another, when they end, and what Records of either layout say of them.

use std::collections::BTreeMap;
use std::time::Duration;

use justmanage_model::user::PASSWORDS_MAX;
use justmanage_model::{AclRules, Password, PasswordHash, Record, Timestamp, User, UserName};
use proptest::prelude::*;

use crate::records::record;

const DAY: Duration = Duration::from_secs(86_400);

fn hash(number: u8) -> PasswordHash {
    PasswordHash::from_digest([number; 32])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn rules() -> AclRules {
    "~* +@read".parse().unwrap()
}

/// Passwords as pairs of their number and their end in seconds.
fn said(user: &User) -> Vec<(u8, Option<i64>)> {
    let number = |password: &Password| u8::from_str_radix(&password.hash.to_string()[..2], 16).unwrap();
    let end = |password: &Password| password.until.map(|until| until.as_second() - 1_800_000_000);
    user.passwords.iter().map(|password| (number(password), end(password))).collect()
}

#[test]
fn a_new_password_leaves_the_old_one_valid_for_its_grace() {
    let mut user = User::new(rules(), hash(1));
    user.set_password(hash(2), at(0), DAY);
    assert_eq!(said(&user), [(2, None), (1, Some(86_400))]);
    assert_eq!((user.password(), user.last_end()), (Some(hash(2)), Some(at(86_400))));

    // The same again changes nothing: an apply that was killed is repeated.
    user.set_password(hash(2), at(500), DAY);
    assert_eq!(said(&user), [(2, None), (1, Some(86_400))]);

    // Within the grace, each lives until its own end, and the oldest makes room.
    user.set_password(hash(3), at(1000), DAY);
    assert_eq!(said(&user), [(3, None), (2, Some(87_400)), (1, Some(86_400))]);
    user.set_password(hash(4), at(2000), DAY);
    assert_eq!(said(&user), [(4, None), (3, Some(88_400)), (2, Some(87_400))]);

    // Back to one that is about to end.
    user.set_password(hash(2), at(3000), DAY);
    assert_eq!(said(&user), [(2, None), (4, Some(89_400)), (3, Some(88_400))]);

    // A shorter grace is one for all that came before; none at all ends them at once.
    user.set_password(hash(2), at(4000), Duration::from_secs(60));
    assert_eq!(said(&user), [(2, None), (4, Some(4060)), (3, Some(4060))]);
    user.set_password(hash(5), at(5000), Duration::ZERO);
    assert_eq!(said(&user), [(5, None)]);
}

#[test]
fn an_end_is_late_rather_than_early() {
    let mut user = User::new(rules(), hash(1));
    user.set_password(hash(2), at(0) + jiff::SignedDuration::from_millis(1), Duration::from_millis(1500));
    assert_eq!(user.last_end(), Some(at(3)));
    let mut user = User::new(rules(), hash(1));
    user.set_password(hash(2), at(0), Duration::MAX);
    assert_eq!(user.last_end(), Some(Timestamp::MAX));
}

#[test]
fn a_temporary_user_goes_with_its_password_and_lasts_longer_when_somebody_says_so() {
    let mut record = record();
    let (guest, app, nobody) = (UserName::temporary([7; 8]), "app".parse().unwrap(), "nobody".parse().unwrap());
    let mut user = User::temporary(rules(), hash(1), at(0), Duration::from_secs(60));
    assert_eq!(user.password(), None, "it has none that lasts");
    user.prolong(at(30), Duration::from_secs(60));
    user.prolong(at(0), Duration::from_secs(1));
    assert_eq!(user.last_end(), Some(at(90)), "never shorter");
    record.users.insert(guest, user);
    let mut user = User::new(rules(), hash(1));
    user.set_password(hash(2), at(0), Duration::from_secs(60));
    record.users.insert(app, user);
    // Somebody who cannot log in has nothing that ends.
    record.users.insert(nobody, User { acl: rules(), passwords: vec![], given: Default::default() });

    assert_eq!(record.ended_by(at(59)), None);
    assert_eq!(record.ended_by(at(60)), Some(at(60)));
    assert_eq!(record.ended_by(at(1000)), Some(at(90)));
    record.end_passwords(at(60));
    assert_eq!(said(&record.users[&"app".parse::<UserName>().unwrap()]), [(2, None)]);
    assert_eq!(record.users.len(), 3);
    record.end_passwords(at(90));
    let left: Vec<_> = record.users.keys().map(UserName::as_str).collect();
    assert_eq!(left, ["app", "nobody"]);
    assert_eq!(record.ended_by(Timestamp::MAX), None);
}

#[test]
fn what_no_end_is_reads_as_before_and_what_is_one_is_not_missed_by_older_software() {
    // As layout 1 has it.
    let old = format!("{{\"acl\": \"~* +@read\", \"passwords\": [\"{}\", \"{}\"]}}", hash(1), hash(2));
    let mut user: User = serde_json::from_str(&old).unwrap();
    assert_eq!(said(&user), [(1, None), (2, None)]);
    assert_eq!(serde_json::to_string(&user).unwrap(), old.replace(": ", ":").replace(", ", ","));
    // Two without an end, from older software: one follows both.
    user.set_password(hash(3), at(0), DAY);
    assert_eq!(said(&user), [(3, None), (1, Some(86_400)), (2, Some(86_400))]);

    /// A user as layout 1 knew it.
    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "only whether it reads matters")]
    struct Old {
        acl: AclRules,
        passwords: Vec<PasswordHash>,
    }
    let new = serde_json::to_string(&user).unwrap();
    assert_eq!(serde_json::from_str::<User>(&new).unwrap(), user);
    assert!(serde_json::from_str::<Old>(&old).is_ok());
    assert!(serde_json::from_str::<Old>(&new).is_err(), "it stops, and does not drop the ends");
    let wrong = new.replace(&hash(1).to_string(), "sesame");
    let said = serde_json::from_str::<User>(&wrong).unwrap_err().to_string();
    assert!(!said.contains("sesame"), "{said}");
}

#[test]
fn a_record_takes_the_layout_that_it_needs_and_keeps_it() {
    let mut now = Record { layout: 1, ..record() };
    now.users = BTreeMap::from([("app".parse().unwrap(), User::new(rules(), hash(1)))]);
    now.raise_layout();
    assert_eq!((now.layout, now.check()), (1, Ok(())), "older software reads it as long as it can");
    let mut next = Record { generation: now.generation.next(), ..now.clone() };
    next.users.values_mut().for_each(|user| user.set_password(hash(2), at(0), DAY));
    assert!(next.check().unwrap_err().to_string().contains("layout 1"), "an end needs layout 2");
    next.raise_layout();
    assert_eq!((next.layout, now.check_next(&next)), (2, Ok(())));
    next.end_passwords(Timestamp::MAX);
    next.raise_layout();
    assert_eq!(next.layout, 2);

    let mut guests = Record { layout: 1, ..record() };
    guests.users = BTreeMap::from([(
        UserName::temporary([1; 8]),
        User { acl: rules(), passwords: vec![], given: Default::default() },
    )]);
    assert!(guests.check().is_err(), "older software takes no such name");
}

proptest! {
    #[test]
    fn whatever_is_set_the_last_one_lasts_and_nothing_outlives_its_grace(
        story in proptest::collection::vec((1u8..6, 0i64..200, 0u64..200), 1..20),
    ) {
        let mut user = User::new(rules(), hash(0));
        let mut now = 0;
        for (number, passes, grace) in story {
            now += passes;
            let before = user.clone();
            user.set_password(hash(number), at(now), Duration::from_secs(grace));
            prop_assert_eq!(user.password(), Some(hash(number)));
            prop_assert_eq!(user.passwords.iter().filter(|one| one.until.is_none()).count(), 1);
            prop_assert!(user.passwords.len() <= PASSWORDS_MAX);
            let latest = at(now + i64::try_from(grace).unwrap());
            prop_assert!(user.last_end().is_none_or(|end| end <= latest));
            for one in &before.passwords {
                let after = user.passwords.iter().find(|after| after.hash == one.hash && after.until.is_some());
                let due = one.until.unwrap_or(Timestamp::MAX).min(latest);
                if let Some(after) = after {
                    prop_assert_eq!(after.until, Some(due), "neither earlier nor later than it was promised");
                }
            }
        }
    }
}

//! Which cases there are, and which of them are tried at a place.

use crate::{Can, Fault, Place};

/// A case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The behaviour that it tries.
    pub name: &'static str,
    /// What has to go wrong for it.
    pub needs: Option<Fault>,
}

/// Hands the list of all cases to another macro, behind what that is given.
#[doc(hidden)]
#[macro_export]
macro_rules! each_case {
    ($what:ident $given:tt) => {
        $crate::$what! { $given
            what_is_made_is_found_by_its_claim_and_its_cluster_and_nothing_else,
            ensure_twice_gives_the_same_machine,
            ensure_by_two_at_once_gives_one_machine,
            one_process_sees_what_it_did,
            each_cluster_is_named_once_and_as_long_as_it_has_machines,
            two_clusters_of_one_name_are_both_seen,
            find_seen_agrees_with_find_where_everybody_answers,
            remove_twice_is_a_success_and_what_is_removed_is_not_found,
            remove_by_two_at_once_is_a_success,
            remove_of_what_is_not_ours_touches_nothing,
            reach_leads_to_the_agents_address_and_key,
            a_stopped_agent_is_found_stopped_and_ensure_starts_it,
            foreign_things_are_untouched_by_all_of_it,
            ensure_by_somebody_who_dies_waiting_is_ended_by_the_next,
            remove_by_somebody_who_dies_waiting_is_ended_by_the_next,
            ensure_killed_between_two_steps_is_ended_by_the_next needs Killed,
            remove_killed_between_two_steps_is_ended_by_the_next needs Killed,
            a_lost_answer_makes_no_second_machine needs AnswerLost,
            a_lost_answer_keeps_no_machine needs AnswerLost,
            a_lost_answer_hides_no_machine needs AnswerLost,
            whoever_is_throttled_gets_one_machine_and_sees_it needs Throttled,
            without_capacity_there_is_an_error_for_that_and_nothing_is_forgotten needs NoCapacity,
            beyond_a_quota_there_is_an_error_for_that_and_nothing_is_forgotten needs Quota,
            what_is_not_visible_yet_is_never_said_to_be_absent needs NotVisible,
            what_is_not_visible_yet_can_be_removed needs NotVisible,
        }
    };
}

/// The list as a constant.
#[doc(hidden)]
#[macro_export]
macro_rules! list_of {
    (() $($case:ident $(needs $fault:ident)?,)*) => {
        &[$($crate::table::Case {
            name: stringify!($case),
            needs: $crate::list_of!(@needs $($fault)?),
        },)*]
    };
    (@needs) => { None };
    (@needs $fault:ident) => { Some($crate::Fault::$fault) };
}

/// All cases.
pub const CASES: &[Case] = crate::each_case!(list_of());

/// Why a case is not tried at a place; `None`: it is.
fn why_not<P: Place>(case: &Case) -> Option<(Fault, &'static str)> {
    let fault = case.needs?;
    match P::can(fault) {
        Can::Yes => None,
        Can::No(why) => Some((fault, why)),
    }
}

/// Tries a case, where the place can have what it needs, and says which of both it was.
///
/// # Panics
/// The platform breaks the contract.
pub async fn run<P: Place>(name: &str, case: impl Future<Output = ()>) {
    let entry = CASES.iter().find(|case| case.name == name).expect("a case of the list");
    match why_not::<P>(entry) {
        Some((fault, why)) => eprintln!("{}: not tried, {fault:?}: {why}", P::NAME),
        None => {
            case.await;
            eprintln!("{}: tried", P::NAME);
        }
    }
}

/// The table of a place: every case, and every fault that it cannot have.
#[must_use]
pub fn table<P: Place>() -> String {
    let mut lines = vec![P::NAME.to_owned(), String::new()];
    for case in CASES {
        let tried = why_not::<P>(case).map_or("tried".to_owned(), |(fault, _)| format!("not tried: {fault:?}"));
        lines.push(format!("{}: {tried}", case.name));
    }
    let reasons = Fault::ALL.iter().filter_map(|fault| match P::can(*fault) {
        Can::Yes => None,
        Can::No(why) => Some(format!("{fault:?}: {why}")),
    });
    let locked = match P::namesakes() {
        Can::Yes => None,
        Can::No(why) => Some(format!("Two clusters of one name: {why}")),
    };
    let reasons: Vec<String> = reasons.chain(locked).collect();
    if !reasons.is_empty() {
        lines.push(String::new());
        lines.extend(reasons);
    }
    lines.join("\n") + "\n"
}

/// That the table which stands beside the tests is the one of what is tried.
///
/// # Panics
/// It is another one.
pub fn check<P: Place>(written: &str) {
    let table = table::<P>();
    eprint!("{table}");
    for fault in Fault::ALL {
        assert!(CASES.iter().any(|case| case.needs == Some(fault)), "{fault:?} is needed by no case");
        assert!(P::can(fault) != Can::No(""), "{fault:?} is refused without a reason");
    }
    assert_eq!(written, table, "the table beside the tests says something else than what is tried");
}

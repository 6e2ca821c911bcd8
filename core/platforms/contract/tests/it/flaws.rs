//! Each case is failed by a platform that breaks the contract in the way that the case is there for.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use justmanage_platform_contract::{cases, table};

use crate::place::Played;

/// The number of no flaw.
pub(crate) const NONE: usize = usize::MAX;

/// What a platform does wrong, and its number.
macro_rules! flaws {
    ($($(#[doc = $what:literal])+ $flaw:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($(#[doc = $what])+ $flaw,)*
        }

        impl Flaw {
            /// All of them, by their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$flaw,)*];
        }
    };
}

flaws! {
    /// It finds a cluster by its name and looks no further.
    FindsByNameAlone,
    /// Of several clusters of one name it finds the first.
    FindsOneCluster,
    /// It knows of no cluster.
    NamesNobody,
    /// It says that somebody did not answer.
    SomebodyIsSilent,
    /// It goes by what it saw first.
    RemembersLooks,
    /// It makes a machine whenever it is asked.
    MakesAlways,
    /// It looks whether there is a machine, and makes one if not.
    LooksFirst,
    /// It says whose a machine is in a call of its own.
    TagsLater,
    /// It takes that away before the machine.
    UntagsBefore,
    /// It tries again without knowing what became of the first time.
    TriesElsewhere,
    /// It takes what is gone for an error.
    GoneIsError,
    /// It removes whatever a reference leads to.
    RemovesAnything,
    /// It removes what is in its list.
    RemovesWhatItSees,
    /// It clears away what it does not know.
    SweepsOthers,
    /// It knows one agent.
    ReachesTheFirst,
    /// It takes every agent for one that runs.
    SaysThatAllRun,
    /// It starts nobody again.
    LeavesStopped,
    /// It takes a list that did not come for an empty one.
    BrokenIsEmpty,
    /// The same where it was turned away.
    ThrottledIsEmpty,
    /// It takes being turned away for having no room.
    ThrottledIsQuota,
    /// It does not say that it is room which is wanting.
    NoRoomIsFailure,
    /// It makes what belongs to a machine before it knows that there will be one.
    PaysBefore,
    /// It answers before what it made can be found.
    DoesNotWait,
}

/// A case fails.
fn fails(case: impl Future<Output = ()>) {
    // One thread, so that what happens at the same time happens in the same order each time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    assert!(catch_unwind(AssertUnwindSafe(|| runtime.block_on(case))).is_err(), "the case sees nothing wrong");
}

macro_rules! seen_to_fail {
    ($($case:ident by $($flaw:ident),+;)*) => {
        const SEEN: &[&str] = &[$(stringify!($case),)*];

        $(
            #[test]
            fn $case() {
                $(fails(cases::$case::<Played<{ Flaw::$flaw as usize }>>());)+
            }
        )*
    };
}

seen_to_fail! {
    what_is_made_is_found_by_its_claim_and_its_cluster_and_nothing_else by FindsByNameAlone;
    ensure_twice_gives_the_same_machine by MakesAlways;
    ensure_by_two_at_once_gives_one_machine by LooksFirst, MakesAlways;
    one_process_sees_what_it_did by RemembersLooks;
    each_cluster_is_named_once_and_as_long_as_it_has_machines by NamesNobody;
    two_clusters_of_one_name_are_both_seen by FindsOneCluster, FindsByNameAlone;
    find_seen_agrees_with_find_where_everybody_answers by SomebodyIsSilent;
    remove_twice_is_a_success_and_what_is_removed_is_not_found by GoneIsError;
    remove_by_two_at_once_is_a_success by GoneIsError;
    remove_of_what_is_not_ours_touches_nothing by RemovesAnything;
    reach_leads_to_the_agents_address_and_key by ReachesTheFirst;
    a_stopped_agent_is_found_stopped_and_ensure_starts_it by SaysThatAllRun, LeavesStopped;
    foreign_things_are_untouched_by_all_of_it by SweepsOthers;
    ensure_by_somebody_who_dies_waiting_is_ended_by_the_next by TagsLater, MakesAlways;
    remove_by_somebody_who_dies_waiting_is_ended_by_the_next by UntagsBefore;
    ensure_killed_between_two_steps_is_ended_by_the_next by TagsLater;
    remove_killed_between_two_steps_is_ended_by_the_next by UntagsBefore;
    a_lost_answer_makes_no_second_machine by TriesElsewhere, MakesAlways;
    a_lost_answer_keeps_no_machine by GoneIsError;
    a_lost_answer_hides_no_machine by BrokenIsEmpty;
    whoever_is_throttled_gets_one_machine_and_sees_it by ThrottledIsEmpty, ThrottledIsQuota;
    without_capacity_there_is_an_error_for_that_and_nothing_is_forgotten by NoRoomIsFailure, PaysBefore;
    beyond_a_quota_there_is_an_error_for_that_and_nothing_is_forgotten by NoRoomIsFailure, PaysBefore;
    what_is_not_visible_yet_is_never_said_to_be_absent by DoesNotWait, LooksFirst;
    what_is_not_visible_yet_can_be_removed by RemovesWhatItSees;
}

/// A platform that is said to lock names, and does not.
#[test]
fn names_that_nobody_locks() {
    fails(cases::two_clusters_of_one_name_are_both_seen::<Played<NONE, true>>());
}

#[test]
fn every_case_is_among_them() {
    let all: BTreeSet<&str> = table::CASES.iter().map(|case| case.name).collect();
    assert_eq!(SEEN.iter().copied().collect::<BTreeSet<_>>(), all);
    assert_eq!(all.len(), table::CASES.len(), "no case is there twice");
}

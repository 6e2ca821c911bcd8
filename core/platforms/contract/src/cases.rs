//! The cases: what is true of every platform, one function each, by what goes on in them.
//!
//! | module | what goes on |
//! |---|---|
//! | `found` | machines are looked for |
//! | `made` | machines are made |
//! | `removed` | machines are removed |
//! | `reached` | agents are reached, or do not run |
//! | `beside` | other things are there |
//! | `killed` | whoever is at it is killed |
//! | `unheard` | answers are lost, calls are turned away |
//! | `room` | there is no room |
//! | `unseen` | lists come late |
//!
//! Each panics where the platform breaks the contract.

mod beside;
mod found;
mod killed;
mod made;
mod reached;
mod removed;
mod room;
mod unheard;
mod unseen;

pub use beside::{foreign_things_are_untouched_by_all_of_it, remove_of_what_is_not_ours_touches_nothing};
pub use found::{
    each_cluster_is_named_once_and_as_long_as_it_has_machines, find_seen_agrees_with_find_where_everybody_answers,
    two_clusters_of_one_name_are_both_seen, what_is_made_is_found_by_its_claim_and_its_cluster_and_nothing_else,
};
pub use killed::{
    ensure_by_somebody_who_dies_waiting_is_ended_by_the_next, ensure_killed_between_two_steps_is_ended_by_the_next,
    remove_by_somebody_who_dies_waiting_is_ended_by_the_next, remove_killed_between_two_steps_is_ended_by_the_next,
};
pub use made::{
    ensure_by_two_at_once_gives_one_machine, ensure_twice_gives_the_same_machine, one_process_sees_what_it_did,
};
pub use reached::{a_stopped_agent_is_found_stopped_and_ensure_starts_it, reach_leads_to_the_agents_address_and_key};
pub use removed::{remove_by_two_at_once_is_a_success, remove_twice_is_a_success_and_what_is_removed_is_not_found};
pub use room::{
    beyond_a_quota_there_is_an_error_for_that_and_nothing_is_forgotten,
    without_capacity_there_is_an_error_for_that_and_nothing_is_forgotten,
};
pub use unheard::{
    a_lost_answer_hides_no_machine, a_lost_answer_keeps_no_machine, a_lost_answer_makes_no_second_machine,
    whoever_is_throttled_gets_one_machine_and_sees_it,
};
pub use unseen::{what_is_not_visible_yet_can_be_removed, what_is_not_visible_yet_is_never_said_to_be_absent};

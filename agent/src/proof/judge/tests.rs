//! Stories of a probe, and what is to be made of each.

use std::time::Duration;

use super::*;

enum Told {
    /// Acknowledged with this number, a millisecond after what was before.
    Ack(u64),
    /// The same, and the server can explain why the key is gone.
    Explained(u64),
    /// No answer by whoever acknowledged last.
    Silence,
    /// No answer by anybody else.
    Elsewhere,
    /// The server says that it has been the primary ever since it acknowledged last.
    GoesOn,
    /// Not here, or nobody there.
    Away,
    /// Memory is full.
    Full,
    /// So many milliseconds go by.
    Wait(u64),
    /// Another key, with or without having checked this one.
    Leave(bool),
}

use Told::{Ack, Away, Elsewhere, Explained, Full, GoesOn, Leave, Silence, Wait};

/// (acknowledged, lost, unproven, not measured, longest pause)
type Counts = (u64, u64, u64, u64, u64);

fn told(story: &[Told]) -> Counts {
    let mut judge = Judge::default();
    let mut now = Instant::now();
    for event in story {
        match event {
            Ack(number) | Explained(number) => {
                now += Duration::from_millis(1);
                let explained = matches!(event, Explained(_));
                assert!(!explained || judge.doubts(*number), "nobody would have asked the server");
                judge.acknowledged(*number, explained, now);
            }
            Silence => judge.unanswered(false),
            Elsewhere => judge.unanswered(true),
            GoesOn => judge.goes_on(),
            Away => judge.turned_away(),
            Full => judge.refused(),
            Wait(millis) => now += Duration::from_millis(*millis),
            Leave(checked) => judge.leave_key(*checked),
        }
    }
    let Proof { acknowledged, lost, unproven, not_measured, longest_pause_ms } = judge.proof(now);
    (acknowledged, lost, unproven, not_measured, longest_pause_ms)
}

#[test]
fn every_story_has_its_judgement() {
    let stories: [(&str, &[Told], Counts); 24] = [
        ("it rises", &[Ack(1), Ack(2), Ack(3)], (3, 0, 0, 0, 1)),
        ("a key of an earlier time", &[Ack(41), Ack(42)], (2, 0, 0, 0, 1)),
        ("through a handover", &[Ack(1), Ack(2), Away, Wait(50), Ack(3)], (3, 0, 0, 0, 51)),
        ("unanswered and done", &[Ack(1), Silence, Wait(500), Ack(3)], (2, 0, 0, 0, 501)),
        ("unanswered and not done", &[Ack(1), Silence, Ack(2)], (2, 0, 0, 0, 1)),
        ("one is lost", &[Ack(1), Ack(2), Ack(3), Away, Ack(3)], (4, 1, 0, 0, 1)),
        ("three are lost", &[Ack(1), Ack(2), Ack(3), Ack(4), Away, Ack(2), Ack(3)], (6, 3, 0, 0, 1)),
        ("what was not acknowledged is not lost", &[Ack(1), Silence, Ack(3), Away, Ack(2)], (3, 1, 0, 0, 1)),
        ("what came through hides nothing", &[Ack(1), Ack(2), Silence, Away, Ack(2)], (3, 1, 0, 0, 1)),
        ("done elsewhere, behind all that was acknowledged", &[Ack(1), Ack(2), Elsewhere, Ack(4)], (3, 0, 0, 0, 1)),
        ("one here, one there", &[Ack(1), Silence, Elsewhere, Ack(4)], (2, 0, 0, 0, 1)),
        ("not done elsewhere, or in a lost one's place", &[Ack(1), Ack(2), Elsewhere, Ack(3)], (3, 0, 1, 0, 1)),
        (
            "what was done elsewhere hides two, or none",
            &[Ack(1), Ack(2), Ack(3), Ack(4), Away, Elsewhere, Elsewhere, Ack(5)],
            (5, 0, 2, 0, 1),
        ),
        ("two are lost, and perhaps one more", &[Ack(1), Ack(2), Ack(3), Elsewhere, Ack(2)], (4, 2, 1, 0, 1)),
        ("the primary was there all the while", &[Ack(1), Ack(2), Elsewhere, GoesOn, Ack(3)], (3, 0, 0, 0, 1)),
        ("the same, and it was flushed", &[Ack(7), Ack(8), Away, GoesOn, Ack(1)], (3, 0, 1, 0, 1)),
        ("flushed under a primary that goes on", &[Ack(1), Ack(2), Ack(1), Ack(2)], (4, 0, 1, 0, 1)),
        ("flushed beside a handover", &[Ack(7), Ack(8), Away, Explained(1)], (3, 0, 1, 0, 1)),
        ("the same, one unanswered", &[Ack(7), Ack(8), Silence, Explained(2)], (3, 0, 1, 0, 1)),
        ("the new primary is empty, and nobody knows why", &[Ack(1), Ack(2), Ack(3), Away, Ack(1)], (4, 3, 0, 0, 1)),
        ("memory is full for a while", &[Ack(1), Full, Full, Wait(900), Ack(2)], (2, 0, 0, 2, 0)),
        ("a pause that goes on counts", &[Ack(1), Away, Wait(700)], (1, 0, 0, 0, 700)),
        ("the slot moved, all was there", &[Ack(1), Away, Ack(2), Leave(true), Ack(1), Ack(2)], (4, 0, 0, 0, 1)),
        ("the slot moved, nobody looked", &[Ack(1), Leave(false), Ack(1)], (2, 0, 1, 0, 1)),
    ];
    for (story, events, counts) in stories {
        assert_eq!(told(events), counts, "{story}");
    }
}

#[test]
fn it_goes_on_from_what_was_counted() {
    let before = Proof { acknowledged: 10, lost: 1, unproven: 2, not_measured: 3, longest_pause_ms: 40 };
    let runs = || Some(vec![(1, 4), (6, 8)]);
    for (what, runs, cut_short, same, number, lost, unproven) in [
        ("all is there", runs(), false, false, 9, 1, 2),
        ("some of it is lost", runs(), false, false, 4, 1 + 4, 2),
        ("there may have been more", runs(), true, false, 9, 1, 2 + 1),
        ("some is lost, and there may have been more", runs(), true, false, 8, 1 + 1, 2 + 1),
        ("there may have been more, and the primary is the same", runs(), true, true, 9, 1, 2),
        ("the primary is the same, and the key is not", runs(), true, true, 1, 1, 2 + 1),
        ("nothing is left of a key", Some(Vec::new()), true, false, 1, 1, 2),
        ("nobody knows the key", None, false, false, 700, 1, 9),
        ("nobody knows the key, and it is gone", None, true, false, 1, 1, 9),
    ] {
        let mut judge = Judge::after(before, runs, cut_short);
        if same {
            judge.goes_on();
        }
        let now = Instant::now();
        judge.acknowledged(number, false, now);
        let expected = Proof { acknowledged: 11, lost, unproven, ..before };
        assert_eq!(judge.proof(now), expected, "{what}");
    }
}

#[test]
fn what_may_be_missing_is_counted_once() {
    let before = Proof { acknowledged: 10, ..Proof::default() };
    let mut judge = Judge::after(before, Some(vec![(1, 10)]), true);
    for number in 11..13 {
        judge.acknowledged(number, false, Instant::now());
        judge.turned_away();
    }
    assert_eq!(judge.proof(Instant::now()).unproven, 1);
    assert_eq!(judge.runs(), [(1, 12)]);
    let mut judge = Judge::after(before, Some(vec![(1, 10)]), true);
    judge.leave_key(false);
    judge.acknowledged(1, false, Instant::now());
    assert_eq!(judge.proof(Instant::now()).unproven, 1);
}

#[test]
fn what_is_remembered_is_bounded() {
    let (mut judge, now) = (Judge::default(), Instant::now());
    for number in 0..2 * RUNS_MAX as u64 {
        judge.acknowledged(number * 2 + 1, false, now);
    }
    assert_eq!(judge.runs.len(), RUNS_MAX);
}

//! Stories of a probe, and what is to be made of each.

use std::time::Duration;

use super::*;

enum Told {
    /// Acknowledged with this number, a millisecond after what was before.
    Ack(u64),
    /// The same, and the server can explain why the key is gone.
    Explained(u64),
    /// No answer.
    Silence,
    /// Not here, or nobody there.
    Away,
    /// Memory is full.
    Full,
    /// So many milliseconds go by.
    Wait(u64),
    /// Another key, with or without having checked this one.
    Leave(bool),
}

use Told::{Ack, Away, Explained, Full, Leave, Silence, Wait};

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
            Silence => judge.unanswered(),
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
    let stories: [(&str, &[Told], Counts); 17] = [
        ("it rises", &[Ack(1), Ack(2), Ack(3)], (3, 0, 0, 0, 1)),
        ("a key of an earlier time", &[Ack(41), Ack(42)], (2, 0, 0, 0, 1)),
        ("through a handover", &[Ack(1), Ack(2), Away, Wait(50), Ack(3)], (3, 0, 0, 0, 51)),
        ("unanswered and done", &[Ack(1), Silence, Wait(500), Ack(3)], (2, 0, 0, 0, 501)),
        ("unanswered and not done", &[Ack(1), Silence, Ack(2)], (2, 0, 0, 0, 1)),
        ("one is lost", &[Ack(1), Ack(2), Ack(3), Away, Ack(3)], (4, 1, 0, 0, 1)),
        ("three are lost", &[Ack(1), Ack(2), Ack(3), Ack(4), Away, Ack(2), Ack(3)], (6, 3, 0, 0, 1)),
        ("what was not acknowledged is not lost", &[Ack(1), Silence, Ack(3), Away, Ack(2)], (3, 1, 0, 0, 1)),
        ("what came through hides nothing", &[Ack(1), Ack(2), Silence, Away, Ack(2)], (3, 1, 0, 0, 1)),
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
    let mut judge = Judge::after(before);
    judge.acknowledged(1, false, Instant::now());
    assert_eq!(judge.proof(Instant::now()), Proof { acknowledged: 11, ..before });
}

#[test]
fn what_is_remembered_is_bounded() {
    let (mut judge, now) = (Judge::default(), Instant::now());
    for number in 0..2 * RUNS_MAX as u64 {
        judge.acknowledged(number * 2 + 1, false, now);
    }
    assert_eq!(judge.runs.len(), RUNS_MAX);
}

//! What a seed tells: which operation is under way, who is killed in it, and when.

use std::fmt;

/// An operation that takes long enough to be killed in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Another patch, for every node.
    Version,
    /// Another number of shards.
    Shards,
}

/// Who is killed. Of several, the number says which, in an order that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    Terraform,
    Provider,
    Agent(usize),
    Server(usize),
}

/// A kill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kill {
    pub(super) victim: Victim,
    /// When, as a part of the time that the operation takes undisturbed.
    pub(super) at: f64,
}

/// What happens in one round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Story {
    pub(super) operation: Operation,
    /// One to three, in the order in which they happen.
    pub(super) kills: Vec<Kill>,
}

impl Story {
    /// The same for the same seed, always.
    pub(super) fn of(seed: u64) -> Self {
        let mut draw = Draw(seed);
        let operation = if draw.below(2) == 0 { Operation::Version } else { Operation::Shards };
        let number = 1 + draw.below(3);
        let kill = |_| {
            let victim = match draw.below(4) {
                0 => Victim::Terraform,
                1 => Victim::Provider,
                2 => Victim::Agent(draw.below(1000)),
                _ => Victim::Server(draw.below(1000)),
            };
            Kill { victim, at: draw.below(1000) as f64 / 1000.0 }
        };
        let mut kills: Vec<Kill> = (0..number).map(kill).collect();
        kills.sort_by(|one, other| one.at.total_cmp(&other.at));
        Self { operation, kills }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "version",
            Self::Shards => "shards",
        })
    }
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).expect("below a usize")
    }
}

#[test]
fn seeds_tell_of_everybody_in_both_operations() {
    let stories: Vec<Story> = (0..50).map(Story::of).collect();
    assert_eq!(stories, (0..50).map(Story::of).collect::<Vec<_>>());
    for operation in [Operation::Version, Operation::Shards] {
        let kills: Vec<Kill> =
            stories.iter().filter(|story| story.operation == operation).flat_map(|story| story.kills.clone()).collect();
        let killed = |who: fn(&Victim) -> bool| kills.iter().filter(|kill| who(&kill.victim)).count();
        assert!(killed(|victim| *victim == Victim::Terraform) > 4, "{kills:?}");
        assert!(killed(|victim| *victim == Victim::Provider) > 4, "{kills:?}");
        assert!(killed(|victim| matches!(victim, Victim::Agent(_))) > 4, "{kills:?}");
        assert!(killed(|victim| matches!(victim, Victim::Server(_))) > 4, "{kills:?}");
        assert!(
            [0.0, 0.25, 0.5, 0.75].iter().all(|from| kills.iter().any(|kill| (*from..from + 0.25).contains(&kill.at)))
        );
    }
    let numbers = [1, 2, 3].map(|number| stories.iter().filter(|story| story.kills.len() == number).count());
    assert!(numbers.iter().all(|count| *count > 5) && numbers.iter().sum::<usize>() == 50, "{numbers:?}");
}

#[test]
fn the_handful_tells_of_everybody_and_of_both_operations_of_each_engine() {
    let stories: Vec<(u64, Story)> = super::HANDFUL.iter().map(|seed| (*seed, Story::of(*seed))).collect();
    for parity in [0, 1] {
        for operation in [Operation::Version, Operation::Shards] {
            let told = |(seed, story): &(u64, Story)| seed % 2 == parity && story.operation == operation;
            assert!(stories.iter().any(told), "{operation} of engine {parity}: {stories:?}");
        }
        let mut kills = stories.iter().filter(|(seed, _)| seed % 2 == parity).flat_map(|(_, story)| &story.kills);
        assert!(kills.any(|kill| matches!(kill.victim, Victim::Server(_))), "a server of engine {parity}: {stories:?}");
    }
    let killed =
        |who: fn(&Victim) -> bool| stories.iter().flat_map(|(_, story)| &story.kills).any(|kill| who(&kill.victim));
    assert!(killed(|victim| *victim == Victim::Terraform), "{stories:?}");
    assert!(killed(|victim| *victim == Victim::Provider), "{stories:?}");
    assert!(killed(|victim| matches!(victim, Victim::Agent(_))), "{stories:?}");
}

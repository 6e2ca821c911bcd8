//! Seeds: those that found something once, and a slice of others.

use justmanage_sim::faults::{KINDS, Kind, Mending};
use justmanage_sim::run::{Tale, run, tell};
use justmanage_sim::shape::Shape;
use justmanage_sim::world::{Counts, World};

/// Where the slice begins. The long run (`cargo run --release -p justmanage-sim`) begins at 1.
const SLICE: u64 = 2_000_000;

/// How many seeds are in the slice: some 20 s of one core, without optimisation.
const SEEDS: u64 = 10;

/// How many seeds each of the faults has that are looked at alone.
const ALONE: u64 = 4;

fn hold(seeds: impl Iterator<Item = u64>, tale: Tale) -> Counts {
    let mut total = Counts::default();
    let mut broken = Vec::new();
    for seed in seeds {
        let verdict = run(seed, tale, true);
        total.add(&verdict.counts);
        broken.extend((!verdict.broken.is_empty()).then(|| tell(&verdict, 60)));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
    total
}

/// The seeds of a list, each with what it found behind it.
fn kept(list: &str) -> Vec<u64> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let seeds: Vec<u64> = lines.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

#[test]
fn kept_seeds_hold() {
    hold(kept(include_str!("../../seeds/kept.txt")).into_iter(), Tale::FORMER);
}

#[test]
fn kept_seeds_hold_where_releases_change_with_temporary_replicas() {
    hold(kept(include_str!("../../seeds/kept-surge.txt")).into_iter(), Tale { surges: true, ..Tale::FORMER });
}

#[test]
fn kept_seeds_hold_where_anything_may_happen() {
    hold(kept(include_str!("../../seeds/kept-all.txt")).into_iter(), Tale::ANY);
    hold(kept(include_str!("../../seeds/kept-all-surge.txt")).into_iter(), Tale { surges: true, ..Tale::ANY });
}

#[test]
fn a_slice_of_seeds_holds() {
    let counts = hold(SLICE..SLICE + SEEDS, Tale::ANY);
    // Something happened, and not always the same.
    assert!(counts.faults > 100 && counts.stops > 20 && counts.takeovers > 0, "{counts:?}");
}

#[test]
fn a_slice_of_seeds_holds_where_releases_change_with_temporary_replicas() {
    let counts = hold(SLICE..SLICE + SEEDS, Tale { surges: true, ..Tale::ANY });
    assert!(counts.faults > 100 && counts.stops > 20, "{counts:?}");
}

/// Each of these alone, in a few stories: it really happens, and it matters; and all is well again when it is over.
#[test]
fn each_fault_really_happens_and_matters() {
    let table: [(&'static [Kind], Mattered); 5] = [
        (&[Kind::DiskFull], DISK),
        (&[Kind::Moves], &[("nodes entered elsewhere", |counts| counts.relocated)]),
        (&[Kind::AllMove], &[("nodes entered elsewhere", |counts| counts.relocated)]),
        (&[Kind::Marks], &[("slots closed", |counts| counts.closed)]),
        (&[Kind::LateCrashes], CRASHES),
    ];
    for (kinds, mattered) in table {
        let counts = hold(SLICE..SLICE + ALONE, Tale { surges: false, kinds });
        assert!(counts.faults > 0, "{kinds:?} was never drawn");
        for (what, count) in mattered {
            assert!(count(&counts) > 0, "{kinds:?}, {what}: {counts:?}");
        }
    }
}

/// What a fault did, and how often.
type Mattered = &'static [(&'static str, fn(&Counts) -> u64)];

const DISK: Mattered = &[
    ("writes refused", |counts| counts.disks.refused),
    ("servers ended", |counts| counts.disks.ended),
    ("steps not done", |counts| counts.disks.steps),
    ("votes not cast", |counts| counts.disks.votes),
];

const CRASHES: Mattered = &[("crashes", |counts| counts.crashes), ("put back", |counts| counts.put_back)];

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let mut world = World::new(Shape::of(1, 2), seed);
        world.field.trace = Some(Vec::new());
        for tick in 0..400 {
            if tick % 50 == 20 {
                world.break_something(KINDS[tick / 50], &mut Mending::default());
            }
            world.tick();
        }
        world.field.trace.unwrap()
    };
    let one = story(12);
    assert!(one.len() > 50, "{one:?}");
    assert_eq!(one, story(12));
    assert_ne!(one, story(13));
}

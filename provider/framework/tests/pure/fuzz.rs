//! The fuzz targets of every day: kept seeds, and so many mutations of them and random bytes, the same in every run.
//!
//! `TFKIT_FUZZ_ROUNDS=1000000` asks for more. An input that fails is printed; it belongs to `fuzz/seeds`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::fuzz_checks as checks;
use crate::generate::Dice;

/// Inputs that are tried for each target: a second or two in a debug build.
const ROUNDS: u64 = 20_000;

/// No document that is made here is longer, so that none takes long.
const LONGEST: usize = 4096;

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut seeds: Vec<_> = paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    seeds.sort();
    assert!(seeds.len() >= 5, "{target} has no seeds");
    seeds
}

/// Tries the seeds, then what chance makes of them. At least one in so many of the inputs must be a value, or the test would
/// only look at the first error in each.
fn fuzz(target: &str, check: fn(&[u8]) -> bool, one_in: u64) {
    let seeds = seeds(target);
    for (path, seed) in &seeds {
        let valid = attempt(target, check, seed);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        assert_eq!(valid, !name.starts_with("bad-"), "{}", path.display());
    }
    let rounds = std::env::var("TFKIT_FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut valid = 0;
    for round in 0..rounds {
        let mut dice = Dice(round);
        let input = if dice.roll(10) == 0 { random(&mut dice) } else { mutated(&mut dice, &seeds) };
        valid += u64::from(attempt(target, check, &input));
    }
    assert!(valid * one_in >= rounds, "only {valid} of {rounds} inputs were values");
}

fn attempt(target: &str, check: fn(&[u8]) -> bool, input: &[u8]) -> bool {
    let hex = || input.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    catch_unwind(AssertUnwindSafe(|| check(input))).unwrap_or_else(|_| panic!("{target} fails for {}", hex()))
}

fn random(dice: &mut Dice) -> Vec<u8> {
    (0..dice.roll(64)).map(|_| byte(dice)).collect()
}

fn byte(dice: &mut Dice) -> u8 {
    u8::try_from(dice.roll(256)).unwrap()
}

fn place(dice: &mut Dice, len: usize) -> usize {
    usize::try_from(dice.roll(u64::try_from(len).unwrap() + 1)).unwrap()
}

/// A seed with a few changes: bytes overwritten, removed, inserted, doubled, or taken from another seed.
fn mutated(dice: &mut Dice, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let pick = |dice: &mut Dice| &seeds[place(dice, seeds.len() - 1)].1;
    let mut input = pick(dice).clone();
    for _ in 0..=dice.roll(3) {
        let at = place(dice, input.len());
        let end = at + place(dice, (input.len() - at).min(16));
        match dice.roll(6) {
            0 => input.insert(at, byte(dice)),
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            3 => {
                let other = pick(dice);
                let from = place(dice, other.len());
                let to = from + place(dice, (other.len() - from).min(32));
                input.splice(at..end, other[from..to].iter().copied());
            }
            // Small numbers are lengths and markers: one more or less.
            4 if at < input.len() => input[at] = input[at].wrapping_add(if dice.roll(2) == 0 { 1 } else { 255 }),
            _ if at < input.len() => input[at] = byte(dice),
            _ => {}
        }
    }
    input.truncate(LONGEST);
    input
}

#[test]
fn any_bytes_as_msgpack() {
    fuzz("msgpack", checks::msgpack, 10);
}

#[test]
fn any_bytes_as_json() {
    fuzz("json", checks::json, 20);
}

#[test]
fn any_bytes_as_a_refinement() {
    fuzz("refinement", checks::refinement, 10);
}

#[test]
fn any_bytes_as_a_type() {
    fuzz("type_constraint", checks::type_constraint, 50);
}

/// Documents that claim to be enormous, or nest without end: refused without the memory that they claim, or the stack.
#[test]
fn claims_cost_nothing() {
    let before = peak_kib();
    let claims: Vec<Vec<u8>> = [0xdd_u8, 0xdf, 0xdb, 0xc6, 0xc9]
        .iter()
        .flat_map(|marker| {
            let claim = move |len: u32| [[*marker].as_slice(), &len.to_be_bytes()].concat();
            [claim(u32::MAX), claim(1 << 30), [claim(1 << 30), vec![0xc0; 1000]].concat()]
        })
        .collect();
    let deep_type = format!("{}\"string\"{}", "[\"list\",".repeat(5000), "]".repeat(5000));
    let within = |open: &[u8]| [open.repeat(100_000), vec![0xc0]].concat();
    let nested = [within(&[0x91]), within(&[0x81, 0xa1, b'a']), within(&[0x92, 0xc4, 9, b'"', b'd'])];
    for document in claims.iter().chain(&nested) {
        for ty in 0..u8::try_from(checks::types().len()).unwrap() {
            checks::msgpack(&[&[ty], &document[..]].concat());
            checks::refinement(&[&[ty], &document[..]].concat());
        }
    }
    for open in ["[", "{\"a\":", "{\"type\":\"dynamic\",\"value\":"] {
        for ty in 0..u8::try_from(checks::types().len()).unwrap() {
            assert!(!checks::json(&[&[ty], open.repeat(100_000).as_bytes()].concat()));
        }
    }
    assert!(!checks::type_constraint(deep_type.as_bytes()));
    let grown = peak_kib() - before;
    assert!(grown < 64 << 10, "{grown} KiB");
}

/// The most that this process had resident so far.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

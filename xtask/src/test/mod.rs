//! `cargo xtask test`: everything that CI runs, in stages, with a table of results at the end.
//!
//! A stage that fails does not stop the ones after it, unless they cannot mean anything without it. The last line is
//! `N passed, N failed`: tests one by one, every other stage as one.

mod counts;
mod prerequisites;
mod stage;

use std::process::Command;

use anyhow::Result;

use crate::servers::{Need, ensure};
use crate::{clients, deps, guests, hosts, house, shell, tools};
use counts::Counts;
use stage::Stages;

/// Runs all stages, and tells whether all passed. What failed has been said then: the sum is to be the last line.
pub(crate) fn run() -> bool {
    let mut stages = Stages::default();
    if !stages.run("prerequisites", || one(prerequisites::check())) {
        stages.report();
        return false;
    }
    stages.run("servers", || one([Need::Every, Need::Patches].into_iter().try_for_each(|need| ensure(need).map(drop))));
    stages.run("clients", || one(clients::run()));
    stages.run("hosts", || one(hosts::run()));
    stages.run("guests", || one(guests::run()));
    stages.run("fmt", || one(stream(cargo()?.args(["fmt", "--all", "--check", "--", "--color", "never"]))));
    stages.run("deps", || one(deps::run()));
    stages.run("deny", || one(deny()));
    stages.run("clippy", || {
        let mut clippy = cargo()?;
        clippy.args(["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
        one(stream(&mut clippy))
    });
    // With the tests, so that the features of dev-dependencies are on and the next stages build nothing again.
    let built =
        stages.run("build", || one(stream(cargo()?.args(["build", "--locked", "--workspace", "--bins", "--tests"]))));
    if built {
        stages.run("nextest", nextest);
        stages.run("doctests", doctests);
    } else {
        stages.skip("nextest and doctests", "the build failed");
    }
    stages.report();
    stages.all_passed()
}

/// A stage that counts as one.
fn one(done: Result<()>) -> Result<Counts> {
    done.map(|()| Counts { passed: 1, failed: 0 })
}

/// Cargo as all stages call it: one target directory, and in CI nothing that a fresh clone never uses again.
fn cargo() -> Result<Command> {
    let mut cargo = house::cargo()?;
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    }
    Ok(cargo)
}

fn stream(command: &mut Command) -> Result<()> {
    shell::stream(command).map(drop)
}

/// Bans, licences and sources always; advisories when their database can be fetched.
fn deny() -> Result<()> {
    let program = tools::DENY.ensure()?;
    let deny = |what: &[&str]| {
        let mut command = shell::plain(&program);
        command.current_dir(house::workspace()).args(["--locked", "check"]).args(what);
        command
    };
    stream(&mut deny(&["bans", "licenses", "sources"]))?;
    match shell::output(&mut deny(&["advisories"])) {
        Ok(_) => println!("advisories ok"),
        Err(why) if counts::database_is_out_of_reach(&format!("{why:#}")) => {
            println!("ADVISORIES NOT CHECKED: their database cannot be fetched from here");
        }
        Err(why) => return Err(why.context("a dependency has an advisory")),
    }
    Ok(())
}

fn nextest() -> Result<Counts> {
    let mut command = cargo()?;
    command.env("PATH", tools::path_with(&tools::NEXTEST.ensure()?)?);
    // Chaos and power cuts: a minute each.
    command.env("JUSTMANAGE_CHAOS_SECONDS", "60");
    // Most tests wait for what others do, on half a core. Those that must not wait for each other say so (`.config/nextest.toml`).
    let threads = 2 * std::thread::available_parallelism()?.get();
    command.args([
        "nextest",
        "run",
        "--locked",
        "--workspace",
        "--color",
        "never",
        "--test-threads",
        &threads.to_string(),
    ]);
    let done = shell::stream_all(&mut command)?;
    counts::of_nextest(&done.text, done.success)
}

fn doctests() -> Result<Counts> {
    let mut command = cargo()?;
    command.args(["test", "--locked", "--workspace", "--doc", "--no-fail-fast", "--color", "never"]);
    let done = shell::stream_all(&mut command)?;
    counts::of_doctests(&done.text, done.success)
}

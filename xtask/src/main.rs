//! The project's tasks: `cargo xtask servers | clients | hosts | guests | matrix | deps | test | bench | demo | docs | dist`.
//!
//! One file (or folder) per task; what several of them need stands in `house` (paths) and `shell` (running programs).
//! Invariant: a task that fails says what to do about it and exits non-zero.
#![allow(clippy::print_stdout, reason = "tasks talk to the person who started them")]

mod bench;
mod clients;
mod demo;
mod deps;
mod dist;
mod docs;
mod guests;
mod hosts;
mod house;
mod matrix;
mod nodes;
mod procfs;
mod recipe;
mod servers;
mod shell;
mod terraform;
mod test;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the Just Manage workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Create, use, break and destroy a real cluster before your eyes
    Demo(demo::Options),
    /// Run everything that CI runs
    Test,
    /// Measure the project's numbers, each beside a peer
    Bench(bench::Options),
    /// Write the registry's pages from the schema
    Docs(docs::Options),
    /// Pack provider and agent as registries and mirrors want them
    Dist(dist::Options),
    /// Check who may import whom
    Deps,
    /// Unpack Redis and Valkey from Debian packages into the cache
    Servers(servers::Options),
    /// Fetch redis-py, ioredis and moto into the cache, as tests use them
    Clients,
    /// Make the trees of Debian in the cache that hosts of tests stand on
    Hosts,
    /// Make the disk of Debian in the cache that guests of tests boot
    Guests,
    /// Measure between which releases a cluster can go, and write it to core/releases/data/hops.json
    Matrix(matrix::Options),
    /// (started by demo and bench) Wait until standard input ends, then clean up
    #[command(hide = true)]
    CleanUpAfter { folder: PathBuf },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Deps => deps::run(),
        Task::Test if test::run() => Ok(()),
        Task::Test => return ExitCode::FAILURE,
        Task::Bench(options) => bench::run(&options),
        Task::Demo(options) => demo::run(&options),
        Task::Docs(options) => docs::run(&options),
        Task::Dist(options) => dist::run(&options),
        Task::CleanUpAfter { folder } => demo::clean_up_after(&folder),
        Task::Servers(options) => servers::run(&options),
        Task::Clients => clients::run(),
        Task::Hosts => hosts::run(),
        Task::Guests => guests::run(),
        Task::Matrix(options) => matrix::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

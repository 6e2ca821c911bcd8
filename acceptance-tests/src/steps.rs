//! Steps of provider and agents: recorded in one run, and deadly in the next, one after the other.
//!
//! The programs under test are debug builds, which name their steps (`justmanage-steps`). What is killed where is therefore
//! nobody's choice: it is what the code says of itself.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Workspace, processes, wait_until};

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The process that passes the step: the provider, an agent, or a command of an agent.
    Itself,
    /// The process that started that one: Terraform, of the provider's steps.
    Parent,
}

/// A step, and the how manieth time it is passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Its name: the part that passes it, and what the code calls it.
    pub name: String,
    /// The first time is 1.
    pub time: usize,
}

impl Point {
    /// Whether the provider passes it, rather than an agent.
    pub fn is_of_provider(&self) -> bool {
        self.name.starts_with("terraform-provider")
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.time)
    }
}

/// How long a step is waited for that an agent passes when Terraform is done already.
const LATE: Duration = Duration::from_secs(5);

/// The steps of everything that runs in a workspace.
pub struct Steps {
    directory: PathBuf,
}

impl Steps {
    /// Has everything that is started in the workspace from now on record its steps.
    ///
    /// # Panics
    /// When the directory cannot be made.
    pub fn of(workspace: &mut Workspace) -> Self {
        let directory = workspace.root().join("steps");
        fs::create_dir_all(&directory).expect("a directory");
        workspace.set("JUSTMANAGE_STEPS", &directory.display().to_string());
        Self { directory }
    }

    /// Has the clocks of agents be ahead of the machine's by so many seconds, from now on.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn set_clock(&self, ahead_s: i64) {
        // Whole or not at all: agents look at any moment.
        let unfinished = self.directory.join("clock.new");
        fs::write(&unfinished, ahead_s.to_string()).expect("a clock");
        fs::rename(&unfinished, self.directory.join("clock")).expect("a clock");
    }

    /// Forgets what was passed, and has nobody killed.
    pub fn begin(&self) {
        for file in ["kill", "killed", "passed"] {
            let _ = fs::remove_file(self.directory.join(file));
        }
    }

    /// Forgets what was passed, and has somebody killed at this point.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn kill(&self, victim: Victim, point: &Point) {
        self.begin();
        let who = match victim {
            Victim::Itself => "self",
            Victim::Parent => "parent",
        };
        // Whole or not at all: agents look at any moment.
        let unfinished = self.directory.join("kill.new");
        fs::write(&unfinished, format!("{who} {} {}", point.time, point.name)).expect("an order");
        fs::rename(&unfinished, self.directory.join("kill")).expect("an order");
    }

    /// Whether somebody was killed, and is gone. Whoever has not come to the point within some seconds is not waited for.
    pub fn was_killed(&self) -> bool {
        let killed = || fs::read_to_string(self.directory.join("killed")).ok()?.trim().parse::<i32>().ok();
        let begun = std::time::Instant::now();
        while killed().is_none() && begun.elapsed() < LATE {
            std::thread::sleep(Duration::from_millis(20));
        }
        let Some(pid) = killed() else {
            self.begin();
            return false;
        };
        wait_until("the killed process is gone", crate::DEADLINE, || !processes::is_alive(pid));
        true
    }

    /// The points that were passed since the beginning, in their order: of each name at most so many.
    pub fn passed(&self, most: usize) -> Vec<Point> {
        let text = fs::read_to_string(self.directory.join("passed")).unwrap_or_default();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        let mut points = Vec::new();
        for name in text.lines() {
            let time = times.entry(name).or_default();
            *time += 1;
            if *time <= most {
                points.push(Point { name: name.to_owned(), time: *time });
            }
        }
        points
    }
}

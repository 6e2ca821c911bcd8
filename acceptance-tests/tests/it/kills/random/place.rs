//! A cluster to which one story after the other is told.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use acceptance_tests::load::{IN_FLIGHT, Load, OLDEST_LOSS, Seen};
use acceptance_tests::processes::{self, Process};
use acceptance_tests::servers::Server;
use acceptance_tests::{Login, Workspace, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::story::{Operation, Story, Victim};
use crate::kills::saved;
use crate::scale::{assert_is, assert_kept, endpoints, fill};
use crate::versions::{directory, prepared, write};
use crate::world::{APPLY, CLUSTER, login, login_of, text};

/// Clients that write meanwhile: enough for every shard to have some.
const CLIENTS: usize = 12;
/// Until when a cluster has to be what was asked for, after the last kill. The servers' own election may come first, then what waits for
/// it, then one apply that sees that an agent is dead, and another.
const LIMIT: Duration = Duration::from_secs(240);

/// The cluster, and what it is now.
pub(super) struct Place {
    workspace: Workspace,
    engine: &'static str,
    versions: [String; 2],
    version: usize,
    shards: u16,
    /// How long a change of the version and of the shape take undisturbed.
    usual: [Duration; 2],
}

/// A kill that was carried out.
struct Killed {
    what: String,
    at: Instant,
    role: Role,
}

impl Place {
    /// Makes it, with keys that lie there, and measures how long its operations take.
    pub(super) fn made(engine: &'static str, servers: &[Server; 2]) -> Self {
        let versions = servers.each_ref().map(|server| server.version.clone());
        let mut workspace = prepared(&servers.each_ref().map(directory), (engine, &versions[0]), (3, 1));
        impatient(&workspace);
        // Those who follow somebody who was killed have much to complain about.
        workspace.allow_alarm("");
        let mut place = Self { workspace, engine, versions, version: 0, shards: 3, usual: [Duration::ZERO; 2] };
        place.workspace.apply().ok();
        fill(&place.workspace);
        for operation in [Operation::Version, Operation::Shards] {
            place.ask(operation);
            let begun = Instant::now();
            place.workspace.apply().ok();
            place.usual[operation as usize] = begun.elapsed();
        }
        eprintln!("{engine} {:?}: a version takes {:?}, a shard {:?}", place.versions, place.usual[0], place.usual[1]);
        place
    }

    /// Writes the other version, or the other number of shards.
    fn ask(&mut self, operation: Operation) {
        match operation {
            Operation::Version => self.version = 1 - self.version,
            Operation::Shards => self.shards = 7 - self.shards,
        }
        write(&self.workspace, (self.engine, &self.versions[self.version]), (self.shards, 1));
    }

    /// Brings it to the newer release first, where slots are to move: some older ones take minutes for that.
    fn begin(&mut self, story: &Story) {
        if story.operation == Operation::Shards && self.version == 0 {
            self.ask(Operation::Version);
            self.workspace.apply().ok();
        }
    }

    /// Tells a story: asks, kills, applies until it is so, and looks whether all is there. What is to be known of it.
    pub(super) fn told(&mut self, story: &Story) -> Value {
        self.begin(story);
        let load = Load::begin(&login(&self.workspace), &endpoints(&self.workspace), "app:", CLIENTS);
        self.ask(story.operation);
        let asked = format!("{} {}, {} shards", self.engine, self.versions[self.version], self.shards);
        let (killed, applies) = self.carried_out(story);
        let last = killed.last().map_or_else(Instant::now, |killed| killed.at);
        let took = last.elapsed();
        let seen = load.end();
        let kills: Vec<&str> = killed.iter().map(|killed| killed.what.as_str()).collect();
        let row = json!({
            "operation": story.operation.to_string(), "asked": asked, "kills": kills.join(", "), "applies": applies,
            "converged_s": (took.as_secs_f64() * 10.0).round() / 10.0, "acknowledged": seen.acknowledged, "lost": seen.lost,
            "primaries": killed.iter().filter(|killed| killed.role.takes_along()).count(), "gap_s": seen.gap.as_secs_f64(),
            "errors": seen.errors.len(),
        });
        for at in &seen.missing {
            let ages = killed.iter().map(|killed| killed.at.saturating_duration_since(*at));
            eprintln!("lost: a write that was acknowledged {:?} before the kills", ages.collect::<Vec<_>>());
        }
        assert_bounded(&seen, &killed, &row);
        let nodes = usize::from(self.shards) * 2;
        // A server that writes a file has a child of the same name for that moment.
        wait_until(&format!("{row}: so many servers"), LIMIT, || self.servers().len() == nodes);
        assert_kept(&self.workspace, &row.to_string());
        assert_is(&self.workspace, self.engine, (self.shards, 1), &row.to_string());
        assert_eq!(text(&self.workspace.resource(CLUSTER)["version_actual"]), self.versions[self.version], "{row}");
        row
    }

    /// Applies again and again, while the story's kills happen, until there is nothing to do. How many applies that took.
    fn carried_out(&self, story: &Story) -> (Vec<Killed>, usize) {
        let (begun, usual) = (Instant::now(), self.usual[story.operation as usize]);
        let due = story.kills.iter().map(|kill| (begun + usual.mul_f64(kill.at), kill.victim));
        let (mut due, mut killed) = (due.collect::<VecDeque<_>>(), Vec::new());
        for applies in 1.. {
            let run = std::thread::scope(|scope| {
                let terraform = self.workspace.command(APPLY).spawn().expect("terraform starts");
                let pid = i32::try_from(terraform.id()).expect("a pid");
                let apply = scope.spawn(|| self.workspace.wait(terraform));
                while let Some((moment, victim)) = due.pop_front() {
                    wait_until("its moment comes", LIMIT, || Instant::now() >= moment || apply.is_finished());
                    if apply.is_finished() {
                        due.push_front((moment, victim));
                        break;
                    }
                    killed.push(self.kill(victim, Some(pid), begun));
                }
                apply.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            // What is still to come finds a cluster whose apply has ended well, or comes in the next one.
            while run.code == Some(0)
                && let Some((moment, victim)) = due.pop_front()
            {
                wait_until("its moment comes", LIMIT, || Instant::now() >= moment);
                killed.push(self.kill(victim, None, begun));
            }
            if due.is_empty() && run.code == Some(0) && self.is_done() {
                return (killed, applies);
            }
            let since = killed.last().map_or(begun, |killed: &Killed| killed.at);
            assert!(
                since.elapsed() < LIMIT,
                "not as it was asked for, {LIMIT:?} after the last kill, applied {applies} times: {run}"
            );
        }
        unreachable!("it is one or the other");
    }

    /// Waits until the agents have done what is theirs, or a plan wants an apply. What they see through by themselves is no difference to
    /// it: nor is it over, then, and whoever is emptied by it may be somebody whom an apply has to take away afterwards.
    fn is_done(&self) -> bool {
        let plan = ["plan", "-input=false", "-no-color", "-detailed-exitcode"];
        let refresh = ["apply", "-refresh-only", "-json", "-auto-approve", "-input=false"];
        let idle = || self.workspace.terraform(&plan).code == Some(0);
        let mut converged = false;
        wait_until("the agents are done, or want an apply", LIMIT, || {
            if !idle() {
                return true;
            }
            self.workspace.terraform(&refresh).ok();
            converged = self.workspace.resource(CLUSTER)["converged"] == true;
            converged
        });
        // What was done in between may want one, too.
        converged && idle()
    }

    /// Kills whoever it is, if he is there.
    fn kill(&self, victim: Victim, terraform: Option<i32>, begun: Instant) -> Killed {
        let one = |all: Vec<Process>, number: usize| {
            let number = number.checked_rem(all.len());
            number.map_or_else(Vec::new, |number| vec![all[number].pid])
        };
        let (name, pids) = match victim {
            Victim::Terraform => ("terraform", terraform.into_iter().collect()),
            Victim::Provider => {
                let all = self.workspace.running("terraform-provider-justmanage");
                ("provider", all.iter().map(|process| process.pid).collect())
            }
            Victim::Agent(number) => ("agent", one(self.agents(), number)),
            Victim::Server(number) => ("server", one(self.servers(), number)),
        };
        let role = match (victim, pids.first()) {
            (_, None) => Role::NotThere,
            (Victim::Server(_), Some(pid)) => self.role(*pid),
            _ => Role::NoServer,
        };
        let at = Instant::now();
        for pid in &pids {
            processes::signal(*pid, Signal::KILL);
        }
        Killed { what: format!("{name}{role} at {:.1} s", (at - begun).as_secs_f32()), at, role }
    }

    /// The agents, node by node.
    fn agents(&self) -> Vec<Process> {
        let mut agents = self.workspace.running("justmanage-agent");
        agents.retain(|process| process.command.contains(" run --dir "));
        agents.sort_by(|one, other| one.command.cmp(&other.command));
        agents
    }

    /// The servers, node by node, without those that only write a file for one.
    fn servers(&self) -> Vec<Process> {
        let mut servers = self.workspace.running(&format!("{}-server", self.engine));
        servers.retain(|process| {
            !["-bgsave", "-aof-rewrite", "-rdb-to-slave"].iter().any(|of| process.command.contains(of))
        });
        servers.sort_by_key(|process| directory_of(process.pid));
        servers
    }

    /// What the server says of itself.
    fn role(&self, pid: i32) -> Role {
        let said = || -> Option<String> {
            let conf = fs::read_to_string(directory_of(pid)?.join("server.conf")).ok()?;
            let value = |key: &str| conf.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            let endpoint = format!("{}:{}", value("bind")?.trim_matches('"'), value("tls-port")?.trim_matches('"'));
            let login = Login { endpoint, ..login_of(&saved(&self.workspace)) };
            redis::cmd("CLUSTER").arg("NODES").query(&mut login.connect().ok()?).ok()
        };
        match said() {
            Some(said) if said.contains("myself,master") => Role::Primary,
            Some(said) if said.contains("myself,slave") => Role::Replica,
            _ => Role::Unknown,
        }
    }

    /// Takes it away.
    pub(super) fn end(self) {
        self.workspace.destroy().ok();
        self.workspace.assert_nothing_left();
    }
}

/// An apply that is to see that an agent has died meanwhile says so sooner: the next one starts it.
fn impatient(workspace: &Workspace) {
    let file = workspace.config().join("provider.tf");
    let text = fs::read_to_string(&file).expect("the provider's block");
    let testing = "provider \"justmanage\" {\n  testing = { patience_seconds = 20 }\n";
    workspace.write("provider.tf", &text.replace("provider \"justmanage\" {\n", testing));
}

/// What somebody was when he was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    Replica,
    /// A server that did not say.
    Unknown,
    NoServer,
    NotThere,
}

impl Role {
    /// What it acknowledged last may be lost with it.
    const fn takes_along(self) -> bool {
        matches!(self, Self::Primary | Self::Unknown)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => " (primary)",
            Self::Replica => " (replica)",
            Self::Unknown => " (of unknown role)",
            Self::NoServer => "",
            Self::NotThere => " (not there)",
        })
    }
}

/// The directory of a server's node; it works in one below it.
fn directory_of(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()?.parent().map(Path::to_path_buf)
}

/// Nothing is lost that is older than what a killed primary may not have handed on; and nothing at all, if none was killed.
fn assert_bounded(seen: &Seen, killed: &[Killed], row: &Value) {
    let primaries = killed.iter().filter(|killed| killed.role.takes_along());
    let spans: Vec<_> = primaries.map(|killed| killed.at - OLDEST_LOSS..=killed.at + IN_FLIGHT).collect();
    seen.lost_only_in(&spans, &row.to_string());
}

//! A seed from beginning to verdict: a cluster forms, things break, they are mended, and all must be well again.

use justmanage_model::Phase;

use crate::chance::Chance;
use crate::faults::{FORMER, KINDS, Kind, Mending};
use crate::server::Process;
use crate::shape::Shape;
use crate::world::{Counts, World};
use crate::{Ms, TICK};

/// How long a cluster may take to be well again, once nothing is broken any more; and for each node that has to be restarted
/// on top. The longest rest of a server that did not start is 30 s, and a node gets through its restart in some ten.
pub const PATIENCE: Ms = 120_000;
/// As above.
pub const PATIENCE_PER_NODE: Ms = 15_000;

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// What kind of cluster it drew.
    pub shape: Shape,
    /// What was done.
    pub counts: Counts,
    /// What was broken, if anything.
    pub broken: Vec<(Ms, String)>,
    /// What happened, if that was asked for.
    pub trace: Vec<(Ms, String)>,
}

/// What kind of stories seeds tell. The same seed tells another one in each.
#[derive(Clone, Copy, Debug)]
pub struct Tale {
    /// Every change of the release is made with temporary replicas.
    pub surges: bool,
    /// What may happen.
    pub kinds: &'static [Kind],
}

impl Tale {
    /// Anything may happen.
    pub const ANY: Self = Self { surges: false, kinds: &KINDS };
    /// As seeds were told of old.
    pub const FORMER: Self = Self { surges: false, kinds: KINDS.split_at(FORMER).0 };
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64, tale: Tale, traced: bool) -> Verdict {
    let mut chance = Chance::new(seed);
    let shape = Shape::any(&mut chance);
    let mut world = World::new(shape.clone(), chance.draw());
    world.surges = tale.surges;
    world.field.trace = traced.then(Vec::new);
    let mut story = Story { kinds: weather(&mut chance, tale.kinds), mending: Mending::default(), chance };
    story.tell(&mut world);
    (world.counts.disks, world.counts.crashes) = (world.field.disks, world.field.crashes);
    Verdict {
        seed,
        shape,
        counts: world.counts,
        broken: world.field.promises.broken.clone(),
        trace: world.field.trace.unwrap_or_default(),
    }
}

/// What may happen in a seed: some kinds, so that each is sometimes alone.
fn weather(chance: &mut Chance, kinds: &[Kind]) -> Vec<Kind> {
    let many = chance.pick(&[150, 350, 600]);
    let some: Vec<Kind> = kinds.iter().copied().filter(|_| chance.per_mille(many)).collect();
    match kinds {
        _ if !some.is_empty() => some,
        [one] => vec![*one],
        _ => vec![Kind::ServerDies, Kind::Operator],
    }
}

struct Story {
    kinds: Vec<Kind>,
    mending: Mending,
    chance: Chance,
}

impl Story {
    fn tell(&mut self, world: &mut World) {
        let apart = self.chance.pick(&[0, 0, 200, 5000, 600_000]);
        for node in &mut world.field.nodes {
            node.ahead = i64::try_from(self.chance.below(2 * apart + 1)).unwrap_or_default()
                - i64::try_from(apart).unwrap_or_default();
        }
        let kinds = self.kinds.clone();
        world.field.note(|| format!("what may happen: {kinds:?}"));
        // Most clusters are made in peace; a Forming one holds no data, and may be disturbed as well.
        if !self.chance.per_mille(150) {
            self.calm(world);
        }
        for _ in 0..self.chance.between(1, 3) {
            if !world.field.promises.broken.is_empty() || world.counts.hopeless > 0 {
                return;
            }
            self.trouble(world);
            self.calm(world);
        }
        self.peace(world);
        if world.field.promises.broken.is_empty() && world.counts.hopeless == 0 && self.chance.once_in(4) {
            leave(world);
        }
    }

    /// Nothing breaks, and people want one thing after the other.
    fn peace(&mut self, world: &mut World) {
        for _ in 0..self.chance.below(4) {
            if !world.field.promises.broken.is_empty() || world.counts.hopeless > 0 {
                return;
            }
            world.somebody_wants_something();
            for _ in 0..self.chance.between(1, 400) {
                world.an_apply_goes_on();
                world.tick();
            }
            self.calm(world);
        }
    }

    fn trouble(&mut self, world: &mut World) {
        world.peace_ends();
        world.field.promises.calm = false;
        world.deadly = self.chance.pick(&[0, 0, 5, 30]);
        let every = self.chance.pick(&[15, 40, 100, 200]);
        for _ in 0..self.chance.between(150, 900) {
            if self.chance.once_in(every) {
                let kind = self.chance.pick(&self.kinds);
                world.break_something(kind, &mut self.mending);
            }
            // Agents that died by themselves come back, too.
            for node in 0..world.agents.len() {
                if world.field.nodes[node].on && !world.agents[node].alive && self.chance.once_in(200) {
                    world.agent_begins(node);
                }
            }
            world.mend_what_is_due(&mut self.mending);
            if world.store.record.reshaping.is_some() {
                world.an_apply_goes_on();
            }
            world.tick();
            if !world.field.promises.broken.is_empty() {
                return;
            }
        }
    }

    /// Nothing breaks any more: the cluster gets well within a time, and everything is accounted for.
    fn calm(&mut self, world: &mut World) {
        if !world.field.promises.broken.is_empty() {
            return;
        }
        world.field.note(|| "from here on nothing breaks any more".to_owned());
        world.field.promises.calm = true;
        world.mend_everything(&mut self.mending);
        let began = world.field.now;
        let restarts = world.store.record.members.len() as u64;
        let limit = began + PATIENCE + PATIENCE_PER_NODE * restarts;
        while world.field.now < limit {
            world.replace_the_lost();
            world.an_apply_goes_on();
            world.do_as_the_hint_says();
            world.tick();
            if !world.field.promises.broken.is_empty() {
                return;
            }
            let served = |shard| world.field.primary(shard).is_some_and(|primary| world.field.takes_writes(primary));
            // What was said before the last thing broke does not count.
            let said = world.field.now >= began + 5000 && world.converged();
            if said && (0..world.store.record.spec.shards).all(served) && !world.has_marks() {
                world.counts.slowest = world.counts.slowest.max(world.field.now - began);
                world.peace_begins();
                return self.rest(world);
            }
        }
        if data_are_gone(world) {
            world.counts.hopeless += 1;
            return;
        }
        let why = why_not(world);
        world.field.violation(format!("not well after {} s: {why}", (limit - began) / 1000));
    }

    /// All is well, and soon nobody serves who has no place.
    fn rest(&mut self, world: &mut World) {
        let limit = world.field.now + HEARS;
        while world.serves_without_a_place().is_some() && world.field.now < limit {
            world.tick();
        }
        if world.field.promises.broken.is_empty() {
            at_rest(world);
        }
    }
}

/// How long an agent may take to hear that its node has no place any more, and to end its server. Nobody waits for it: the others have
/// forgotten the node, and its machine is about to go.
const HEARS: Ms = 10_000;

/// Some shard has no primary, and nobody has any of its data: whatever was there died with the last process that had it. The
/// cluster says so, and a person has to make another.
fn data_are_gone(world: &World) -> bool {
    let field = &world.field;
    let mut lost = (0..field.parts.len()).filter(|part| field.owner(*part).is_none()).peekable();
    let has = |node: &crate::server::Node, part: usize| {
        !node.gone && node.server.whole && !node.server.data.part(part).is_empty()
    };
    let nobody = |part: usize| !field.nodes.iter().any(|node| has(node, part));
    !field.shape.persistent && lost.peek().is_some() && lost.all(nobody)
}

/// Whoever says that all is well is right.
fn at_rest(world: &mut World) {
    let shape = world.store.record.spec.clone();
    let mut owned = Vec::new();
    for shard in 0..shape.shards {
        let up = |node: &&crate::server::Node| {
            node.on && node.server.process == Process::Up && node.server.replication.is_up()
        };
        owned.extend(world.field.primary(shard).map(|primary| world.field.slots_of(primary)));
        let members = world.store.record.members.iter().filter(|(_, member)| member.seat.shard == shard);
        let nodes = members.filter_map(|(node, _)| Some(&world.field.nodes[world.field.number(*node)?]));
        let replicas = nodes.filter(|node| !node.server.bus.is_primary()).filter(up).count();
        if replicas != usize::from(shape.replicas_per_shard) {
            world.field.violation(format!("the cluster converged, and shard {shard} has {replicas} replicas"));
        }
    }
    let (least, most) = (owned.iter().min().copied(), owned.iter().max().copied());
    if least.zip(most).is_none_or(|(least, most)| most - least > 1) {
        world.field.violation(format!("the cluster converged, and its shards have {owned:?} slots"));
    }
    if world.store.record.reshaping.is_some() || world.store.record.members.len() as u32 != shape.nodes() {
        world.field.violation("the cluster converged, and has not the shape that is asked for");
    }
    if let Some(grant) = world.store.record.grant.clone() {
        world.field.violation(format!("the cluster converged, and a grant is out: {grant:?}"));
    }
    world.spares_at_rest();
    passwords_at_rest(world);
    world.field.account();
}

/// What has ended is gone, from the Record and from every server. (Whoever said that all is well looked a moment ago.)
fn passwords_at_rest(world: &mut World) {
    let Some(leader) = world.store.leader else { return };
    let record = world.store.record.clone();
    if let Some(ended) = record.ended_by(world.clock(leader) - jiff::SignedDuration::from_secs(5)) {
        world.field.violation(format!("the cluster converged, and what ended at {ended} is in the Record"));
    }
    let wanted = justmanage_model::user::fingerprint(&record.users);
    let members = record.members.keys().filter_map(|node| Some(&world.field.nodes[world.field.number(*node)?]));
    let servers = members.filter(|node| node.on && node.server.process == Process::Up);
    if servers.map(|node| node.server.users.clone()).any(|users| users != wanted) {
        world.field.violation("the cluster converged, and a server has other users");
    }
}

fn leave(world: &mut World) {
    world.operate(|record| record.phase = Phase::Leaving);
    let limit = world.field.now + 30_000;
    // Machines of nodes that are no members are removed by whoever has the hands for that.
    let runs = |world: &World| {
        let members = world.store.record.members.keys().filter_map(|node| world.field.number(*node));
        members.map(|node| &world.field.nodes[node]).any(|node| node.on && node.server.process != Process::Off)
    };
    while world.field.now < limit && (runs(world) || !world.converged()) {
        world.tick();
    }
    if runs(world) {
        world.field.violation("a leaving cluster's servers still run after half a minute");
    }
}

fn why_not(world: &World) -> String {
    let Some(leader) = world.store.leader else { return "nobody leads".to_owned() };
    let plan = world.agents[leader].last_plan.as_ref();
    format!("node {leader} leads and says {plan:?}")
}

/// A trace as text, a line for each event, the last ones only.
#[must_use]
pub fn tell(verdict: &Verdict, last: usize) -> String {
    use std::fmt::Write as _;
    let mut text = format!("seed {}: {}\n", verdict.seed, verdict.shape);
    for (at, what) in verdict.trace.iter().skip(verdict.trace.len().saturating_sub(last)) {
        let _ = writeln!(text, "{:>7}.{} {what}", at / 1000, at % 1000 / TICK);
    }
    for (at, what) in &verdict.broken {
        let _ = writeln!(text, "VIOLATION at {}.{}: {what}", at / 1000, at % 1000 / TICK);
    }
    text
}

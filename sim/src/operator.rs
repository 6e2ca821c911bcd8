//! What people want in the meantime: other settings, other users, another machine for one that is lost.

use std::time::Duration;

use justmanage_model::{
    ClusterSpec, Interval, OnCrash, PasswordHash, Phase, Plan, Record, Release, ReleaseTarget, Timestamp, User,
    UserName, Waiting,
};

use crate::Ms;
use crate::shape::{CRASHES, UNFIT, member, node_id, program};
use crate::world::World;

/// Keys that operators change: the first two while the server runs, the others by a restart.
const KEYS: [&str; 4] = ["maxmemory-policy", "timeout", "io-threads", "databases"];

impl World {
    /// Whether an operator finds an agent that has the majority behind it.
    #[must_use]
    pub fn can_operate(&self) -> bool {
        self.voters().into_iter().any(|node| self.has_majority(node))
    }

    /// Somebody wants something else.
    pub fn somebody_wants_something(&mut self) {
        if !self.can_operate() || self.store.record.phase == Phase::Leaving {
            return;
        }
        let chance = &mut self.field.chance;
        let (what, value) = (chance.below(9), chance.between(1, 8));
        let key = chance.pick(&KEYS).to_owned();
        self.field.note(|| format!("an operator wants something ({what}, {key}, {value})"));
        // Without further chance, so that seeds that were kept go on telling what they told.
        match (what, value) {
            (7.., 7) => return self.rotate("user-7", 4000),
            (7.., 8) => return self.somebody_comes_for(5000),
            (7.., 3) => return self.somebody_distrusts_the_authority(),
            (7.., 4..=6) => return self.somebody_wants_another_release(value),
            (0..=3, 7..=8) if self.store.record.spec.backup_policy.is_some() => {
                return self.somebody_asks_for_a_backup();
            }
            (8, 1..=2) | (4, 5..=8) => return self.somebody_wants_another_shape(value),
            _ => {}
        }
        self.operate(|record| match what {
            0..=3 => drop(record.spec.config.insert(key, value.to_string())),
            4 => drop(record.spec.config.remove(&key)),
            5 => record.spec.memory = justmanage_model::Bytes::mib(64 + value),
            6 => {
                record.spec.on_crash = match record.spec.on_crash {
                    OnCrash::Failover => OnCrash::Restart,
                    OnCrash::Restart => OnCrash::Failover,
                };
            }
            _ => {
                let user =
                    User { acl: "~* +@read".parse().expect("rules"), passwords: vec![], given: Default::default() };
                record.users.insert(format!("user-{value}").parse().expect("a name"), user);
            }
        });
    }

    fn somebody_asks_for_a_backup(&mut self) {
        let word = self.store.record.generation.to_string();
        self.operate(|record| record.spec.backup_now = Some(word));
    }

    /// The next patch, the one before, or one that does not run. Whoever is on the way to one may only turn back.
    fn somebody_wants_another_release(&mut self, which: u64) {
        self.somebody_wants_patch(|release| match which {
            4 => UNFIT,
            5 => release.version.patch.saturating_add(1),
            _ => release.version.patch.saturating_sub(1),
        });
    }

    /// One that runs, and crashes at each node within its first minute there. That is a fault as others are.
    pub(crate) fn somebody_wants_a_release_that_crashes(&mut self) {
        if self.can_operate() && self.store.record.phase == Phase::Formed {
            self.somebody_wants_patch(|_| CRASHES);
        }
    }

    fn somebody_wants_patch(&mut self, patch: impl FnOnce(&Release) -> u16) {
        let Record { release, previous, spec, reshaping, .. } = &self.store.record;
        // One way at a time.
        if reshaping.is_some() {
            return;
        }
        let patch = patch(release);
        let version = release.version.line().patch(patch);
        let lower = version < release.version;
        let alone = spec.replicas_per_shard == 0 && !self.surges;
        let wanted = match previous {
            // Whoever has gone over cannot go back without another copy.
            Some(_) if alone => return,
            Some(previous) => previous.clone(),
            // Without another copy, nobody is emptied, and nobody can try what may not run.
            None if alone && (lower || patch >= CRASHES) => return,
            None => program(&Release::new(release.engine, version)),
        };
        let surge = self.surges;
        self.operate(|record| {
            record.spec.surge = surge && (record.spec.surge || record.previous.is_none());
            record.spec.version = ReleaseTarget::Exactly(wanted.release.version);
            record.go_over_to(wanted);
        });
    }

    /// One shard or replica more or less, or several.
    fn somebody_wants_another_shape(&mut self, which: u64) {
        let Record { spec, phase, previous, .. } = &self.store.record;
        let (shards, replicas) = (spec.shards, spec.replicas_per_shard);
        let (shards, replicas) = match which {
            6 => (shards + 1, replicas),
            2 | 8 => (shards.saturating_sub(1), replicas),
            7 => (shards, replicas + 1),
            5 => (shards, replicas.saturating_sub(1)),
            _ => (shards + 2, replicas),
        };
        if *phase != Phase::Formed || previous.is_some() || shards == 0 || shards > 6 || shards * (replicas + 1) > 14 {
            return;
        }
        let spec = ClusterSpec { shards, replicas_per_shard: replicas, ..spec.clone() };
        self.operate(|record| record.set_spec(spec));
        self.an_apply_goes_on();
    }

    /// What an apply does besides changing what is wanted: machines for places that nobody has; and those that nobody needs any more
    /// go, when the agents say so.
    pub fn an_apply_goes_on(&mut self) {
        if !self.can_operate() || self.store.record.phase != Phase::Formed {
            return;
        }
        self.an_apply_counts_spares();
        for seat in self.store.record.vacant().collect::<Vec<_>>() {
            let new = self.add(seat);
            self.operate(|record| {
                record.members.insert(node_id(new), member(new, seat));
            });
            self.agents[new].copy = self.store.record.clone();
        }
        let plan = self.store.leader.and_then(|leader| self.agents[leader].last_plan.clone());
        if let Some((generation, Plan::Wait(waiting))) = plan
            && generation == self.store.record.generation
            && let [Waiting::MembersSurplus { nodes }] = &waiting[..]
        {
            self.operate(|record| record.retire(nodes.clone()));
        }
        if !self.store.record.retired.is_empty() && self.converged() {
            let retired: Vec<usize> =
                self.store.record.retired.iter().filter_map(|node| self.field.number(*node)).collect();
            for node in retired {
                self.agent_dies(node);
                self.field.lose(node);
            }
            self.operate(|record| record.retired.clear());
        }
    }

    /// A new authority, and two seconds for everybody to learn of it.
    fn somebody_distrusts_the_authority(&mut self) {
        let word = self.store.record.generation.to_string();
        self.operate(|record| {
            record.spec.rotate.authority = Some(word);
            record.spec.rotate.authority_grace = Some(Interval::seconds(2));
        });
    }

    /// What an operator takes for now: the latest clock of all, as the core does.
    fn latest_clock(&self) -> Timestamp {
        let clocks = (0..self.agents.len()).map(|node| self.clock(node));
        clocks.max().unwrap_or_default()
    }

    /// A user gets another password; the one before it is valid for a while.
    pub fn rotate(&mut self, user: &str, grace: Ms) {
        let (name, now) = (user.parse::<UserName>().expect("a name"), self.latest_clock());
        let generation = self.store.record.generation.get().to_be_bytes();
        let password = PasswordHash::from_digest([generation; 4].concat().try_into().expect("32 bytes"));
        let before = self.store.record.users.get(&name).and_then(User::password);
        self.operate(|record| {
            let rules =
                || User { acl: "~* +@read".parse().expect("rules"), passwords: vec![], given: Default::default() };
            let user = record.users.entry(name.clone()).or_insert_with(rules);
            user.set_password(password, now, Duration::from_millis(grace));
        });
        self.field.passwords_last_at_most(&name, grace);
        if let Some(before) = before {
            self.field.password_lasts(&name, before, grace);
        }
    }

    /// Somebody gets a user of their own, for a while.
    pub fn somebody_comes_for(&mut self, time: Ms) {
        let now = self.latest_clock();
        let generation = self.store.record.generation.get().to_be_bytes();
        let (name, password) = (UserName::temporary(generation), PasswordHash::from_digest([8; 32]));
        let user = User::temporary("~* +@read".parse().expect("rules"), password, now, Duration::from_millis(time));
        self.operate(|record| drop(record.users.insert(name.clone(), user)));
        self.field.password_lasts(&name, password, time);
    }

    /// A person reads that a node has to be removed, and does that: another takes its place, and then its machine goes. Not the
    /// other way round, since its agent may be the majority. Or that something has failed, and applies again.
    pub fn do_as_the_hint_says(&mut self) {
        let Some(leader) = self.store.leader.filter(|_| self.can_operate()) else { return };
        let waiting = match &self.agents[leader].last_plan {
            Some((_, Plan::Wait(waiting) | Plan::Act(_, waiting))) => waiting.clone(),
            _ => return,
        };
        self.somebody_gives_up_a_backup();
        if self.store.record.halt.is_some() {
            // What is not fit is not tried for ever.
            self.operate(|record| {
                if let Some(previous) = record.previous.clone() {
                    record.spec.version = ReleaseTarget::Exactly(previous.release.version);
                    record.go_over_to(previous);
                }
            });
        }
        for reason in waiting {
            let Waiting::Stuck { what, .. } = reason else { continue };
            // The temporary replica by which it went over is lost, and it is to come back: it stays what it is instead.
            if let Some(previous) = self.store.record.previous.clone().filter(|_| what.contains("have to be emptied")) {
                self.operate(|record| {
                    record.spec.version = ReleaseTarget::Exactly(previous.release.version);
                    record.go_over_to(previous);
                });
            }
            let about =
                |node: &usize| what.starts_with(&format!("The server of node {} is not started", node_id(*node)));
            if let Some(node) = (0..self.field.nodes.len()).find(about).filter(|node| !self.field.nodes[*node].gone) {
                self.replace(node);
                self.agent_dies(node);
                self.field.lose(node);
            }
        }
    }

    /// Machines that are lost for good are replaced.
    pub fn replace_the_lost(&mut self) {
        if !self.can_operate() {
            return;
        }
        let lost = |world: &Self, node: &usize| {
            world.field.nodes[*node].gone && world.store.record.members.contains_key(&crate::shape::node_id(*node))
        };
        for node in (0..self.field.nodes.len()).filter(|node| lost(self, node)).collect::<Vec<_>>() {
            let lost = node_id(node);
            if self.store.record.surplus().any(|surplus| surplus == lost) {
                // Nobody takes a place that is not wanted any more.
                self.operate(|record| {
                    record.retire([lost]);
                    record.retired.remove(&lost);
                });
                continue;
            }
            self.replace(node);
        }
    }
}

//! What happens in a script: by accident, by hand, or because an operator wants it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use justmanage_model::backup::{BackupDone, BackupState, BackupTally};
use justmanage_model::pool::Zone;
use justmanage_model::{
    Apply, Bytes, ClusterSpec, Engine, NodeId, Offer, OnCrash, Phase, Plan, Record, Release, ReleaseTarget, Seat,
    SlotSet, SlotWeights, Upcoming, User, Version, Waiting,
};
use justmanage_sim::agent::Supervised;
use justmanage_sim::bus::Bus;
use justmanage_sim::data::Data;
use justmanage_sim::server::{CERTIFICATE_LIFE, Process};
use justmanage_sim::shape::{Shape, member, node_id, program};
use justmanage_sim::world::World;

/// A world, and what a script put aside.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// Data directories that are missing at the moment.
    directories: BTreeMap<usize, (Bus, Data)>,
}

impl Stage {
    /// `3x1 new | formed [valkey] [unpersisted] [restart] [spare]`.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').collect();
        let (shards, replicas) = words[0].split_once('x').ok_or("how many shards and replicas?")?;
        let number = |text: &str| text.parse::<u16>().map_err(|_| format!("{text:?} is no number"));
        let mut shape = Shape::of(number(shards)?, number(replicas)?);
        for word in &words[1..] {
            match *word {
                "spare" => shape.spares += 1,
                "new" | "formed" => {}
                "valkey" => shape.release = Release::new(Engine::Valkey, Version::new(8, 1, 8)),
                "unpersisted" => shape.persistent = false,
                "restart" => shape.on_crash = OnCrash::Restart,
                _ => return Err(format!("{word:?}: no such world")),
            }
        }
        let mut world = World::new(shape, 1);
        world.field.promises.calm = true;
        let mut stage = Self { world, directories: BTreeMap::new() };
        if words.contains(&"formed") {
            crate::script::converge(&mut stage)?;
        }
        Ok(stage)
    }

    /// `0.1 WHAT [VALUE]`, or `WHAT [VALUE]`.
    pub(crate) fn set(&mut self, text: &str) -> Result<(), String> {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let seat = first
            .split_once('.')
            .and_then(|(shard, ordinal)| Some(Seat { shard: shard.parse().ok()?, ordinal: ordinal.parse().ok()? }));
        let Some(seat) = seat else { return self.want(first, rest) };
        let node = self.world.field.seated(&self.world.store.record, seat).ok_or("nobody has that seat")?;
        let (what, value) = rest.split_once(' ').unwrap_or((rest, ""));
        self.happen(node, what, value)
    }

    /// Something happens to a node.
    fn happen(&mut self, node: usize, what: &str, value: &str) -> Result<(), String> {
        match what {
            "unseen" => drop(self.world.hidden.insert(node, self.world.field.now)),
            "seen" => drop(self.world.hidden.remove(&node)),
            "fetched" => drop(self.world.told.fetched.insert(node, None)),
            "not-fetched" => drop(self.world.told.fetched.insert(node, Some(value.to_owned()))),
            "ahead" => drop(self.world.told.ahead.insert(node, value.parse().map_err(|_| "by how many seconds?")?)),
            "behind" => drop(self.world.behind.insert(node)),
            "aware" => drop(self.world.behind.remove(&node)),
            "deaf" => {
                let seat = self.world.field.nodes[node].seat;
                let shard = |other: &usize| self.world.field.nodes[*other].seat.shard;
                let voters: Vec<usize> =
                    (0..self.world.field.nodes.len()).filter(|other| shard(other) != seat.shard).collect();
                self.world.field.network.part(&[node], &voters, u64::MAX);
            }
            "heard" => self.world.field.network.mend(),
            "cut-off" | "reachable" => self.cut_off(node, what == "cut-off"),
            "off" => {
                self.world.field.power_cut(node);
                self.world.agent_dies(node);
                self.world.hidden.insert(node, self.world.field.now);
            }
            "on" => {
                self.world.field.nodes[node].on = true;
                self.world.agent_begins(node);
                self.world.hidden.remove(&node);
            }
            "lost" => {
                self.world.field.lose(node);
                self.world.agent_dies(node);
                self.world.hidden.insert(node, self.world.field.now);
            }
            "zone" => {
                let zone: Zone = value.parse().map_err(|_| "which zone?")?;
                self.world.operate(|record| record.stand(&BTreeMap::from([(node_id(node), Some(zone))])));
            }
            "heavy" => {
                // As its agent weighs them: what lies in these slots, and next to nothing everywhere else.
                let heavy: SlotSet = value.parse().map_err(|_| "which slots?")?;
                let parts = SlotWeights::parts(&SlotSet::all()).into_iter().filter_map(|part| {
                    let bytes = if part.intersection(&heavy).is_empty() { 1 << 10 } else { 1 << 20 };
                    Some((part.slots().next()?, Bytes::new(bytes)))
                });
                self.world.agents[node].weights = Some(SlotWeights::new(self.world.store.record.generation, parts));
            }
            "replaced" => drop(self.world.replace(node)),
            "marked" => {
                self.world.field.nodes[node].server.marked = value.parse().map_err(|_| "which slots?")?;
            }
            "lagging" => self.world.field.nodes[node].slow = true,
            "backed-up" | "backup-failed" => return self.backed_up(node, (what == "backup-failed").then_some(value)),
            _ => return self.happen_to_server(node, what, value),
        }
        Ok(())
    }

    /// A node's agent has done what it has to do of the backup that is under way.
    fn backed_up(&mut self, node: usize, failed: Option<&str>) -> Result<(), String> {
        let run = self.world.store.record.backups.run.clone().ok_or("nothing is backed up")?;
        let done = || {
            let (id, occasion) = (run.id.clone(), run.occasion.clone());
            BackupDone { id, occasion, ended: run.begun, keys: 0, stored: Bytes::new(0), verified: true }
        };
        let state = match failed {
            Some(why) => BackupState::Failed { why: why.to_owned() },
            None if run.complete && run.keeper() == Some(node_id(node)) => BackupState::Done(Box::new(done())),
            None => BackupState::Written,
        };
        self.world.agents[node].backup = Some(BackupTally { id: run.id, state });
        Ok(())
    }

    fn cut_off(&mut self, node: usize, cut: bool) {
        let others: Vec<usize> = (0..self.world.field.nodes.len()).filter(|other| *other != node).collect();
        match cut {
            true => {
                self.world.field.network.part(&[node], &others, u64::MAX);
                self.world.hidden.insert(node, self.world.field.now);
            }
            false => {
                self.world.field.network.mend();
                self.world.hidden.clear();
            }
        }
    }

    fn happen_to_server(&mut self, node: usize, what: &str, value: &str) -> Result<(), String> {
        let clock = self.world.clock(node);
        let field = &mut self.world.field;
        match what {
            "crashed" => {
                field.end(node, "is killed");
                self.world.supervise(node);
                // Scripts are about what is done, not about how long that rests.
                if let Supervised::Down { retry_at, failures, .. } = &mut self.world.agents[node].supervised
                    && *failures == 1
                {
                    *retry_at = clock;
                }
            }
            "stopped" => {
                field.stop(node);
                self.world.agents[node].wanted = false;
                self.world.pass(3000);
            }
            "hung" => field.nodes[node].server.hung = true,
            "awake" => field.wake(node),
            "silent" => {
                field.end(node, "is killed");
                field.nodes[node].server.process = Process::Starting(u64::MAX);
            }
            "broken" => field.nodes[node].broken = true,
            "mended" => field.nodes[node].broken = false,
            "directory-lost" => {
                let (bus, none) = (Bus::new(field.draw_id(), field.parts.len()), Data::none(field.parts.len()));
                let server = &mut field.nodes[node].server;
                let before = (std::mem::replace(&mut server.bus, bus), std::mem::replace(&mut server.data, none));
                self.directories.insert(node, before);
            }
            "directory-back" => {
                let server = &mut field.nodes[node].server;
                (server.bus, server.data) = self.directories.remove(&node).ok_or("it is there")?;
            }
            "version" => field.nodes[node].server.release.version = value.parse().map_err(|_| "which version?")?,
            "config" => {
                let (key, value) = value.split_once('=').ok_or("key=value")?;
                field.nodes[node].server.config.insert(key.to_owned(), value.to_owned());
            }
            "killed" => {
                field.end(node, "is killed");
                self.world.supervise(node);
                if let Supervised::Down { retry_at, unfit, .. } = &mut self.world.agents[node].supervised {
                    (*retry_at, *unfit) = (clock, false);
                }
            }
            "unfit" => {
                field.end(node, "crashes");
                self.world.supervise(node);
                if let Supervised::Down { retry_at, unfit, .. } = &mut self.world.agents[node].supervised {
                    (*retry_at, *unfit) = (clock, true);
                }
            }
            "epoch" => field.nodes[node].server.bus.config_epoch = value.parse().map_err(|_| "which epoch?")?,
            "field-ttls" => field.field_ttls = value.parse().map_err(|_| "how many?")?,
            "users" => value.clone_into(&mut field.nodes[node].server.users),
            "certificate" => {
                let days: i64 = value.parse().map_err(|_| "how many days?")?;
                let until = clock + SignedDuration::from_hours(24 * days);
                field.nodes[node].server.certificate_expires = until;
                field.nodes[node].server.tls.from = until - CERTIFICATE_LIFE;
            }
            _ => return Err("no such thing happens to a node".to_owned()),
        }
        Ok(())
    }

    /// An operator wants something.
    fn want(&mut self, what: &str, value: &str) -> Result<(), String> {
        if what == "unchecked-memory" {
            self.world.store.record.spec.memory = value.parse().map_err(|_| "how much?")?;
            return Ok(());
        }
        if what == "apply" {
            self.apply();
            return Ok(());
        }
        let seconds = |text: &str| text.parse::<u64>().map_err(|_| "for how many seconds?");
        if let Some(offer) = self.offered(what, value)? {
            self.world.told.offer = Some(offer);
            return Ok(());
        }
        match (what, value.split_once(' ')) {
            ("rotate", Some((user, grace))) => {
                self.world.rotate(user, seconds(grace)? * 1000);
                return Ok(());
            }
            ("guest", None) => {
                self.world.somebody_comes_for(seconds(value)? * 1000);
                return Ok(());
            }
            _ => {}
        }
        let shape = self.world.field.shape.clone();
        let mut fault = Ok(());
        self.world.operate(|record| fault = change(record, &shape, what, value));
        fault
    }
}

impl Stage {
    /// What the catalog has now: `offer SERIAL VERSION [security]`, `offer SERIAL nothing`, or `no-catalog WHY`.
    fn offered(&self, what: &str, value: &str) -> Result<Option<Result<Offer, String>>, String> {
        let (serial, rest) = value.split_once(' ').unwrap_or((value, ""));
        match what {
            "no-catalog" => return Ok(Some(Err(value.to_owned()))),
            "offer" => {}
            _ => return Ok(None),
        }
        let serial = serial.parse().map_err(|_| "which number?")?;
        let (version, kind) = rest.split_once(' ').unwrap_or((rest, ""));
        let upcoming = match version {
            "nothing" => None,
            version => {
                let version: Version = version.parse().map_err(|_| "which version?")?;
                let release = Release::new(self.world.store.record.spec.engine, version);
                let security = kind == "security";
                let url = "https://mirror.example/program".to_owned();
                let published = "2024-10-01".parse().map_err(|_| "which day?")?;
                Some(Upcoming { program: program(&release), url, published, security, closes: Vec::new() })
            }
        };
        Ok(Some(Ok(Offer { serial, upcoming })))
    }

    /// What an apply does besides changing what is wanted: machines for places that nobody has; and who is not needed goes.
    fn apply(&mut self) {
        for seat in self.world.store.record.vacant().collect::<Vec<_>>() {
            let new = self.world.add(seat);
            self.world.operate(|record| {
                record.members.insert(node_id(new), member(new, seat));
            });
        }
        if let Plan::Wait(waiting) = self.world.plan()
            && let [Waiting::MembersSurplus { nodes }] = &waiting[..]
        {
            let numbers: Vec<usize> = nodes.iter().filter_map(|node| self.world.field.number(*node)).collect();
            for node in numbers {
                self.world.agent_dies(node);
                self.world.field.lose(node);
            }
            self.world.operate(|record| {
                record.retire(nodes.clone());
                record.retired.clear();
            });
        }
    }
}

fn change(record: &mut Record, shape: &Shape, what: &str, value: &str) -> Result<(), String> {
    match (what, value) {
        ("config", pair) => {
            let (key, value) = pair.split_once('=').ok_or("key=value")?;
            record.spec.config.insert(key.to_owned(), value.to_owned());
        }
        ("retire", seat) => {
            let of = |node: &NodeId| record.members[node].seat;
            let named = |node: &NodeId| format!("{}.{}", of(node).shard, of(node).ordinal) == seat;
            let node = record.members.keys().copied().find(named).ok_or("nobody has that seat")?;
            record.retire([node]);
            record.retired.clear();
        }
        ("zones-of-spares", zones) => {
            let zones = zones.split(' ').map(|zone| match zone {
                "-" => Ok(None),
                zone => zone.parse::<Zone>().map(Some).map_err(|_| "which zones?"),
            });
            let zones = zones.collect::<Result<Vec<_>, _>>()?;
            let stand: BTreeMap<_, _> = record.spares.keys().copied().zip(zones).collect();
            record.stand(&stand);
        }
        ("surge", "") => record.spec.surge = true,
        ("backup-policy", "none") => record.spec.backup_policy = None,
        ("backup-policy", definition) => {
            record.spec.backup_policy = Some(definition.parse().map_err(|_| "which policy?")?);
        }
        ("window", "none") => record.spec.maintenance_window = None,
        ("window", definition) => {
            let catalog = "catalog https://m.example/c RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
            let window = format!("{definition}; {catalog}").parse();
            record.spec.maintenance_window = Some(window.map_err(|fault| format!("which window? {fault}"))?);
            // A line: an exact version is never left.
            record.spec.version = ReleaseTarget::LatestPatch(record.spec.version.line());
        }
        ("in-window", "") => record.spec.apply = Apply::InWindow,
        ("approved", "none") => record.spec.approved_version = None,
        ("approved", version) => record.spec.approved_version = Some(version.parse().map_err(|_| "which version?")?),
        ("backup-now", "none") => record.spec.backup_now = None,
        ("backup-now", word) => record.spec.backup_now = Some(word.to_owned()),
        ("shards", count) => {
            let shards = count.parse().map_err(|_| "how many?")?;
            record.set_spec(ClusterSpec { shards, ..record.spec.clone() });
        }
        ("release", version) => {
            let version: Version = version.parse().map_err(|_| "which version?")?;
            record.spec.version = ReleaseTarget::Exactly(version);
            record.go_over_to(program(&Release::new(record.spec.engine, version)));
        }
        ("config-without", key) => drop(record.spec.config.remove(key)),
        ("memory", amount) => record.spec.memory = amount.parse().map_err(|_| "how much?")?,
        ("on-crash", "failover") => record.spec.on_crash = OnCrash::Failover,
        ("on-crash", "restart") => record.spec.on_crash = OnCrash::Restart,
        ("user", name) => {
            let user = User { acl: "~* +@read".parse().unwrap(), passwords: vec![], given: Default::default() };
            record.users.insert(name.parse().map_err(|_| "which name?")?, user);
        }
        ("members", "none") => record.members.clear(),
        ("members", "all") => {
            record.members = (0..shape.nodes()).map(|node| (node_id(node), member(node, shape.seat(node)))).collect();
        }
        ("certificates", word) => record.spec.rotate.certificates = Some(word.to_owned()),
        ("authority", word) => record.spec.rotate.authority = Some(word.to_owned()),
        ("replication-password", word) => record.spec.rotate.replication_password = Some(word.to_owned()),
        ("authority-grace", text) => {
            record.spec.rotate.authority_grace = Some(text.parse().map_err(|_| "how long?")?);
        }
        // As the agents write it when they make one.
        ("authority-aged", "") => record.rotation.authority_due = Some(justmanage_sim::timestamp(0, 0)),
        ("phase", "leaving") => record.phase = Phase::Leaving,
        _ => return Err("no such thing to want".to_owned()),
    }
    Ok(())
}

//! What is there, and how time passes: with each call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::wrong::{Fate, Wrong};

/// Calls that a droplet takes from one state to the next.
const STEPS: usize = 4;
/// Seconds that pass with a call.
const TICK: i64 = 3;
/// When it begins: 2026-11-23.
const BEGIN: i64 = 1_795_392_000;

/// A droplet.
#[derive(Clone, Debug)]
pub struct Droplet {
    /// Its number.
    pub id: u64,
    /// Its name, which others can have as well.
    pub name: String,
    /// `new`, `active` or `off`.
    pub status: &'static str,
    /// What it carries out at its first boot.
    pub user_data: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The volumes that it was asked for with.
    pub asked_volumes: Vec<String>,
    /// Its size.
    pub size: String,
    /// Its image, as it was asked for.
    pub image: String,
    /// Its VPC.
    pub vpc: String,
    /// Its private address.
    pub address: String,
    /// How often it was booted.
    pub boots: u64,
    /// Whether it has a public address.
    pub is_public: bool,
    /// Whether it is being taken away.
    pub is_ending: bool,
    pub(crate) created_at: i64,
    /// Calls until the next state.
    pub(crate) steps: usize,
    /// In so many looks it is missing.
    pub(crate) late: usize,
}

/// A volume.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its UUID.
    pub id: String,
    /// Its name, which no other in the region has.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Its size, in GiB.
    pub gigabytes: u64,
    /// Its tags.
    pub tags: Vec<String>,
    /// The droplet that has it.
    pub droplet: Option<u64>,
    pub(crate) description: String,
    pub(crate) created_at: i64,
    pub(crate) late: usize,
}

/// A firewall.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// Its UUID.
    pub id: String,
    /// Its name, which no other of the account has.
    pub name: String,
    /// Its rules and tags, as it was asked for.
    pub body: Value,
    pub(crate) created_at: i64,
    pub(crate) late: usize,
}

/// All of it.
#[derive(Debug)]
pub struct World {
    /// Droplets that are not gone.
    pub droplets: BTreeMap<u64, Droplet>,
    /// Volumes.
    pub volumes: BTreeMap<String, Volume>,
    /// Firewalls.
    pub firewalls: BTreeMap<String, Firewall>,
    /// Tags, also those that nothing bears.
    pub tags: BTreeSet<String>,
    /// A volume is at its droplet when that is made, and not from the creating call on: then two can be asked for with one.
    pub binds_late: bool,
    /// What the token may do; `None`: all.
    pub scopes: Option<BTreeSet<String>>,
    pub(crate) actions: Vec<Value>,
    pub(crate) now: i64,
    pub(crate) wrong: Option<Wrong>,
    pub(crate) struck: usize,
    calls: usize,
    made: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            droplets: BTreeMap::new(),
            volumes: BTreeMap::new(),
            firewalls: BTreeMap::new(),
            tags: BTreeSet::new(),
            binds_late: false,
            scopes: None,
            actions: Vec::new(),
            now: BEGIN,
            wrong: None,
            struck: 0,
            calls: 0,
            made: 0,
        }
    }
}

impl World {
    pub(crate) fn inject(&mut self, wrong: Wrong) {
        (self.wrong, self.calls, self.struck) = (Some(wrong), 0, 0);
    }

    /// From now on nothing goes wrong any more, and everything is seen.
    pub(crate) fn heal(&mut self) -> usize {
        self.droplets.values_mut().for_each(|droplet| droplet.late = 0);
        self.volumes.values_mut().for_each(|volume| volume.late = 0);
        self.firewalls.values_mut().for_each(|firewall| firewall.late = 0);
        self.wrong = None;
        std::mem::take(&mut self.struck)
    }

    /// What becomes of the call that comes now. Time passes with it.
    pub(crate) fn fate(&mut self) -> Fate {
        self.pass();
        self.calls += 1;
        let fate = match self.wrong {
            Some(Wrong::AnswerLost(number)) if self.calls == number => Fate::Unanswered,
            Some(Wrong::Throttled(times)) if self.calls <= times => Fate::TurnedAway,
            Some(Wrong::CutOff(number)) if self.calls >= number => Fate::Cut,
            _ => Fate::Carried,
        };
        self.struck += usize::from(fate != Fate::Carried);
        fate
    }

    fn pass(&mut self) {
        self.now += TICK;
        let mut gone = Vec::new();
        for droplet in self.droplets.values_mut() {
            droplet.steps = droplet.steps.saturating_sub(1);
            if droplet.steps > 0 {
                continue;
            }
            if droplet.is_ending {
                gone.push(droplet.id);
            } else if droplet.status == "new" {
                droplet.status = "active";
                for volume in &droplet.asked_volumes {
                    let free = self.volumes.get_mut(volume).filter(|volume| volume.droplet.is_none());
                    if let Some(volume) = free {
                        volume.droplet = Some(droplet.id);
                    }
                }
            }
        }
        for id in gone {
            self.droplets.remove(&id);
            self.volumes
                .values_mut()
                .filter(|volume| volume.droplet == Some(id))
                .for_each(|volume| volume.droplet = None);
        }
    }

    /// Whether something is missing in this look; it is looked at all the same.
    pub(crate) fn is_late(late: &mut usize, struck: &mut usize) -> bool {
        if *late == 0 {
            return false;
        }
        *late -= 1;
        *struck += 1;
        true
    }

    /// In how many looks what is made now is missing.
    pub(crate) fn late(&self) -> usize {
        match self.wrong {
            Some(Wrong::NotVisible(looks)) => looks,
            _ => 0,
        }
    }

    /// A number that nothing has yet.
    pub(crate) fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// A UUID that nothing has yet.
    pub(crate) fn uuid(&mut self, kind: u16) -> String {
        format!("{:08x}-3c56-4925-{kind:04x}-{:012x}", 0xbb4b_2611u32, self.number())
    }

    /// Sets a droplet on its way to another state.
    pub(crate) fn set_out(droplet: &mut Droplet) {
        droplet.steps = STEPS;
    }

    /// Steps of what is made now.
    pub(crate) const fn steps() -> usize {
        STEPS
    }

    /// The volumes that a droplet has, as it shows: when it is made.
    pub(crate) fn volumes_of(&self, droplet: &Droplet) -> Vec<String> {
        let has = |volume: &&Volume| volume.droplet == Some(droplet.id) && droplet.status != "new";
        self.volumes.values().filter(has).map(|volume| volume.id.clone()).collect()
    }

    /// Whether a call without this scope is refused.
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(scope))
    }
}

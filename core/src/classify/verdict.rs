//! What one cluster is, of those that bear a name.

use std::borrow::Cow;
use std::collections::BTreeSet;

use justmanage_model::{ClusterId, ClusterSpec, NodeId, Phase, Pin, Record, Seat, Shape};
use justmanage_platforms::MachineRef;

use super::{Found, FoundAgent, newest};

/// What a create thinks of one cluster that exists.
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// All its machines.
    all: Vec<MachineRef>,
    /// Those of them that are of no use even if it is kept; none of these ever held data.
    surplus: Vec<MachineRef>,
}

pub(super) enum Kind {
    /// It holds data and is ours to take.
    Adopt(ClusterId),
    /// It was founded and never held data.
    GoOn(ClusterId),
    /// It was never founded.
    Resume(ClusterId),
    /// It never held data, and is not what is wanted.
    Useless,
    /// Nobody knows before these agents run.
    Asleep(Vec<NodeId>),
    /// Hands off.
    Refuse(Refusal),
}

/// Why a create keeps its hands off.
pub(super) struct Refusal {
    /// What the cluster is: goes on from "A cluster named x ...".
    pub(super) what: Cow<'static, str>,
    /// What to do; `%` stands for its name.
    pub(super) next: &'static str,
}

impl Refusal {
    /// Two clusters of one name both hold data.
    pub(super) const TWICE: Self = Self {
        what: Cow::Borrowed("exists twice, and both hold data"),
        next: "import one of them by its whole id (local/%/jmc...), or choose another name",
    };
    const FOREIGN: Self = Self {
        what: Cow::Borrowed("belongs to another operator"),
        next: "use the operator key that made it, or choose another name",
    };
    const DATA: Self = Self {
        what: Cow::Borrowed("exists already and holds data"),
        next: "bring it under Terraform with `terraform import justmanage_redis_cluster.NAME local/%`, or choose another name",
    };
    const OTHER_CONFIGURATION: Self = Self {
        what: Cow::Borrowed("was made by a create whose state was never saved, from another configuration"),
        next: "put the configuration back to what it was and apply, or bring it under Terraform with `terraform import \
               justmanage_redis_cluster.NAME local/%`",
    };

    fn silent(why: &str) -> Self {
        let what = format!("exists, and an agent of it does not answer ({why})");
        Self { what: what.into(), next: "apply again when it does" }
    }
}

impl Verdict {
    /// The rank of what holds data.
    pub(super) const FORMED: u8 = 3;

    /// How far it is; what cannot be kept is 0.
    pub(super) fn rank(&self) -> u8 {
        match &self.kind {
            Kind::Adopt(_) => Self::FORMED,
            Kind::GoOn(_) => 2,
            Kind::Resume(_) => 1,
            Kind::Useless | Kind::Asleep(_) | Kind::Refuse(_) => 0,
        }
    }

    /// What of it is to go, whether it is kept or not.
    pub(super) fn to_remove(&self, kept: bool) -> Vec<MachineRef> {
        match &self.kind {
            Kind::Asleep(_) | Kind::Refuse(_) => Vec::new(),
            Kind::Adopt(_) => self.surplus.clone(),
            _ if kept => self.surplus.clone(),
            Kind::GoOn(_) | Kind::Resume(_) | Kind::Useless => self.all.clone(),
        }
    }
}

/// What one cluster is.
pub(super) fn of(wanted: &ClusterSpec, operator: Pin, found: &[&Found]) -> Verdict {
    let (kind, surplus) = kind(wanted, operator, found);
    Verdict { kind, all: machines(found), surplus: machines(&surplus) }
}

fn kind<'a>(wanted: &ClusterSpec, operator: Pin, found: &[&'a Found]) -> (Kind, Vec<&'a Found>) {
    let founded = found.iter().filter_map(|one| match &one.agent {
        FoundAgent::Founded(record) => Some(record.as_ref()),
        // Only a cluster that has formed invites somebody with such a Record.
        FoundAgent::Invited(record) if record.phase != Phase::Forming => Some(record.as_ref()),
        _ => None,
    });
    match newest(founded) {
        Some(record) => by_record(wanted, operator, found, record),
        None => match not_all_known(found) {
            Some(kind) => (kind, Vec::new()),
            None => never_founded(wanted, found),
        },
    }
}

/// Why nothing can be said of a cluster as a whole, if one of its agents has said nothing.
fn not_all_known(found: &[&Found]) -> Option<Kind> {
    if found.iter().any(|one| one.agent == FoundAgent::Denied) {
        return Some(Kind::Refuse(Refusal::FOREIGN));
    }
    let silent = found.iter().find_map(|one| match &one.agent {
        FoundAgent::Silent(why) => Some(Kind::Refuse(Refusal::silent(why))),
        _ => None,
    });
    let asleep = || found.iter().filter(|one| one.agent == FoundAgent::Stopped).map(|one| one.node).collect::<Vec<_>>();
    silent.or_else(|| Some(asleep()).filter(|nodes| !nodes.is_empty()).map(Kind::Asleep))
}

/// Everybody has answered, and nobody knows of a group: nothing was founded, and nothing holds data.
fn never_founded<'a>(wanted: &ClusterSpec, found: &[&'a Found]) -> (Kind, Vec<&'a Found>) {
    let otherwise = |one: &Found| matches!(&one.agent, FoundAgent::Invited(record) if record.spec != *wanted);
    if found.iter().any(|one| otherwise(one)) {
        return (Kind::Useless, Vec::new());
    }
    let mut taken: BTreeSet<Seat> = BTreeSet::new();
    let mut spares = wanted.spares;
    let mut fits = |one: &Found| match one.seat {
        Some(seat) => Shape::of(wanted).has(seat) && taken.insert(seat),
        None => {
            let fits = spares > 0;
            spares = spares.saturating_sub(1);
            fits
        }
    };
    let (used, surplus): (Vec<&Found>, Vec<&Found>) = found.iter().copied().partition(|one| fits(one));
    match used.first() {
        Some(one) => (Kind::Resume(one.cluster), surplus),
        None => (Kind::Useless, Vec::new()),
    }
}

fn by_record<'a>(wanted: &ClusterSpec, operator: Pin, found: &[&'a Found], record: &Record) -> (Kind, Vec<&'a Found>) {
    if !record.operators.contains(&operator) {
        return (Kind::Refuse(Refusal::FOREIGN), Vec::new());
    }
    let there = |node: &NodeId| found.iter().any(|one| one.node == *node);
    let kind = match record.phase {
        // A forming cluster one of whose machines is gone is cheaper made anew than mended.
        Phase::Forming if record.spec == *wanted && record.members.keys().all(there) => {
            let stranger = |one: &&Found| !record.belongs(one.node) && is_new(one);
            let strangers = found.iter().copied().filter(stranger).collect();
            return (Kind::GoOn(record.cluster), strangers);
        }
        // Of those who have not answered, one may know that it has formed since.
        Phase::Forming | Phase::Leaving => not_all_known(found).unwrap_or(Kind::Useless),
        // Machines that are missing or too many are an update's to mend, and adopting is one.
        Phase::Formed if record.unclaimed && record.spec == *wanted => Kind::Adopt(record.cluster),
        Phase::Formed if record.unclaimed => Kind::Refuse(Refusal::OTHER_CONFIGURATION),
        Phase::Formed => Kind::Refuse(Refusal::DATA),
    };
    (kind, Vec::new())
}

/// It never belonged to any group.
fn is_new(one: &Found) -> bool {
    matches!(one.agent, FoundAgent::Uninvited | FoundAgent::Invited(_))
}

fn machines(found: &[&Found]) -> Vec<MachineRef> {
    found.iter().map(|one| one.machine.clone()).collect()
}

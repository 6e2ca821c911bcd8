//! Plans in one line, with nodes named by their seats.

use justmanage_model::{Fence, NodeId, NodeStep, Plan, RecordChange, Step, Takeover, Timestamp, Waiting};
use justmanage_sim::bus::bus_id;
use justmanage_sim::shape::node_id;
use justmanage_sim::world::World;

/// A plan, and the reasons in it.
pub(crate) fn show(world: &World, plan: &Plan) -> (String, String) {
    let reasons = |all: &[Waiting]| grouped(all.iter().map(|one| reason(world, one)));
    match plan {
        Plan::Converged => ("converged".to_owned(), String::new()),
        Plan::Act(steps, waiting) => {
            (format!("act {}", grouped(steps.iter().map(|one| step(world, one)))), reasons(waiting))
        }
        Plan::Wait(waiting) => (format!("wait {}", reasons(waiting)), reasons(waiting)),
    }
}

/// "a x; a y; b z" as "a x y; b z".
fn grouped(parts: impl Iterator<Item = (String, Option<String>)>) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (what, whom) in parts {
        match groups.iter_mut().find(|(group, members)| *group == what && whom.is_some() && !members.is_empty()) {
            Some((_, members)) => members.extend(whom),
            None => groups.push((what, whom.into_iter().collect())),
        }
    }
    let text = |(what, whom): (String, Vec<String>)| [vec![what], whom].concat().join(" ");
    groups.into_iter().map(text).collect::<Vec<_>>().join("; ")
}

/// A node by its seat; one that is no member any more, with a word.
pub(crate) fn name(world: &World, node: NodeId) -> String {
    let Some(number) = world.field.number(node) else { return "nobody".to_owned() };
    if world.store.record.spares.contains_key(&node) {
        let spares: Vec<&NodeId> = world.store.record.spares.keys().collect();
        return match spares.iter().position(|spare| **spare == node) {
            Some(at) if spares.len() > 1 => format!("spare-{}", at + 1),
            _ => "a-spare".to_owned(),
        };
    }
    let seat = world.field.nodes[number].seat;
    let former = if world.store.record.members.contains_key(&node) { "" } else { "the-former-" };
    format!("{former}{}.{}", seat.shard, seat.ordinal)
}

fn step(world: &World, step: &Step) -> (String, Option<String>) {
    let name = |node: NodeId| name(world, node);
    let names = |nodes: &[NodeId]| nodes.iter().map(|node| name(*node)).collect::<Vec<_>>().join(" ");
    let (node, step) = match step {
        Step::Record(change) => return (self::change(world, change), None),
        Step::Node(node, step) => (*node, step),
    };
    let simple = |what: &str| (what.to_owned(), Some(name(node)));
    match step {
        NodeStep::StartServer => simple("start-server"),
        NodeStep::StartEmpty => simple("start-empty"),
        NodeStep::StopServer => simple("stop-server"),
        NodeStep::AssignSlots(slots) => (format!("assign-slots {}: {slots}", name(node)), None),
        NodeStep::SetConfigEpoch(_) => simple("set-config-epoch"),
        NodeStep::Meet(others) => (format!("meet {}: {}", name(node), names(others)), None),
        NodeStep::Replicate(primary) => (format!("replicate {}: {}", name(node), name(*primary)), None),
        NodeStep::Forget(ids) => {
            let owner = |id| (0..world.field.nodes.len()).find(|at| bus_id(world.field.nodes[*at].server.bus.id) == id);
            let whose = |id| owner(id).map_or_else(|| "a-stranger".to_owned(), |at| name(node_id(at)));
            (format!("forget {}: {}", name(node), ids.iter().map(|id| whose(*id)).collect::<Vec<_>>().join(" ")), None)
        }
        NodeStep::AskFailover(replica) => (format!("ask-failover {}: {}", name(node), name(*replica)), None),
        NodeStep::TakeTurn => simple("take-turn"),
        NodeStep::Sever => simple("sever"),
        NodeStep::TakeOver => simple("take-over"),
        NodeStep::ServeAgain => simple("serve-again"),
        NodeStep::ApplyConfig => simple("apply-config"),
        NodeStep::ApplyUsers => simple("apply-users"),
        NodeStep::ApplyPasswords => simple("apply-passwords"),
        NodeStep::ApplyAuthorities => simple("apply-authorities"),
        NodeStep::RenewCertificate => simple("renew-certificate"),
        NodeStep::WeighSlots => simple("weigh-slots"),
        NodeStep::MoveSlots => simple("move-slots"),
    }
}

fn change(world: &World, change: &RecordChange) -> String {
    let name = |node: &NodeId| name(world, *node);
    match change {
        RecordChange::FoundAuthority => "found-authority".to_owned(),
        RecordChange::RenewCertificates => "renew-certificates".to_owned(),
        RecordChange::AnnounceAuthority(_) => "announce-authority".to_owned(),
        RecordChange::SucceedAuthority => "succeed-authority".to_owned(),
        RecordChange::AcceptPassword => "accept-password".to_owned(),
        RecordChange::UsePassword => "use-password".to_owned(),
        RecordChange::DropPassword => "drop-password".to_owned(),
        RecordChange::DropAuthority => "drop-authority".to_owned(),
        RecordChange::SealSecrets => "seal-secrets".to_owned(),
        RecordChange::Introduce(_) => "introduce".to_owned(),
        RecordChange::Formed(_) => "formed".to_owned(),
        RecordChange::Joined(node, _) => format!("joined {}", name(node)),
        RecordChange::Moved(places) => format!("moved {}", places.keys().map(name).collect::<Vec<_>>().join(" ")),
        RecordChange::SetFence(shard, Fence::Open) => format!("fence {shard} open"),
        RecordChange::SetFence(shard, Fence::Closing { .. }) => format!("fence {shard} closing"),
        RecordChange::SetFence(shard, Fence::Closed) => format!("fence {shard} closed"),
        RecordChange::TakeOver(shard, Takeover { by, from, cleared, done, .. }) => {
            let how = match (cleared, done) {
                (_, true) => "done",
                (true, false) => "decided",
                (false, false) => "begun",
            };
            format!("takeover {shard} {how}: {} from {}", name(by), name(from))
        }
        RecordChange::EndTakeover(shard) => format!("takeover {shard} over"),
        RecordChange::Give(grant) => {
            let nodes = grant.nodes.iter().map(name).collect::<Vec<_>>().join(" ");
            let moves = grant.moves.iter().map(|one| format!(", {} -> {}: {}", one.from, one.to, one.slots));
            format!("give {} {nodes}{}", format!("{:?}", grant.operation).to_lowercase(), moves.collect::<String>())
        }
        RecordChange::ClearGrant => "clear-grant".to_owned(),
        RecordChange::Halt(halt) => format!("halt ({})", plain(world, &halt.what)),
        RecordChange::HaltAfter(halt) => format!("halt-after ({})", plain(world, &halt.what)),
        RecordChange::PutBack(node, halt) => format!("put-back {} ({})", name(node), plain(world, &halt.what)),
        RecordChange::NoteOffer(offer) => format!("note-offer {}", offer.serial),
        RecordChange::TakeUp => "take-up".to_owned(),
        RecordChange::Withdraw => "withdraw".to_owned(),
        RecordChange::ForgetPrevious(_) => "forget-previous".to_owned(),
        RecordChange::EndTrial => "end-trial".to_owned(),
        RecordChange::Replace { lost, by } => format!("replace {} by {}", name(lost), name(by)),
        RecordChange::EndReshaping => "end-reshaping".to_owned(),
        RecordChange::CountBackupsFrom(_) => "count-backups".to_owned(),
        RecordChange::BeginBackup(run) => {
            format!("begin-backup {}", run.parts.values().map(name).collect::<Vec<_>>().join(" "))
        }
        RecordChange::CompleteBackup => "complete-backup".to_owned(),
        RecordChange::KeepBackup(_) => "keep-backup".to_owned(),
        RecordChange::GiveUpBackup(failure) => format!("give-up-backup {}", failure.tries),
        RecordChange::EndPasswords(by) => {
            let ended = |user: &justmanage_model::User| {
                user.passwords.iter().any(|one| one.until <= Some(*by) && one.until.is_some())
            };
            let users = world.store.record.users.iter().filter(|(_, user)| ended(user));
            format!("end-passwords {}", users.map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(" "))
        }
    }
}

fn reason(world: &World, reason: &Waiting) -> (String, Option<String>) {
    let now = justmanage_sim::timestamp(world.field.now, 0);
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs();
    let name = |node: &NodeId| name(world, *node);
    let simple = |what: &str, node: &NodeId| (what.to_owned(), Some(name(node)));
    let whole = |text: String| (text, None);
    match reason {
        Waiting::NodeUnknown { node, .. } => simple("node-unknown", node),
        Waiting::ServerStarting { node, .. } => simple("server-starting", node),
        Waiting::RestartBackoff { node, retry_at, .. } => whole(format!(
            "restart-backoff {} for {}s",
            name(node),
            (retry_at.duration_since(now).as_millis() + 500) / 1000
        )),
        Waiting::ServerHung { node, since } => {
            whole(format!("server-hung {} for {}s", name(node), seconds(*since, now)))
        }
        Waiting::OtherRelease { node, running, wanted } => {
            whole(format!("other-release {}: {running}, not {wanted}", name(node)))
        }
        Waiting::ClusterNotOk { node } => simple("cluster-not-ok", node),
        Waiting::NoMajority { .. } => whole("no-majority".to_owned()),
        Waiting::ReplicaNotInSync { node, syncing: true } => simple("copying", node),
        Waiting::ReplicaNotInSync { node, syncing: false } => simple("not-in-sync", node),
        Waiting::ViewsDiffer => whole("views-differ".to_owned()),
        Waiting::LinkMissing { from, to } => ("link-missing".to_owned(), Some(format!("{}-{}", name(from), name(to)))),
        Waiting::NotIntroduced { node, to } => {
            ("not-introduced".to_owned(), Some(format!("{}-{}", name(node), name(to))))
        }
        Waiting::HeldBack { node, why } => whole(format!("held-back {} ({})", name(node), plain(world, why))),
        Waiting::NoPrimary { shard } => whole(format!("no-primary {shard}")),
        Waiting::TakingOver { shard, by } => whole(format!("taking-over {shard} by {}", name(by))),
        Waiting::HandingOver { shard, to } => whole(format!("handing-over {shard} to {}", name(to))),
        Waiting::VotesStale { node, until } => {
            whole(format!("votes-stale {} for {}s", name(node), (until.duration_since(now).as_millis() + 999) / 1000))
        }
        Waiting::PuttingBack { node } => simple("putting-back", node),
        Waiting::Joining { node } => simple("joining", node),
        Waiting::MembersMissing { have, want } => whole(format!("members-missing {have} of {want}")),
        Waiting::MovingSlots { from, to, left } => whole(format!("moving-slots {from} -> {to}: {left}")),
        Waiting::BackingUp { .. } => whole("backing-up".to_owned()),
        Waiting::ClosingSlots { node } => simple("closing-slots", node),
        Waiting::MembersSurplus { nodes } => {
            whole(format!("members-surplus {}", nodes.iter().map(name).collect::<Vec<_>>().join(" ")))
        }
        Waiting::SpareStandsBy { spare, node, at } => whole(format!(
            "{} stands by for {}, {}s more",
            name(spare),
            name(node),
            (at.duration_since(now).as_millis() + 999) / 1000
        )),
        Waiting::Pending { what, why } => whole(plain(world, &format!("pending: {what}, {why}"))),
        Waiting::Stuck { what, .. } => whole(format!("stuck ({})", plain(world, what))),
    }
}

/// A sentence with seats in the place of ids.
fn plain(world: &World, text: &str) -> String {
    let ids = (0..world.field.nodes.len()).map(node_id);
    ids.fold(text.to_owned(), |text, node| text.replace(&node.to_string(), &name(world, node)))
}

//! What agents do: steps at their own node, and changes of the Record.

use justmanage_model::{
    BusId, Fence, Handover, NodeId, NodeStep, Phase, Record, RecordChange, ServerState, SlotSet, Vault, user,
};

use crate::agent::Supervised;
use crate::bus::bus_id;
use crate::field::Field;
use crate::replication::Stream;
use crate::server::{FIXED, Process};
use crate::shape::{home_of, node_id};
use crate::world::World;

impl World {
    /// Does a step at a node, as its agent does it with its copy of the Record.
    pub(crate) fn act(&mut self, node: usize, step: &NodeStep, record: &Record) -> Result<(), String> {
        if self.field.nodes[node].full && writes_a_file(step) {
            self.field.disks.steps += 1;
            return Err("the disk is full".to_owned());
        }
        match step {
            NodeStep::StartServer | NodeStep::StartEmpty => {
                return self.start_server(node, record, *step == NodeStep::StartEmpty);
            }
            NodeStep::StopServer => return self.stop_server(node, record),
            _ => {}
        }
        if !self.field.listens(node) {
            return Err("its server does not answer".to_owned());
        }
        // What follows has the server write its own file, too.
        let written = self.field.written_down(node);
        let done = self.act_on_server(node, step, record);
        self.field.keep_written(node, written);
        done
    }

    fn act_on_server(&mut self, node: usize, step: &NodeStep, record: &Record) -> Result<(), String> {
        match step {
            NodeStep::AssignSlots(slots) => self.assign(node, slots),
            NodeStep::SetConfigEpoch(epoch) => {
                let bus = &mut self.field.nodes[node].server.bus;
                if !bus.peers.is_empty() || bus.config_epoch != 0 {
                    return Err("the server knows somebody already".to_owned());
                }
                bus.config_epoch = *epoch;
                bus.epoch = bus.epoch.max(*epoch);
                Ok(())
            }
            NodeStep::Meet(nodes) => {
                let homes = nodes
                    .iter()
                    .filter_map(|node| Some((self.field.number(*node)?, home_of(record.members.get(node)?.client))));
                for (other, home) in homes.collect::<Vec<_>>() {
                    self.field.meet(node, other, home);
                }
                Ok(())
            }
            NodeStep::Replicate(primary) => self.replicate(node, *primary),
            NodeStep::Forget(ids) => ids.iter().try_for_each(|id| self.forget(node, *id)),
            NodeStep::Sever => {
                let shard = self.field.nodes[node].seat.shard;
                self.agents[node].memory.severed = record.takeovers.get(&shard).map(|takeover| takeover.at);
                self.field.sever(node);
                Ok(())
            }
            NodeStep::TakeTurn => {
                self.take_turn(node, record);
                Ok(())
            }
            NodeStep::TakeOver => self.take_over(node, record),
            NodeStep::ServeAgain => {
                self.field.serve_again(node);
                Ok(())
            }
            NodeStep::ApplyConfig => {
                let memory = ("maxmemory".to_owned(), record.spec.memory.get().to_string());
                let live =
                    record.wanted_config(node_id(node)).into_iter().filter(|(key, _)| !FIXED.contains(&key.as_str()));
                self.field.nodes[node].server.config.extend(live.chain([memory]));
                self.field.nodes[node].server.heed();
                Ok(())
            }
            NodeStep::ApplyUsers => {
                self.field.nodes[node].server.users = user::fingerprint(&record.users);
                Ok(())
            }
            NodeStep::RenewCertificate => {
                let clock = self.clock(node);
                self.field.nodes[node].server.certify(record, clock);
                self.field.mistrust(record);
                Ok(())
            }
            NodeStep::ApplyPasswords => {
                self.field.nodes[node].server.passwords = Some(record.generation);
                Ok(())
            }
            NodeStep::ApplyAuthorities => {
                self.field.nodes[node].server.trust(record);
                self.field.mistrust(record);
                Ok(())
            }
            NodeStep::WeighSlots => {
                self.weigh(node, record.generation);
                Ok(())
            }
            NodeStep::MoveSlots => {
                let given = record.grant.as_ref().map(|grant| grant.given).ok_or("there is no grant")?;
                self.begin_moving(node, given);
                Ok(())
            }
            NodeStep::StartServer | NodeStep::StartEmpty | NodeStep::StopServer | NodeStep::AskFailover(_) => Ok(()),
        }
    }

    fn start_server(&mut self, node: usize, record: &Record, empty: bool) -> Result<(), String> {
        if record.vault.as_ref().is_none_or(|vault| !vault.keys.contains_key(&node_id(node))) {
            return Err("there are no secrets for this node".to_owned());
        }
        let clock = self.clock(node);
        if self.field.nodes[node].server.process == Process::Off {
            if empty {
                self.field.empty(node);
                self.agents[node].memory.emptied();
            }
            self.agents[node].memory.starts();
            let program = record.program_for(node_id(node), self.agents[node].program.as_ref());
            let other = self.agents[node].program.as_ref().is_some_and(|ran| !ran.is_same(&program));
            if other && record.halt.is_some() && record.previous.is_some() && program.is_same(&record.program()) {
                self.field
                    .violation(format!("node {node} goes over to {}, which has proved not to be fit", program.release));
            }
            let agent = &mut self.agents[node];
            let same = agent.program.as_ref() == Some(&program);
            agent.blamed = same && matches!(agent.supervised, Supervised::Down { unfit: true, .. });
            self.field.start(node, record, &program.release);
            self.agents[node].program = Some(program);
            self.agents[node].supervised = Supervised::Running(clock);
        }
        self.agents[node].wanted = true;
        self.agents[node].brought_home = false;
        Ok(())
    }

    /// The own agent looks once more whether it may; and nobody else is down by our hand.
    fn stop_server(&mut self, node: usize, record: &Record) -> Result<(), String> {
        let own = node_id(node);
        let granted = |record: &Record| record.grant.as_ref().is_some_and(|grant| grant.nodes.contains(&own));
        // Whoever has no place any more serves nobody.
        let leaving = record.phase == Phase::Leaving || !record.belongs(own);
        let in_vain = self.field.calls_in_vain(node);
        if !leaving && !in_vain && !granted(record) {
            self.field.violation(format!("node {node} is stopped without a grant"));
        }
        if !leaving && !in_vain && !granted(&self.store.record) && self.field.nodes[node].server.process == Process::Up
        {
            self.field.violation(format!("node {node} is stopped by a grant that was withdrawn"));
        }
        let shard = self.field.nodes[node].seat.shard;
        let said = self.agents[node].said.as_ref().map(|said| &said.server);
        let was_replica =
            matches!(said, Some(ServerState::Running(seen)) if seen.bus.as_ref().is_some_and(|bus| !bus.is_primary()));
        if !leaving && was_replica && self.field.listens(node) && self.field.nodes[node].server.bus.owns() {
            return Err("it has taken its shard over since it was looked at".to_owned());
        }
        let server = &self.field.nodes[node].server;
        let others = record.members.values().filter(|member| member.seat.shard == shard).count() > 1;
        if self.field.promises.calm && !leaving && server.process == Process::Up && server.bus.owns() && others {
            self.field.violation(format!("node {node} is stopped under its writers, and could have handed over"));
        }
        self.agents[node].wanted = false;
        self.agents[node].ended = false;
        self.agents[node].blamed = false;
        self.agents[node].brought_home = false;
        if self.field.nodes[node].server.process == Process::Up {
            self.counts.stops += 1;
        }
        self.field.nodes[node].server.hung = false;
        self.field.stop(node);
        if !record.belongs(own) {
            // What it has is nobody's copy any more.
            self.field.nodes[node].server.whole = false;
        }
        Ok(())
    }

    fn assign(&mut self, node: usize, slots: &SlotSet) -> Result<(), String> {
        if self.store.record.phase != Phase::Forming {
            self.field.violation(format!("node {node} is given slots, and the cluster is formed"));
        }
        let bus = &mut self.field.nodes[node].server.bus;
        for (share, part) in self.field.parts.iter().enumerate() {
            let wanted = part.difference(slots).is_empty();
            if wanted && bus.owners[share].is_some_and(|owner| owner != bus.id) {
                return Err("a slot is busy".to_owned());
            }
            if wanted {
                bus.owners[share] = Some(bus.id);
            }
        }
        self.field.reconsider(node);
        Ok(())
    }

    fn replicate(&mut self, node: usize, primary: NodeId) -> Result<(), String> {
        let at = self.field.number(primary).ok_or("no such node")?;
        let server = &self.field.nodes[node].server;
        let known = server.bus.peers.iter().find(|(_, peer)| peer.at == at && !peer.handshake);
        let (id, peer) = known.ok_or("the server does not know that one yet")?;
        if peer.replica_of.is_some() {
            return Err("that one is a replica".to_owned());
        }
        if server.bus.is_primary() && (server.bus.owns() || !server.data.is_empty()) {
            return Err("To set a master the node must be empty and without assigned slots".to_owned());
        }
        let id = *id;
        self.field.follow(node, id);
        Ok(())
    }

    fn forget(&mut self, node: usize, id: BusId) -> Result<(), String> {
        let peers = &self.field.nodes[node].server.bus.peers;
        let found = peers.keys().copied().find(|peer| bus_id(*peer) == id);
        self.field.forget(node, found.ok_or("unknown node")?)
    }

    fn take_turn(&mut self, node: usize, record: &Record) {
        let Some(grant) = &record.grant else { return };
        if self.field.nodes[node].server.bus.owns() {
            return;
        }
        let before = self.agents[node].memory.handover.take().filter(|before| before.given == grant.given);
        let epoch = match &before {
            Some(before) => before.epoch,
            None => self.agents[node].memory.last().filter(|last| !last.primary).map(|last| last.config_epoch),
        };
        if before.is_none() && self.field.has_old_votes(node) {
            // It would look like a success for a moment, to the server itself, and its writers would wait for five seconds.
            self.field
                .violation(format!("node {node} is handed a shard while it has the votes of an earlier election"));
        }
        let tries = before.map_or(0, |before| before.tries) + 1;
        let refused = self.field.plan_failover(node).err();
        self.counts.handovers += 1;
        let at = self.clock(node);
        self.agents[node].memory.handover = Some(Handover { given: grant.given, tries, at, refused, epoch });
    }

    fn take_over(&mut self, node: usize, record: &Record) -> Result<(), String> {
        let shard = self.field.nodes[node].seat.shard;
        let takeover = record.takeovers.get(&shard).cloned();
        if self.field.nodes[node].server.bus.owns() {
            return Ok(());
        }
        if takeover.as_ref().is_none_or(|takeover| takeover.by != node_id(node) || !takeover.cleared) {
            self.field.violation(format!("node {node} takes over without the majority's word"));
        }
        if self.field.nodes[node].full {
            self.field.dies_of_its_disk(node, "cannot write its nodes.conf");
            return Err("its server does not answer".to_owned());
        }
        let old = takeover.and_then(|takeover| self.field.number(takeover.from));
        let fenced = self.store.record.fence(shard) == Fence::Closed;
        self.counts.takeovers += 1;
        if let Some(old) = old.map(|old| &self.field.nodes[old]).filter(|old| old.server.process == Process::Up) {
            self.counts.frozen += u64::from(old.server.hung);
            self.counts.cut_off += u64::from(!old.server.hung);
        }
        self.field.taken_over(node, old, fenced);
        self.field.take_over(node)
    }

    /// Why a replica's agent does not let its server take over from one that is dead, by what it last saw.
    pub(crate) fn why_not_fail_over(&self, node: usize, dead: usize) -> Option<String> {
        let server = &self.field.nodes[node].server;
        let clock = self.clock(node);
        if !self.field.listens(node) {
            return Some("its server does not answer".to_owned());
        }
        if server.bus.replica_of != Some(self.field.nodes[dead].server.bus.id) {
            return Some("its server is no replica of that one".to_owned());
        }
        let down = matches!(server.replication.state, Stream::Down(_) | Stream::Copying(..));
        let lately = |at| self.field.now <= at + crate::promises::LINK_LOSS;
        if down && !server.replication.linked_at.is_some_and(lately) {
            return Some("its server was not linked to the primary".to_owned());
        }
        let promoted = self.agents[node].memory.kept.promoted;
        let age = promoted.map(|at| clock.duration_since(at).as_secs());
        let stale = server.release.votes_go_stale() && age.is_some_and(|age| age < 20);
        stale.then(|| "its server won an election a moment ago".to_owned())
    }

    /// The next Record after a change; `None` if it is so already.
    pub(crate) fn changed(&mut self, record: &Record, change: &RecordChange, by: NodeId) -> Option<Record> {
        let mut next = record.clone();
        let sealed = |record: &Record| {
            let keys = record.agents().map(|(node, _)| (node, "a key".to_owned())).collect();
            Some(Vault { content: "secrets".to_owned(), keys })
        };
        match change {
            RecordChange::FoundAuthority => {
                next.found_authority(certificate(record, by), jiff::Timestamp::MAX);
                next.vault = sealed(&next);
            }
            RecordChange::RenewCertificates => next.renew_certificates(),
            RecordChange::AnnounceAuthority(_) if next.rotation.succession.is_some() => next.ask_for_authority(),
            RecordChange::AnnounceAuthority(at) => {
                next.announce_authority(&certificate(record, by), *at, jiff::Timestamp::MAX);
            }
            RecordChange::SucceedAuthority => next.succeed_authority(),
            RecordChange::AcceptPassword => next.accept_password(),
            RecordChange::UsePassword => next.use_password(),
            RecordChange::DropPassword => next.drop_password(),
            RecordChange::DropAuthority => next.drop_authority(),
            RecordChange::SealSecrets => next.vault = sealed(&next),
            RecordChange::Introduce(ids) | RecordChange::Formed(ids) => {
                if matches!(change, RecordChange::Formed(_)) {
                    next.phase = Phase::Formed;
                }
                for (node, id) in ids {
                    next.members.get_mut(node)?.bus_id = Some(*id);
                }
            }
            RecordChange::Joined(node, id) => next.members.get_mut(node)?.bus_id = Some(*id),
            RecordChange::Moved(places) => {
                self.counts.relocated += places.len() as u64;
                next.move_to(places);
            }
            RecordChange::Give(grant) => {
                if next.grant.is_some() {
                    self.field.violation("a grant is given while another is out");
                }
                self.grant_beside_backups(&next, grant);
                next.grant = Some(grant.clone());
            }
            RecordChange::ClearGrant => next.grant = None,
            RecordChange::Halt(halt) => {
                next.grant = None;
                next.halt = Some(halt.clone());
            }
            RecordChange::HaltAfter(halt) => next.halt_after(halt),
            RecordChange::PutBack(node, halt) => {
                if next.grant.as_ref().is_some_and(|grant| !grant.nodes.contains(node)) {
                    self.field.violation("a node is put back while another has a grant");
                }
                next.put_back(*node, halt);
                self.counts.put_back += 1;
            }
            RecordChange::NoteOffer(offer) => next.note_offer(offer),
            RecordChange::TakeUp => next.take_up(),
            RecordChange::Withdraw => next.withdraw(),
            RecordChange::ForgetPrevious(until) => next.forget_previous(*until),
            RecordChange::EndTrial => next.end_trial(),
            RecordChange::Replace { lost, by } => self.replace_by_spare(&mut next, *lost, *by),
            RecordChange::EndReshaping => next.end_reshaping(),
            RecordChange::CountBackupsFrom(moment) => next.count_backups_from(*moment),
            RecordChange::BeginBackup(run) => next.begin_backup(run),
            RecordChange::CompleteBackup => next.complete_backup(),
            RecordChange::KeepBackup(done) => next.keep_backup(done),
            RecordChange::GiveUpBackup(failure) => next.give_up_backup(failure),
            RecordChange::EndPasswords(by) => {
                next.end_passwords(*by);
                self.field.passwords_end(&record.users, &next.users);
            }
            RecordChange::SetFence(shard, fence) => drop(next.fences.insert(*shard, *fence)),
            RecordChange::TakeOver(shard, takeover) => drop(next.takeovers.insert(*shard, takeover.clone())),
            RecordChange::EndTakeover(shard) => drop(next.takeovers.remove(shard)),
        }
        next.raise_layout();
        (next != *record).then(|| {
            next.generation = record.generation.next();
            next
        })
    }
}

impl Field {
    /// Members' servers that would not let each other in, were they to connect now. Whoever has lost its place is not waited for.
    fn mistrust(&mut self, record: &Record) {
        let nodes = self.nodes.iter().enumerate().filter(|(node, _)| record.members.contains_key(&node_id(*node)));
        let up = nodes.filter(|(_, node)| node.server.process == Process::Up);
        let servers: Vec<&crate::server::Server> = up.map(|(_, node)| &node.server).collect();
        let stranger = |one: &crate::server::Server| servers.iter().any(|other| !other.trusts.contains(&one.issuer));
        if servers.iter().any(|one| stranger(one)) {
            self.violation("a server shows a certificate that another one does not trust");
        }
    }
}

/// Whether an agent writes a file of its own, or has the server save everything, to do a step.
const fn writes_a_file(step: &NodeStep) -> bool {
    use NodeStep as Of;
    matches!(
        step,
        Of::StartServer
            | Of::StartEmpty
            | Of::StopServer
            | Of::ApplyUsers
            | Of::RenewCertificate
            | Of::ApplyAuthorities
    )
}

/// The certificate of an authority that is made now.
fn certificate(record: &Record, by: NodeId) -> String {
    format!("-----BEGIN CERTIFICATE-----\nof generation {}, by {by}\n", record.generation.next())
}

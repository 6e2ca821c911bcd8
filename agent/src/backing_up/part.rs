//! A node's part: its server's data, from a connection into the store, and back again to be verified.

use std::path::Path;
use std::time::Duration;

use justmanage_backup::{
    BackupError, Bench, ClusterStore, Held, Listed, Part, PartOrder, Store, existing_part, finish_part, verify,
    write_part,
};
use justmanage_engine::acl::REPLICATION_USER;
use justmanage_engine::{Connection, Login};
use justmanage_model::backup::BackupId;
use justmanage_model::{BackupPolicy, Bytes, Program, Record, SlotSet, Timestamp};
use justmanage_steps::step;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Teller, Tools, Work, sentence};

/// For how long nothing may come from the server. It forks, and then it sends as fast as the store takes it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where backups go, and how.
pub(super) fn store(record: &Record) -> Result<(&BackupPolicy, ClusterStore), String> {
    let policy = record.spec.backup_policy.as_ref().ok_or("The cluster has no backup policy any more.")?;
    let store = Store::open(&policy.destination).map_err(|error| sentence(&error))?;
    Ok((policy, store.of(record.cluster, &record.name)))
}

/// Removes what an agent has left of its work on this machine.
pub(super) fn clean(scratch: &Path) {
    if let Err(error) = justmanage_backup::clean(scratch) {
        warn!(error = sentence(&error), "what was left of a verification cannot be removed");
    }
}

/// Puts the part into the store, unless it is there.
pub(super) async fn make(
    tools: &Tools,
    record: &Record,
    program: Option<&Program>,
    work: &Work,
    teller: &Teller,
) -> Result<(), String> {
    let (policy, store) = store(record)?;
    if existing_part(&store, &work.id, work.shard).await.map_err(|error| sentence(&error))?.is_some() {
        info!(backup = %work.id, shard = work.shard, "its part is in the store already");
        return Ok(());
    }
    let program = program.ok_or("Nobody knows which program the server is.")?;
    let slots = slots(tools, record).await?;
    let order = PartOrder {
        id: work.id.clone(),
        shard: work.shard,
        node: tools.own,
        release: program.release.clone(),
        slots,
        compression: policy.compression,
        encryption: policy.encryption.iter().cloned().collect(),
        clock: tools.clock,
    };
    step!("backup: about to read the server");
    let server = as_replica(tools, record).await?;
    let snapshot = server.snapshot(PATIENCE).await.map_err(|error| sentence(&error))?;
    let progress = watch::Sender::new(Bytes::new(0));
    let writing = write_part(&store, order, snapshot, &progress);
    let mut part = tokio::select! {
        part = writing => part.map_err(|error| sentence(&error))?,
        never = teller.follow(progress.subscribe()) => match never {},
    };
    step!("backup: the part is in the store");
    if policy.verify {
        part = verified(tools, &store, work, program, part).await?;
    }
    info!(backup = %work.id, shard = work.shard, keys = part.keys, bytes = part.rdb.get(), verified = part.verified, "its part is in the store");
    finish_part(&store, &work.id, &part).await.map_err(|error| sentence(&error))?;
    step!("backup: the part is written down");
    Ok(())
}

/// A connection as the user that may copy all data, and neither write nor look.
async fn as_replica(tools: &Tools, record: &Record) -> Result<Connection, String> {
    let secrets = tools.secrets.of(record).map_err(|error| sentence(&error))?;
    let login = Login { user: REPLICATION_USER.to_owned(), password: secrets.replication_password.clone() };
    tools.access.connect_as(record, &login).await.map_err(|error| sentence(&error))
}

/// What the server serves: of a replica, what its primary does. Slots on their way belong to nobody's backup.
async fn slots(tools: &Tools, record: &Record) -> Result<SlotSet, String> {
    let mut server = tools.access.connect(record).await.map_err(|error| sentence(&error))?;
    let nodes = server.cluster_nodes().await.map_err(|error| sentence(&error))?;
    if nodes.iter().any(|node| node.myself && !(node.leaving.is_empty() && node.arriving.is_empty())) {
        return Err("Some of its slots are on their way.".to_owned());
    }
    let own = nodes.iter().find(|node| node.myself).ok_or("The server does not know itself.")?;
    let owner = own.primary.unwrap_or(own.id);
    let slots = nodes.iter().find(|node| node.id == owner).map(|node| node.slots.clone());
    slots
        .filter(|slots| !slots.is_empty())
        .ok_or_else(|| "The server does not know which slots its shard has.".to_owned())
}

/// The part once it was loaded. That this machine has no room for it says nothing against it, and is said.
async fn verified(
    tools: &Tools,
    store: &ClusterStore,
    work: &Work,
    program: &Program,
    part: Part,
) -> Result<Part, String> {
    let bench = Bench::new(program.artefact.server(), &tools.scratch);
    match verify(store, &work.id, &part, &bench).await {
        Ok(verified) => Ok(Part { keys: Some(verified.keys), verified: true, ..part }),
        Err(BackupError::NotVerified { why }) => {
            warn!(backup = %work.id, shard = work.shard, why, "a part of a backup is not verified");
            Ok(part)
        }
        Err(error) => Err(sentence(&error)),
    }
}

/// Which backups the policy keeps no more.
pub(super) fn expendable(policy: &BackupPolicy, listed: &[Listed], now: Timestamp) -> Vec<BackupId> {
    let held: Vec<Held> = listed.iter().map(Held::from).collect();
    justmanage_backup::expendable(&policy.retention, &held, policy.verify, now)
}

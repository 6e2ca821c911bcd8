//! Settings of the servers that are ours to change while they run, as the Record wants them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Fence, Phase, Record};

/// The cluster's own patience (`cluster-node-timeout`): a server that is silent for this long counts as failing. The server's
/// default (15 s) makes an automatic failover take 20 s (measured), and this one 7 to 9 s; below it, an ordinary pause (a fork,
/// a slow disk) looks like death.
pub const NODE_TIMEOUT: Duration = Duration::from_secs(5);

/// The same while the cluster forms. Every server asks every other at least once in half of this time, and so hears who is what;
/// with the later five seconds, agreeing on that would be what creating a cluster waits for longest. A server that is called
/// failing by mistake then has nothing to lose yet.
pub const FORMING_NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// How many seconds a fenced primary goes on taking writes after its replica last spoke (`min-replicas-max-lag`). Replicas
/// report once a second, so three seconds is two reports lost; it bounds what a takeover can lose to that many seconds.
pub const FENCE_LAG_S: u64 = 3;

impl Record {
    /// The user's configuration together with our own live settings, for one node: everything that is to be in force besides
    /// `maxmemory`.
    ///
    /// As long as a takeover is remembered, only the new primary may go on alone where its shard's fence is open: any other may be
    /// an old primary that has not heard of it. Once the takeover is decided, that one needs all of its shard's replicas for a
    /// write: then whoever takes over receives it, too. With half of them it would go on in the dark together with replicas that
    /// have not heard either.
    #[must_use]
    pub fn wanted_config(&self, node: crate::NodeId) -> BTreeMap<String, String> {
        let shard = self.shard_of(node).unwrap_or_default();
        let replaced_by = self.takeovers.get(&shard).filter(|takeover| takeover.by != node);
        let mut config = self.settings(replaced_by.is_some() || self.fence(shard) != Fence::Open);
        // Also where the shape that is asked for has no fence: the old primary is from before that.
        if replaced_by.is_some_and(|takeover| takeover.cleared) && !self.has_own_fence() {
            config.insert("min-replicas-to-write".to_owned(), self.replicas_of(shard).max(1).to_string());
            config.insert("min-replicas-max-lag".to_owned(), FENCE_LAG_S.to_string());
        }
        // What has moved to a server is nowhere else: it is on disk before it is gone from where it was.
        let fsync = if self.reshard_of(node).is_some() { "always" } else { "everysec" };
        config.insert("appendfsync".to_owned(), fsync.to_owned());
        config.extend(self.settings_of_names(node));
        config.extend(self.spec.config.clone());
        config
    }

    /// Our own live settings for a node whose fence is closed, or open. A key that the user set is the user's, and not in here.
    fn settings(&self, closed: bool) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let mut set = |key: &str, value: String| {
            if !self.spec.config.contains_key(key) {
                settings.insert(key.to_owned(), value);
            }
        };
        let patience = match self.phase {
            Phase::Forming => FORMING_NODE_TIMEOUT,
            Phase::Formed | Phase::Leaving => NODE_TIMEOUT,
        };
        set("repl-diskless-sync-delay", self.sync_delay_s().to_string());
        set("cluster-node-timeout", patience.as_millis().to_string());
        // Also where there is no fence: there may have been one, before the cluster got the shape that it has.
        if !self.has_own_fence() {
            let needed = if closed && self.fenced() { self.fence_replicas() } else { 0 };
            set("min-replicas-to-write", needed.to_string());
        }
        if self.fenced() {
            set("min-replicas-max-lag", FENCE_LAG_S.to_string());
        }
        settings
    }

    /// How many seconds a primary waits, when a replica asks for a copy, for others that may ask, too. The server's default is five,
    /// and whoever restarts its nodes one by one waits for them each time. Replicas of one primary come together only when it
    /// comes back to all of them: a second is enough for that.
    const fn sync_delay_s(&self) -> u8 {
        match (self.phase, self.spec.replicas_per_shard) {
            (Phase::Forming, _) | (_, 0 | 1) => 0,
            _ => 1,
        }
    }

    /// Whether the majority of agents decides who is a shard's primary, because there is no majority of primaries to do so:
    /// one or two shards, with replicas, and no setting of the user's that says how many replicas a write needs.
    #[must_use]
    pub fn fenced(&self) -> bool {
        self.least_shape().shards < 3 && self.shape().replicas_per_shard > 0 && !self.has_own_fence()
    }

    /// Whether the user says how many replicas a write needs.
    fn has_own_fence(&self) -> bool {
        let own = ["min-replicas-to-write", "min-replicas-max-lag", "min-slaves-to-write", "min-slaves-max-lag"];
        own.iter().any(|key| self.spec.config.contains_key(*key))
    }

    /// How many replicas have to receive a fenced primary's writes: so many that they and the primary are most of the shard.
    /// With fewer, a primary that is cut off together with some of its replicas would go on beside the one that took over. While
    /// replicas are added or taken away, by the fewer: whoever takes over counts the members that there are.
    #[must_use]
    pub fn fence_replicas(&self) -> u16 {
        self.least_shape().replicas_per_shard.div_ceil(2)
    }

    /// How a shard is fenced.
    #[must_use]
    pub fn fence(&self, shard: u16) -> Fence {
        self.fences.get(&shard).copied().unwrap_or(Fence::Open)
    }

    /// The node of a member's shard.
    #[must_use]
    pub fn shard_of(&self, node: crate::NodeId) -> Option<u16> {
        self.members.get(&node).map(|member| member.seat.shard)
    }
}

//! The calls that concern the cluster: what a server sees of it, and what makes it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use justmanage_model::{BusId, BusView, SlotSet};

use super::{no_such_subcommand, not_now, unexpected};
use crate::bus::{BusNode, Said, parse_links, parse_nodes};
use crate::connection::{CallError, Connection};
use crate::info::Fields;

impl Connection {
    /// `CLUSTER INFO`.
    ///
    /// # Errors
    /// As every call; in particular [`CallError::Loading`].
    pub async fn cluster_info(&mut self) -> Result<Fields, CallError> {
        self.text(&["CLUSTER", "INFO"]).await.map(|text| Fields::parse(&text))
    }

    /// `CLUSTER NODES`.
    ///
    /// # Errors
    /// As every call; in particular [`CallError::Loading`].
    pub async fn cluster_nodes(&mut self) -> Result<Vec<BusNode>, CallError> {
        let text = self.text(&["CLUSTER", "NODES"]).await?;
        parse_nodes(&text).ok_or_else(|| unexpected("CLUSTER NODES", text))
    }

    /// The line of `CLUSTER NODES` about the server itself.
    ///
    /// # Errors
    /// As every call.
    pub async fn myself(&mut self) -> Result<BusNode, CallError> {
        let nodes = self.cluster_nodes().await?;
        nodes.into_iter().find(|node| node.myself).ok_or_else(no_line_about_itself)
    }

    /// The cluster as the server sees it.
    ///
    /// # Errors
    /// As every call; in particular [`CallError::Loading`].
    pub async fn bus_view(&mut self) -> Result<BusView, CallError> {
        let info = self.text(&["INFO", "replication"]).await?;
        self.bus(&Fields::parse(&info)).await
    }

    /// See [`Connection::bus_view`]: with what `INFO` said just before.
    pub(crate) async fn bus(&mut self, info: &Fields) -> Result<BusView, CallError> {
        let nodes = self.cluster_nodes().await?;
        // After the nodes: whoever sees a server win, sees the epoch in which it won.
        let cluster = self.cluster_info().await?;
        let links = self.cluster_links().await?;
        let said = Said { info, cluster: &cluster, nodes: &nodes, links: links.as_ref() };
        said.view().ok_or_else(no_line_about_itself)
    }

    /// Whose own link to the server is up; `None` where the server does not tell (before Redis 7.0).
    async fn cluster_links(&mut self) -> Result<Option<BTreeSet<BusId>>, CallError> {
        let reply = match self.call_named("CLUSTER LINKS", &["CLUSTER", "LINKS"]).await {
            Err(CallError::Refused { said, .. }) if no_such_subcommand(&said) => return Ok(None),
            other => other?,
        };
        parse_links(&reply).map(Some).ok_or_else(|| unexpected("CLUSTER LINKS", format!("{reply:?}")))
    }

    /// Takes these slots, which nobody owns; those that the server has already are left as they are.
    ///
    /// # Errors
    /// [`CallError::Refused`] if another node owns one of them.
    pub async fn assign_slots(&mut self, slots: &SlotSet) -> Result<(), CallError> {
        let missing = slots.difference(&self.myself().await?.slots);
        if missing.is_empty() {
            return Ok(());
        }
        let ranges = missing.ranges();
        let ends: Vec<String> =
            ranges.iter().flat_map(|run| [run.first(), run.last()]).map(|slot| slot.to_string()).collect();
        let by_range: Vec<&str> =
            ["CLUSTER", "ADDSLOTSRANGE"].into_iter().chain(ends.iter().map(String::as_str)).collect();
        match self.call_named("CLUSTER ADDSLOTSRANGE", &by_range).await {
            Err(CallError::Refused { said, .. }) if no_such_subcommand(&said) => {}
            other => return other.map(|_| ()),
        }
        // Before Redis 7.0: one by one, and still all or none.
        let slots: Vec<String> =
            ranges.iter().flat_map(|run| run.first().get()..=run.last().get()).map(|slot| slot.to_string()).collect();
        let one_by_one: Vec<&str> =
            ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
        self.call_named("CLUSTER ADDSLOTS", &one_by_one).await.map(|_| ())
    }

    /// Begins with this configuration epoch, instead of 0; if it has it already, nothing is done.
    ///
    /// To be called before the first server is met, with another number on each: servers that meet with equal epochs settle it
    /// between them one conflict after the other, each with a change of the cluster's epoch that everybody has to hear of.
    ///
    /// The trap: **the epoch of a server that is to be a replica must be below its primary's.** A replica speaks with its
    /// primary's epoch. Whoever knows a higher one of it from before takes that for old news, and believes for ever that it is a
    /// primary (Valkey, and Redis since 7.4; measured on Valkey 9.1.2: in one of ten clusters that were made with the epochs of
    /// replicas above).
    ///
    /// # Errors
    /// [`CallError::Refused`] if the server knows another one already, or has another epoch: it does not matter any more.
    pub async fn cluster_set_config_epoch(&mut self, epoch: u64) -> Result<(), CallError> {
        if self.cluster_info().await?.number("cluster_my_epoch") == Some(epoch) {
            return Ok(());
        }
        self.call_named("CLUSTER SET-CONFIG-EPOCH", &["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()])
            .await
            .map(|_| ())
    }

    /// Gets to know the server with this address for clients (over TLS, if the cluster uses it) and this bus port.
    ///
    /// The answer means that the handshake has begun; it takes some tenths of a second, and is dropped without a word after the
    /// node timeout if nobody answers. [`BusNode`] says what is seen meanwhile. To call it for a server that is known is
    /// harmless: the handshake finds that out, and takes the address for that server's new one.
    ///
    /// The other server gets to know this one by it, so one of the two is enough. Whom neither has met they hear of by gossip,
    /// which takes seconds: each pair should meet. How soon they agree is then a matter of `cluster-node-timeout`: every server
    /// asks every other once in half of it, and only then hears that one has become a replica, or tells whose link it is that
    /// came up while they did not know each other yet ([`Peer::linked_from`](justmanage_model::Peer::linked_from)). Until all
    /// of three shards with a replica each agreed, were linked both ways and served took (measured over TLS, every release line
    /// from Redis 6.2 to 8.6 and Valkey 8.0 to 9.1): 1.9 to 2.2 s with a node timeout of 2 s, whether each pair met once or both
    /// ways round (2 s is how long servers wait by themselves before they serve); 2 to 10 s with one of 5 s; and 3 to 11 s when
    /// one server met all others, or each its next.
    ///
    /// The trap: whoever answers at that address is drawn in with all whom it knows. An address that by now belongs to a server
    /// of another cluster would join the two clusters; what prevents that is TLS on the bus with an authority of each cluster.
    ///
    /// # Errors
    /// [`CallError::Refused`] for an address that cannot be one.
    pub async fn cluster_meet(&mut self, at: SocketAddr, bus_port: u16) -> Result<(), CallError> {
        let (ip, port, bus) = (at.ip().to_string(), at.port().to_string(), bus_port.to_string());
        self.call_named("CLUSTER MEET", &["CLUSTER", "MEET", &ip, &port, &bus]).await.map(|_| ())
    }

    /// Becomes a replica of this server; if it is one already, nothing is done.
    ///
    /// The trap: the server itself does not look whether it is one already. It would drop its link and copy anew.
    ///
    /// # Errors
    /// [`CallError::NotNow`] if the server does not know that one yet, or it is not a primary, or is itself.
    /// [`CallError::Refused`] if it is a primary itself that owns slots or holds data: nothing is ever thrown away by this.
    pub async fn cluster_replicate(&mut self, primary: BusId) -> Result<(), CallError> {
        if self.myself().await?.primary == Some(primary) {
            return Ok(());
        }
        let called = self.call_named("CLUSTER REPLICATE", &["CLUSTER", "REPLICATE", &primary.to_string()]).await;
        called.map_err(|error| not_now(error, &["Unknown node", "I can only replicate a master", "myself"])).map(|_| ())
    }

    /// Stands for election at once, without its primary's word (`FORCE`); a primary that owns slots has won already, and
    /// nothing is done.
    ///
    /// The answer means only that it will try: it is the primary when [`Connection::bus_view`] says so. What the replica had not
    /// received is lost, so this is for a primary whose process is known to be dead. A majority of the primaries must be there
    /// to vote (the dead one counts), so it cannot win in a cluster of one or two shards. Within four node
    /// timeouts after an election that it won, most releases use the old votes again, and lose: not to be called then.
    ///
    /// # Errors
    /// [`CallError::NotNow`] if it is a primary without slots, or its primary is not known.
    pub async fn cluster_failover_force(&mut self) -> Result<(), CallError> {
        self.failover("CLUSTER FAILOVER FORCE", Some("FORCE")).await
    }

    /// Takes its primary's place at once, asking nobody (`TAKEOVER`); a primary that owns slots has done so already, and
    /// nothing is done.
    ///
    /// The trap: it takes the next configuration epoch by its own word. If somebody else does the same at the same moment, or
    /// the old primary still takes writes, one of the two histories is lost without a word. Only for a shard of which the
    /// majority of agents has decided it, and whose old primary is dead or fenced.
    ///
    /// # Errors
    /// [`CallError::NotNow`] if it is a primary without slots, or its primary is not known.
    pub async fn cluster_failover_takeover(&mut self) -> Result<(), CallError> {
        self.failover("CLUSTER FAILOVER TAKEOVER", Some("TAKEOVER")).await
    }

    /// Begins to take its primary's place as planned: the primary holds its writes back until the replica has all of them, and
    /// then the primaries vote. A primary that owns slots has done so already, and nothing is done.
    ///
    /// `Ok` says that it was begun, and nothing more. It takes 20 to 200 ms; without an end the primary takes writes again after
    /// five seconds. It succeeded when the old primary says that it is a replica, the epoch rose, and all agree. The trap of stale
    /// votes ([`justmanage_model::Release::votes_go_stale`]) looks like a success for 70 ms, to the replica itself.
    ///
    /// # Errors
    /// [`CallError::NotNow`] if it is a primary without slots, its primary is not known, or it is not linked to that.
    pub async fn cluster_failover(&mut self) -> Result<(), CallError> {
        self.failover("CLUSTER FAILOVER", None).await
    }

    async fn failover(&mut self, name: &str, how: Option<&str>) -> Result<(), CallError> {
        let myself = self.myself().await?;
        if !myself.replica && !myself.slots.is_empty() {
            return Ok(());
        }
        let words: Vec<&str> = ["CLUSTER", "FAILOVER"].into_iter().chain(how).collect();
        let called = self.call_named(name, &words).await;
        called.map_err(|error| not_now(error, &["to a replica", "unknown to me", "is down or failed"])).map(|_| ())
    }

    /// Forgets a server; one that is not known is forgotten already.
    ///
    /// The trap: everybody who still knows that one tells of it, and it would be known again. The server is deaf to that for a
    /// minute, so within that minute all servers must be told to forget it. (Redis since 7.2 and Valkey pass the word on.)
    ///
    /// # Errors
    /// [`CallError::NotNow`] if it is its own primary: that must be another one, or itself, first.
    /// [`CallError::Refused`] if it is itself.
    pub async fn cluster_forget(&mut self, server: BusId) -> Result<(), CallError> {
        let called = self.call_named("CLUSTER FORGET", &["CLUSTER", "FORGET", &server.to_string()]).await;
        match called.map_err(|error| not_now(error, &["forget my master", "forget my primary"])) {
            Err(CallError::Refused { said, .. }) if said.contains("Unknown node") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Cuts a replica's link to its primary; where there is none, nothing is done.
    ///
    /// The trap: it does not stay cut. The replica makes it anew at once, and the primary is without it for 1 to 15 ms
    /// (measured); whoever counts on the primary's refusing writes has to act within that time, or to look at the primary.
    ///
    /// # Errors
    /// As every call.
    pub async fn sever_primary_link(&mut self) -> Result<(), CallError> {
        self.call_named("CLIENT KILL", &["CLIENT", "KILL", "TYPE", "master"]).await.map(|_| ())
    }
}

fn no_line_about_itself() -> CallError {
    unexpected("CLUSTER NODES", "no line about itself".to_owned())
}

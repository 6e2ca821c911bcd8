//! Under which names clients are told of the servers.
//!
//! Servers know each other by addresses. Where these lead nowhere for clients (a network behind NAT) each server tells clients a name
//! instead, which leads them to it, and which its certificate has.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Record;
use crate::{HostName, NodeId};

/// The names of nodes, of members and spares alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Name by node.
    pub names: BTreeMap<NodeId, HostName>,
    /// Clients are told these, and not addresses. Names that nobody asks for any more stay where they are: while some servers told names
    /// and others had none left, clients would be told of a server that has no place at all.
    pub used: bool,
}

impl Announced {
    /// The setting of a server by which it is known to others under a name.
    pub const NAME_KEY: &str = "cluster-announce-hostname";
    /// The setting of a server that says what clients are told of all servers.
    pub const KIND_KEY: &str = "cluster-preferred-endpoint-type";
    /// The value of [`Self::KIND_KEY`] for names.
    pub const KIND_NAME: &str = "hostname";
    /// The value of [`Self::KIND_KEY`] for addresses, which is the server's default.
    pub const KIND_ADDRESS: &str = "ip";
}

impl Record {
    /// Has clients told these names; none: addresses. Of nodes that the names say nothing about, what was said before stays.
    ///
    /// A certificate has its server's name. Where a node that may have one already gets another name, all certificates are replaced.
    pub fn announce(&mut self, names: &BTreeMap<NodeId, HostName>) {
        if names.is_empty() {
            self.announced.iter_mut().for_each(|announced| announced.used = false);
            return;
        }
        let mut announced = self.announced.take().unwrap_or_default();
        announced.used = true;
        let mut renamed = false;
        for (node, name) in names {
            let before = announced.names.insert(*node, name.clone());
            renamed |= before.as_ref() != Some(name) && self.members.contains_key(node);
        }
        announced.names.retain(|node, _| {
            names.contains_key(node) || self.members.contains_key(node) || self.spares.contains_key(node)
        });
        self.announced = Some(announced);
        if renamed {
            self.rotation.certificates_since = Some(self.generation.next());
        }
    }

    /// Gives a node that is new in the cluster its name, where nodes have some.
    pub fn call(&mut self, node: NodeId, name: Option<&HostName>) {
        if let (Some(announced), Some(name)) = (&mut self.announced, name) {
            announced.names.insert(node, name.clone());
        }
    }

    /// The name under which a node's server is known to others, whether clients are told it or not.
    #[must_use]
    pub fn name_of(&self, node: NodeId) -> Option<&HostName> {
        self.announced.as_ref()?.names.get(&node)
    }

    /// Whether clients are told names: that is so only if every member has one.
    #[must_use]
    pub fn tells_names(&self) -> bool {
        let Some(announced) = &self.announced else { return false };
        announced.used && self.members.keys().all(|node| announced.names.contains_key(node))
    }

    /// Where clients find a member's server, as `host:port`: by its name where clients are told names, otherwise by its address.
    #[must_use]
    pub fn endpoint(&self, node: NodeId, client: SocketAddr) -> String {
        match self.name_of(node).filter(|_| self.tells_names()) {
            Some(name) => format!("{name}:{}", client.port()),
            None => client.to_string(),
        }
    }

    /// What the settings of a node's server say of names; nothing where none was ever asked for.
    pub(super) fn settings_of_names(&self, node: NodeId) -> Vec<(String, String)> {
        if self.announced.is_none() {
            return Vec::new();
        }
        let kind = if self.tells_names() { Announced::KIND_NAME } else { Announced::KIND_ADDRESS };
        let name = self.name_of(node).map(ToString::to_string).unwrap_or_default();
        vec![(Announced::NAME_KEY.to_owned(), name), (Announced::KIND_KEY.to_owned(), kind.to_owned())]
    }
}

//! The calls that concern the cluster: what a server sees of it, and what makes it.

use std::collections::BTreeSet;

use justmanage_model::{BusId, BusView, SlotSet};

use super::unexpected;
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
        let cluster = self.cluster_info().await?;
        let nodes = self.cluster_nodes().await?;
        let links = self.cluster_links().await?;
        let said = Said { info, cluster: &cluster, nodes: &nodes, links: links.as_ref() };
        said.view().ok_or_else(no_line_about_itself)
    }

    /// Whose own link to the server is up; `None` where the server does not tell (before Redis 7.0).
    async fn cluster_links(&mut self) -> Result<Option<BTreeSet<BusId>>, CallError> {
        let reply = match self.call_named("CLUSTER LINKS", &["CLUSTER", "LINKS"]).await {
            Err(CallError::Refused { said, .. }) if said.contains("nknown subcommand") => return Ok(None),
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
        let ends: Vec<String> =
            missing.ranges().iter().flat_map(|run| [run.first().to_string(), run.last().to_string()]).collect();
        let mut arguments = vec!["CLUSTER", "ADDSLOTSRANGE"];
        arguments.extend(ends.iter().map(String::as_str));
        self.call(&arguments).await.map(|_| ())
    }
}

fn no_line_about_itself() -> CallError {
    unexpected("CLUSTER NODES", "no line about itself".to_owned())
}

//! The data source `justmanage_servers`: the servers of a pool as they are now, and which of them can be had.

mod ask;
mod model;
#[cfg(test)]
mod tests;

use justmanage_core::servers::{Facts, State, Unfit};
use justmanage_model::failure::Invalid;
use justmanage_model::node::NodeOrder;
use justmanage_model::pool::{Pool, Server};
use justmanage_model::{Bytes, Failure, FieldPath};
use tfkit::{Cx, DataSource, Diagnostics, async_trait};

use crate::diagnostics;
use crate::settings::Client;
use ask::Inspect;
use model::{ServerData, ServersData};

pub(crate) use ask::OverSsh;

/// The data source.
pub(crate) struct Servers;

#[async_trait]
impl DataSource for Servers {
    type Model = ServersData;
    type Client = Client;
    const TYPE: &'static str = "servers";

    async fn read(&self, cx: &Cx<Client, ServersData>, config: ServersData) -> Result<ServersData, Diagnostics> {
        let answered = answered(config, cx.client()?.servers.as_ref()).await;
        answered.map_err(|failure| diagnostics::error(&failure).into())
    }
}

/// What was asked, with what the servers say.
async fn answered(mut data: ServersData, servers: &dyn Inspect) -> Result<ServersData, Failure> {
    let pool: Pool = data.pool.parse().map_err(|invalid: Invalid| invalid.at(FieldPath::of("pool")))?;
    let answers = servers.inspect(&pool).await?;
    let shown: Vec<ServerData> =
        pool.servers.iter().zip(answers).map(|(server, answer)| shown(server, answer)).collect();
    data.servers = shown.into();
    Ok(data)
}

/// A server as it answers.
fn shown(server: &Server, answer: Result<Facts, Unfit>) -> ServerData {
    let labels = server.labels.iter().map(|(label, value)| (label.to_string(), value.to_string()));
    let (state, cluster) = state(server, &answer);
    let facts = answer.as_ref().ok();
    let size = |of: fn(&Facts) -> Bytes| facts.map(|facts| of(facts).get());
    ServerData {
        address: server.host.address.clone().into(),
        zone: server.zone.as_ref().map(ToString::to_string).into(),
        labels: labels.collect::<std::collections::BTreeMap<_, _>>().into(),
        state: state.to_owned().into(),
        cluster: cluster.into(),
        processors: facts.map(|facts| facts.processors).into(),
        memory: size(|facts| facts.memory).into(),
        disk: size(|facts| facts.disk).into(),
        disk_free: size(|facts| facts.disk_free).into(),
        system: facts.map(|facts| facts.system.clone()).into(),
        missing: missing(answer).into(),
    }
}

/// The word for what is to be had of a server, and the cluster whose it is.
fn state(server: &Server, answer: &Result<Facts, Unfit>) -> (&'static str, Option<String>) {
    match answer.as_ref().map(|facts| &facts.state) {
        // Who hides a server that is used does not set it free.
        Ok(State::Used(claim)) => ("used", cluster(claim)),
        Ok(State::Locked(claim)) => ("locked", cluster(claim)),
        Ok(State::Hidden) => ("hidden", None),
        _ if server.hidden => ("hidden", None),
        Ok(State::Free) => ("free", None),
        Err(Unfit::Lacks(_)) => ("unfit", None),
        Err(Unfit::Unreachable(_)) => ("unreachable", None),
    }
}

/// The name of the cluster in a claim, if it is one that this release can read.
fn cluster(claim: &str) -> Option<String> {
    serde_json::from_str::<NodeOrder>(claim).ok().map(|order| order.claim.name.to_string())
}

fn missing(answer: Result<Facts, Unfit>) -> Vec<String> {
    match answer {
        Ok(_) => Vec::new(),
        Err(Unfit::Lacks(sentences)) => sentences,
        Err(Unfit::Unreachable(sentence)) => vec![sentence],
    }
}

fn pool(text: &str) -> Result<(), String> {
    text.parse::<Pool>().map(|_| ()).map_err(|error| error.to_string())
}

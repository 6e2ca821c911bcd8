//! `justmanage_server_pool`: servers of the user's own, and how one gets onto them.

mod host;
mod import;
mod jumps;
mod model;
mod unpinned;

use std::collections::BTreeMap;
use std::net::IpAddr;

use justmanage_model::pool::{HostKey, Pool, Server};
use justmanage_model::{Failure, FieldPath, HostName};
use tfkit::model::View;
use tfkit::{Attr, Cx, Diagnostics, Failed, Path, PathStep, Plan, PlanChange, Resource, Value, async_trait};

use super::Definition;
use super::reader::Reader;
use crate::diagnostics;
use crate::meaning::same;
use crate::settings::Client;
use host::Usual;
use jumps::Jumps;
use model::{PoolServer, ServerPool};

pub(crate) use host::label_of;

/// The headline of what is wrong with a pool as a whole.
const SUMMARY: &str = "Server pool not valid";

/// The resource type.
pub(crate) struct ServerPools;

type Context = Cx<Client, ServerPool>;

#[async_trait]
impl Resource for ServerPools {
    type Model = ServerPool;
    type Client = Client;
    const TYPE: &'static str = "server_pool";

    fn validate(&self, config: &View<ServerPool>, report: &mut Diagnostics) {
        if let Err(faults) = ServerPool::define(config) {
            report.extend(faults);
        }
    }

    async fn modify_plan(&self, cx: &Context, change: &mut PlanChange<ServerPool>) -> Result<(), Diagnostics> {
        ServerPool::plan(change)?;
        // Said when it is chosen, and not again.
        let before = change.prior.as_ref().and_then(unpinned::warning);
        let now = unpinned::warning(&change.planned);
        if now != before
            && let Some(warning) = now
        {
            cx.report(warning);
        }
        Ok(())
    }

    async fn create(&self, _: &Context, plan: Plan<ServerPool>) -> Result<ServerPool, Failed<ServerPool>> {
        Ok(plan.settled()?)
    }

    async fn read(&self, _: &Context, state: ServerPool) -> Result<Option<ServerPool>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        _: &Context,
        _: ServerPool,
        plan: Plan<ServerPool>,
    ) -> Result<ServerPool, Failed<ServerPool>> {
        Ok(plan.settled()?)
    }

    async fn delete(&self, _: &Context, _: ServerPool) -> Result<(), Failed<ServerPool>> {
        Ok(())
    }

    async fn import(&self, _: &Context, id: &str) -> Result<ServerPool, Diagnostics> {
        let parsed = id.parse::<Pool>();
        let pool = parsed.map_err(|invalid| diagnostics::error(&invalid.at(FieldPath::root())))?;
        Ok(ServerPool::of(&pool))
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        match path.steps() {
            [.., PathStep::Attribute(name)] => {
                name == "private_address" && same::<IpAddr>(one, other)
                    || name == "announce" && same::<HostName>(one, other)
            }
            [.., PathStep::Attribute(name), PathStep::Index(_)] => name == "host_keys" && same::<HostKey>(one, other),
            _ => false,
        }
    }
}

impl Definition for ServerPool {
    fn define(view: &View<Self>) -> Result<Option<String>, Diagnostics> {
        let mut reader = Reader::default();
        let usual = Usual::read(&mut reader, &view.user, &view.port);
        let jumps = Jumps::read(&mut reader, &view.jump_hosts);
        let servers = servers(&mut reader, &view.servers, &usual, &jumps);
        let whole = reader
            .end(Some(Pool { servers }), |pool| pool.check().map_err(|fault| fault.at(FieldPath::of("servers"))))?;
        Ok(whole.map(|pool| pool.to_string()))
    }

    fn computed(view: &mut View<Self>) -> (&mut Attr<String>, &mut Attr<String>) {
        (&mut view.id, &mut view.definition)
    }
}

/// The servers that are known; of any other the reader has heard.
fn servers(
    reader: &mut Reader,
    views: &Attr<Vec<Attr<View<PoolServer>>>>,
    usual: &Usual,
    jumps: &Jumps,
) -> Vec<Server> {
    reader.not_known(views.is_unknown());
    let mut servers: Vec<Server> = Vec::new();
    let mut places: BTreeMap<(String, u16), usize> = BTreeMap::new();
    for (index, view) in views.known().into_iter().flatten().enumerate() {
        let path = FieldPath::of("servers").index(index);
        reader.not_known(view.is_unknown());
        if !reader.is_there(&path, view) {
            continue;
        }
        let server = view.known().and_then(|view| host::server(reader, &path, view, usual, jumps));
        let Some(server) = server else {
            // What is wrong with it was said; what is missing in it, Terraform says.
            reader.not_known(true);
            continue;
        };
        let place = (server.host.address.clone(), server.host.port);
        match places.get(&place) {
            Some(first) => reader.fault(&listed_twice(path, &server, *first)),
            None => drop(places.insert(place, index)),
        }
        servers.push(server);
    }
    servers
}

fn listed_twice(path: FieldPath, server: &Server, first: usize) -> Failure {
    let detail = format!("{} is listed already, as servers[{first}].", server.host);
    Failure::at(path.attribute("address"), SUMMARY, detail)
        .hint("Leave one of them out. A host has one node; behind one address, hosts have different ports.")
}

//! Servers of a pool: what they are made of, and whose they are. Nothing is changed on a server here, and nothing of it is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use justmanage_model::pool::{Host, Pool};
use justmanage_platform_servers::facts::{Missing, script};
use justmanage_platform_servers::{Shell, together};

pub use justmanage_platform_servers::facts::{Facts, State};
pub use justmanage_platform_servers::{Programs, sharing};
pub use justmanage_platforms::Needs;
pub use justmanage_ssh::credentials::{agent_of_user, check_key};
pub use justmanage_ssh::{Credentials, Hosts, SshError};

/// Longest time for the script, once logged in. It reads files and starts a dozen programs; a host that needs longer has a fault.
const LIMIT: Duration = Duration::from_secs(30);

/// Why nothing can be had of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It could not be asked; why, and what to do, in sentences.
    Unreachable(String),
    /// It lacks something that a node needs; a sentence for each thing.
    Lacks(Vec<String>),
}

/// Asks all servers of a pool, and answers in its order.
pub async fn inspect(hosts: &Hosts, pool: &Pool) -> Vec<Result<Facts, Unfit>> {
    let asked = pool.servers.iter().map(|server| ask(hosts, &server.host)).collect();
    together(pool, asked).await
}

async fn ask(hosts: &Hosts, host: &Host) -> Result<Facts, Unfit> {
    let output = hosts.carry_out(host, &script(), LIMIT).await;
    let output = output.map_err(|error| Unfit::Unreachable(said(&error)))?;
    if output.stdout.is_empty() && !output.succeeded() {
        return Err(Unfit::Lacks(vec![format!("It ran no script: {}.", output.last_words())]));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Facts::read(&String::from_utf8_lossy(&output.stdout), i64::try_from(now).unwrap_or(i64::MAX))
        .map_err(|Missing(missing)| Unfit::Lacks(missing))
}

fn said(error: &SshError) -> String {
    match error {
        SshError::Unknown { hint, .. } | SshError::Keys { hint, .. } => format!("{error}. {hint}"),
        _ => format!("{error}."),
    }
}

//! The library without Terraform: makes the cluster of `examples/local-cluster` on this machine, shows it, and removes it.
//!
//!     justmanage-example-library DIRECTORY AGENT [DIRECTORY-OF-SERVER-PROGRAMS]
//!
//! DIRECTORY is where the cluster lives, AGENT the program `justmanage-agent`.

use std::path::PathBuf;

use justmanage_core::artefacts::{Artefacts, Source};
use justmanage_core::manager::Observed;
use justmanage_core::{Manager, OperatorKey};
use justmanage_model::{Bytes, ClusterSpec, Engine, Failure, Line, ReleaseTarget};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(directory), Some(agent)) = (arguments.next(), arguments.next()) else {
        return Err(Failure::new("Arguments missing", "Give a directory and the program of the agent."));
    };
    let programs = Artefacts::new(arguments.map(Source::Directory).collect());
    let operator = OperatorKey::resolve(None)?;
    let manager = Manager::local(directory, agent, programs, operator);

    let name = "library".parse().map_err(|error| Failure::new("Name not valid", format!("{error}")))?;
    let version = ReleaseTarget::LatestPatch(Line::new(7, 0));
    let spec = ClusterSpec::new(Engine::Redis, version, 3, 1, Bytes::mib(64));
    let made = manager.create(&name, &spec, &CancellationToken::new()).await?;

    // From here on the id is all that anybody needs to find it again.
    if let Observed::Here(view) = manager.observe(&made.id).await? {
        for node in &view.nodes {
            let role = format!("{:?}", node.role);
            // A spare has no seat; this cluster has none.
            let Some(seat) = node.seat else { continue };
            eprintln!("shard {} {} {role} {}", seat.shard, node.client, node.state.as_str());
        }
    }
    manager.destroy(&made.id).await
}

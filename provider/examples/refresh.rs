//! How long a refresh of many clusters takes: prints the median of some runs in seconds. `cargo xtask bench` runs it.
//!
//!     refresh PROVIDER AGENT CLUSTERS RUNS
//!
//! The provider is the real one, called as Terraform calls it, and so is the agent's program that tells what runs; the agents
//! that answer are played, three shards with a replica each. Ten are asked for at a time, as Terraform does.

use std::path::{Path, PathBuf};
use std::time::Instant;

use justmanage_model::{Bytes, ClusterSpec, Engine, Line, Release, ReleaseTarget};
use justmanage_simulated::Stage;
use tfkit::Value;
use tfkit::testing::{Host, Launch};

const CLUSTER: &str = "justmanage_redis_cluster";
/// Terraform's own `-parallelism`, where nobody says otherwise.
const AT_ONCE: usize = 10;

type AnyError = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [provider, agent, clusters, runs] = arguments.as_slice() else {
        return Err("give the provider, the agent, how many clusters, and how many runs".into());
    };
    let number = |path: &PathBuf| path.to_string_lossy().parse::<usize>();
    let (clusters, runs) = (number(clusters)?, number(runs)?);
    let home = tempfile::tempdir()?;
    let stage = Stage::new(home.path())?;
    let line = Line::new(7, 0);
    let spec = ClusterSpec::new(Engine::Redis, ReleaseTarget::LatestPatch(line), 3, 1, Bytes::mib(64));
    for index in 0..clusters {
        stage.add_cluster(&format!("c{index}"), &spec, &Release::new(Engine::Redis, line.patch(15)))?;
    }
    // What a state would hold.
    let mut host = start(provider, agent, &stage).await?;
    let mut states = Vec::new();
    for index in 0..clusters {
        states.push(host.import(CLUSTER, &format!("local/c{index}")).await?);
    }
    host.shutdown().await?;
    let mut times = Vec::new();
    for _ in 0..runs {
        // A new process each time, as every run of Terraform has one: no connection is open yet.
        let mut host = start(provider, agent, &stage).await?;
        let begun = Instant::now();
        let refreshed = host.read_all(CLUSTER, &states, AT_ONCE).await?;
        times.push(begun.elapsed().as_secs_f64());
        for (refreshed, state) in refreshed.iter().zip(&states) {
            if refreshed.as_ref().ok_or("it is there")?.value != state.value {
                return Err("a refresh changed something".into());
            }
        }
        host.shutdown().await?;
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).ok_or("at least one run")?;
    eprintln!("{times:.3?}");
    std::io::Write::write_all(&mut std::io::stdout(), format!("{median}\n").as_bytes())?;
    Ok(())
}

async fn start(provider: &Path, agent: &Path, stage: &Stage) -> Result<Host, AnyError> {
    let launch = Launch::new(provider).env("JUSTMANAGE_AGENT", agent);
    let mut host = launch.env("JUSTMANAGE_OPERATOR_KEY", stage.operator_key()).start().await?;
    let clusters = stage.clusters().to_str().ok_or("a path in UTF-8")?.to_owned();
    host.configure(&Value::object([("local", Value::object([("directory", clusters.into())]))])).await?;
    Ok(host)
}

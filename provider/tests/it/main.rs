//! The provider's own program, as Terraform starts it: who gets in, and what Terraform sees of clusters whose agents are played
//! (`justmanage-simulated`). With real agents and servers it is tested by the acceptance tests.

mod agents;
mod aws;
mod credentials;
mod door;
mod functions;
mod imports;
mod lookup;
mod plans;
mod policies;
mod pools;
mod protection;
mod releases;
mod rows;
mod servers;
mod shapes;
mod spares;
mod surge;
mod timeouts;
mod users;
mod world;

use tfkit::testing::Launch;

fn provider() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_terraform-provider-justmanage"))
}

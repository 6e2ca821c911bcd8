//! The layer of all clouds on a cloud in memory, which keeps what clouds promise and no more: lists come late, tokens are remembered for
//! longer than machines live, and calls fail on the way there or back.

mod api;
mod boot;
mod contract;
mod programs;
mod verbs;

use std::sync::Arc;

use justmanage_cloud_played::{PlayedClock, PlayedOperator, TRUSTED, settings};
use justmanage_model::{Claim, ClusterId, ClusterName, NodeId, Pin, Seat};
use justmanage_platform_cloud::{Cloud, Settings};
use justmanage_platforms::{ClaimQuery, MachineOrder};

use crate::api::Memory;

/// The platform, as a process has it that knows nothing of those before it.
fn platform(memory: &Arc<Memory>) -> Cloud {
    platform_of(memory, TRUSTED)
}

/// The same for the operator with this secret.
fn platform_of(memory: &Arc<Memory>, secret: u8) -> Cloud {
    let operator = PlayedOperator::new(secret, memory.clone());
    Cloud::new(memory.clone(), Arc::new(operator), Arc::new(PlayedClock::default()), settings())
}

/// The same with other settings.
fn platform_with(memory: &Arc<Memory>, settings: Settings) -> Cloud {
    let operator = PlayedOperator::new(TRUSTED, memory.clone());
    Cloud::new(memory.clone(), Arc::new(operator), Arc::new(PlayedClock::default()), settings)
}

fn claim(name: &str, cluster: u8, node: u8) -> Claim {
    Claim {
        cluster: ClusterId::from_entropy([cluster; 10]),
        name: name.parse().expect("a name"),
        node: NodeId::from_entropy([node; 10]),
        seat: Some(Seat { shard: 0, ordinal: node.into() }),
    }
}

fn order(node: u8) -> MachineOrder {
    MachineOrder::new(claim("cache", 1, node), [Pin::from_digest([7; 32])].into())
}

fn query(name: &str) -> ClaimQuery {
    ClaimQuery { name: name.parse::<ClusterName>().expect("a name"), cluster: None }
}

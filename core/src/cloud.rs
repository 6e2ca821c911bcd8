//! Machines of clouds: what they are made with, and the clouds that this build knows.

pub use crate::agents::Trusted;
pub use justmanage_platform_cloud::boot::ANYWHERE;
pub use justmanage_platform_cloud::choice::fitting;
pub use justmanage_platform_cloud::{AgentPrograms, Offer, Room, Settings};

#[cfg(feature = "aws")]
pub use justmanage_platform_aws as aws;

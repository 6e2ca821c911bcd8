//! Subnets: which zones there are, and to which network they belong.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;
use justmanage_platform_cloud::ApiError;

use crate::aws::VPC;
use crate::refusal::refusal;
use crate::settings::Subnets;

/// Where instances can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// The VPC.
    pub(crate) vpc: String,
    /// The subnet of each zone, in the order of the zones.
    pub(crate) subnets: Vec<(String, String)>,
}

impl Network {
    pub(crate) fn subnet(&self, zone: &str) -> Option<&str> {
        self.subnets.iter().find(|(of, _)| of == zone).map(|(_, subnet)| subnet.as_str())
    }

    pub(crate) fn zones(&self) -> Vec<String> {
        self.subnets.iter().map(|(zone, _)| zone.clone()).collect()
    }
}

/// A filter of EC2's lists.
pub(crate) fn filter(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// Ours in a VPC, or in all of the region.
pub(crate) fn ours(vpc: Option<&str>) -> Filter {
    match vpc {
        Some(vpc) => filter(format!("tag:{VPC}"), [vpc]),
        None => filter("tag-key", [VPC]),
    }
}

/// The network in which machines can be made.
pub(crate) async fn network(client: &Client, subnets: &Subnets) -> Result<Network, ApiError> {
    let ask = client.describe_subnets();
    let ask = match subnets {
        Subnets::These(subnets) => ask.set_subnet_ids(Some(subnets.clone())),
        Subnets::Default => ask.filters(filter("default-for-az", ["true"])),
        Subnets::Anywhere => {
            let what = "of this cluster no more is known than its id, and nothing is made by that".to_owned();
            return Err(ApiError::Invalid(what));
        }
    };
    let answer = ask.send().await.map_err(refusal)?;
    let mut found: Vec<(String, String, String)> = Vec::new();
    for subnet in answer.subnets.unwrap_or_default() {
        let parts = (subnet.availability_zone, subnet.subnet_id, subnet.vpc_id);
        if let (Some(zone), Some(id), Some(vpc)) = parts {
            found.push((zone, id, vpc));
        }
    }
    found.sort();
    let Some((_, _, vpc)) = found.first().cloned() else {
        return Err(ApiError::Invalid(
            "this region has no default subnets; name the subnets that nodes are to be in".to_owned(),
        ));
    };
    if let Some((_, other, _)) = found.iter().find(|(_, _, of)| *of != vpc) {
        return Err(ApiError::Invalid(format!("the subnets belong to several VPCs: {other} is not in {vpc}")));
    }
    found.dedup_by(|next, first| next.0 == first.0);
    Ok(Network { vpc, subnets: found.into_iter().map(|(zone, id, _)| (zone, id)).collect() })
}

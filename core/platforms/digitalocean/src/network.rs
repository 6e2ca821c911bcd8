//! The VPC: where droplets have their private addresses.

use std::net::IpAddr;

use justmanage_platform_cloud::ApiError;

use crate::client::Client;
use crate::settings::DigitalOceanSettings;
use crate::wire::Vpc;

/// Where droplets can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// The VPC.
    pub(crate) vpc: String,
    /// An address there, by the way to which a droplet finds its own: its usual way out is the public one.
    pub(crate) toward: IpAddr,
}

/// The VPC of the settings, or the region's default one.
pub(crate) async fn network(client: &Client, settings: &DigitalOceanSettings) -> Result<Network, ApiError> {
    let vpcs = client.list::<Vpc>("/v2/vpcs", "vpcs", "").await?.is;
    let region = &settings.region;
    let found = match &settings.vpc {
        Some(id) => vpcs.iter().find(|vpc| vpc.id == *id),
        None => vpcs.iter().find(|vpc| vpc.default && vpc.region == *region),
    };
    let invalid = |what: String| ApiError::Invalid(what);
    let vpc = found.ok_or_else(|| match &settings.vpc {
        Some(id) => invalid(format!("there is no VPC {id}")),
        None => invalid(format!("{region} has no default VPC; name the one that nodes are to be in")),
    })?;
    if vpc.region != *region {
        return Err(invalid(format!("the VPC {} is in {}, and not in {region}", vpc.id, vpc.region)));
    }
    let toward = first(&vpc.ip_range)
        .ok_or_else(|| ApiError::Lost(format!("the VPC {} has no range of addresses: {:?}", vpc.id, vpc.ip_range)))?;
    Ok(Network { vpc: vpc.id.clone(), toward })
}

/// The first address of a range that can be a machine's.
fn first(range: &str) -> Option<IpAddr> {
    match range.split('/').next()?.parse().ok()? {
        IpAddr::V4(ip) => Some(IpAddr::V4((u32::from(ip) + 1).into())),
        IpAddr::V6(ip) => Some(IpAddr::V6((u128::from(ip) + 1).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_of_a_range_is_a_machines() {
        assert_eq!(first("10.114.0.0/20"), "10.114.0.1".parse().ok());
        assert_eq!(first("fd00::/64"), "fd00::1".parse().ok());
        assert_eq!(first("elsewhere"), None);
    }
}

//! Addresses: which a guest has, how it hears of it, and how that is said to EC2.
//!
//! A guest's address is the one that EC2 gave its instance; its MAC address follows from that. So all that DHCP ever answers is known
//! before the first guest boots, and a guest that is switched on again is who it was.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use justmanage_ec2_proxy::Ec2;
use justmanage_ec2_proxy::ec2::{REGION, value};

use super::imds;
use crate::bridge::{Bridge, Resident};

/// The network of all guests, in which the test is as well.
pub(super) const SUBNET: &str = "10.99.0.0/24";
/// Where the test is in it: the bridge's own address.
pub(super) const HOME: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// A part of it for each zone, as EC2 has subnets. All of them are the one network, as far as guests see.
const ZONES: [(&str, &str); 3] = [("a", "10.99.0.64/26"), ("b", "10.99.0.128/26"), ("c", "10.99.0.192/26")];

/// The MAC address of whoever has this address.
pub(super) fn mac(address: Ipv4Addr) -> String {
    let [.., last] = address.octets();
    format!("02:99:00:01:00:{last:02x}")
}

/// Every address, as `dnsmasq` reads them (`--dhcp-hostsfile`).
fn leases() -> String {
    let [a, b, c, _] = HOME.octets();
    (2..=254).map(|last| Ipv4Addr::new(a, b, c, last)).fold(String::new(), |mut text, address| {
        let _ = writeln!(text, "{},{address}", mac(address));
        text
    })
}

/// Puts the addresses of the metadata service and of DHCP on a bridge; DHCP answers from now on.
///
/// # Panics
/// When that cannot be.
pub(super) fn set_up(bridge: &Bridge, folder: &Path) -> Resident {
    bridge.run("ip", &["address", "add", &format!("{}/32", imds::ADDRESS), "dev", "br0"], "");
    let hosts = folder.join("dhcp-hosts");
    fs::write(&hosts, leases()).expect("a file");
    let file = |name: &str| folder.join(name).display().to_string();
    let arguments = [
        "--keep-in-foreground".to_owned(),
        "--conf-file=/dev/null".to_owned(),
        "--log-facility=-".to_owned(),
        "--user=root".to_owned(),
        // No names: only addresses.
        "--port=0".to_owned(),
        "--interface=br0".to_owned(),
        "--bind-interfaces".to_owned(),
        "--dhcp-authoritative".to_owned(),
        format!("--dhcp-range={},static,255.255.255.0,12h", Ipv4Addr::new(10, 99, 0, 0)),
        format!("--dhcp-hostsfile={}", hosts.display()),
        format!("--dhcp-option=option:router,{HOME}"),
        "--dhcp-option=option:dns-server".to_owned(),
        format!("--dhcp-leasefile={}", file("dhcp-leases")),
        format!("--pid-file={}", file("dhcp-pid")),
    ];
    bridge.start("dnsmasq", &arguments, &folder.join("dhcp.log")).unwrap_or_else(|why| panic!("{why}"))
}

/// Has EC2 make the network and its subnets, and answers with the subnets' ids, in the order of their zones.
pub(super) async fn make(ec2: &Ec2) -> Vec<String> {
    let id = |answer: &str, name: &str| value(answer, name).unwrap_or_else(|| panic!("no {name}: {answer}")).to_owned();
    let vpc = id(&ec2.ask(&[("Action", "CreateVpc"), ("CidrBlock", SUBNET)]).await, "vpcId");
    let mut subnets = Vec::new();
    for (zone, part) in ZONES {
        let zone = format!("{REGION}{zone}");
        let make =
            [("Action", "CreateSubnet"), ("VpcId", &vpc), ("CidrBlock", part), ("AvailabilityZone", zone.as_str())];
        subnets.push(id(&ec2.ask(&make).await, "subnetId"));
    }
    subnets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_a_mac_address_of_its_own_and_the_test_has_none() {
        let leases = leases();
        assert_eq!(leases.lines().count(), 253);
        assert!(leases.contains("02:99:00:01:00:44,10.99.0.68\n"), "{leases}");
        assert!(!leases.contains(",10.99.0.1\n"));
    }
}

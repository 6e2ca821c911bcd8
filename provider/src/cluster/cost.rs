//! What a cluster costs, by its configuration and a price list: an estimate.

use justmanage_core::cloud::{Offer, Room, fitting};
use justmanage_model::{Bytes, ClusterSpec};
use justmanage_prices::{HOURS, MicroUsd, PriceList};
use tfkit::{Attr, Number};

use super::model::Aws;
use super::{Cluster, aws};

/// For a month, in US dollars; null where it is not known, or where nobody sends a bill.
pub(super) fn monthly(prices: &PriceList, machines: &[&str], cluster: &Cluster, spec: &ClusterSpec) -> Attr<Number> {
    let cost = cluster.aws.as_ref().and_then(|on| of_instances(prices, machines, on, spec));
    cost.and_then(|cost| cost.cents().parse().ok()).into()
}

impl Cluster {
    /// With what it costs, where the plan could not say that yet.
    pub(super) fn priced(mut self, prices: &PriceList, machines: &[&str], spec: &ClusterSpec) -> Self {
        if self.monthly_cost_estimate.is_unknown() {
            self.monthly_cost_estimate = monthly(prices, machines, &self, spec);
        }
        self
    }
}

/// Instances and their disks, as they would be made now where there is room for them.
fn of_instances(prices: &PriceList, machines: &[&str], on: &Aws, spec: &ClusterSpec) -> Option<MicroUsd> {
    let types = prices.types("aws", &on.region);
    let offer = |name: &str| {
        let kind = types.iter().find(|kind| kind.name == name)?;
        let (processors, memory, machine) = (kind.processors, kind.memory, kind.machine.clone());
        Some(Offer { name: kind.name.clone(), processors, memory, machine, zones: Vec::new() })
    };
    let room = match &on.instance_types {
        // One without a price may be the one.
        Some(chosen) => Room {
            offers: chosen.iter().map(|name| offer(name)).collect::<Option<_>>()?,
            are_chosen: true,
            zones: Vec::new(),
        },
        None => {
            let usual = types.iter().filter(|kind| aws::is_usual(&kind.name));
            Room { offers: usual.filter_map(|kind| offer(&kind.name)).collect(), ..Room::default() }
        }
    };
    let has_image = |machine: &str| on.images.as_ref().is_none_or(|images| images.contains_key(machine));
    let needs = aws::needs(on, spec);
    let offers = fitting(&room, &needs, |machine| machines.contains(&machine) && has_image(machine));
    let chosen = types.iter().find(|kind| offers.first().is_some_and(|offer| offer.name == kind.name))?;
    let disk: Bytes = aws::size(on).ok()?.unwrap_or(needs.disk);
    let each = chosen.hourly * HOURS + prices.disk("aws", &on.region, disk)?;
    Some(each * u64::from(spec.machines()))
}

#[cfg(test)]
mod tests {
    use justmanage_model::Engine;

    use super::*;

    const LIST: &str = r#"{"schema": 1, "date": "2026-11-23", "clouds": {"aws": {
        "families": {
            "m7i": {"machine": "x86_64", "processors": 1, "memory_gib": 4, "sizes": {"large": 2, "xlarge": 4}},
            "m7g": {"machine": "aarch64", "processors": 1, "memory_gib": 4, "sizes": {"medium": 1, "large": 2}},
            "x9i": {"machine": "x86_64", "processors": 1, "memory_gib": 4, "sizes": {"small": 1}}
        },
        "regions": {"eu-central-1": {"disk_gib_month": 0.1, "hourly": {"m7i": 0.05, "m7g": 0.04, "x9i": 0.01}}}}}}"#;

    fn cost(
        types: Option<&[&str]>,
        region: &str,
        memory: u64,
        disk: Option<&str>,
        machines: &[&str],
    ) -> Option<String> {
        let on = Aws {
            instance_types: types.map(|types| types.iter().map(|name| (*name).to_owned()).collect()),
            disk: disk.map(str::to_owned),
            ..aws::in_region(region)
        };
        let version = "7.0".parse().expect("a version");
        let spec = ClusterSpec { spares: 1, ..ClusterSpec::new(Engine::Redis, version, 2, 1, Bytes::mib(memory)) };
        let prices = PriceList::read(LIST).expect("a list");
        of_instances(&prices, machines, &on, &spec).map(|cost| cost.to_string())
    }

    #[test]
    fn each_node_and_spare_is_an_instance_with_a_disk() {
        let (here, both) = (["x86_64"], ["x86_64", "aarch64"]);
        // Five of them: 0.1 * 730 + 10 GiB * 0.1; by usual families alone, and for processors for which there is an agent.
        assert_eq!(cost(None, "eu-central-1", 256, None, &here).as_deref(), Some("370"));
        assert_eq!(cost(None, "eu-central-1", 256, None, &both).as_deref(), Some("151"), "the smallest: m7g.medium");
        // 3 GiB of data take more than 7 GiB of memory at worst.
        assert_eq!(cost(None, "eu-central-1", 3584, None, &here).as_deref(), Some("737"), "m7i.xlarge, and 14 GiB");
        assert_eq!(
            cost(Some(&["x9i.small", "m7i.large"]), "eu-central-1", 256, Some("20GiB"), &here).as_deref(),
            Some("46.5")
        );
        for (types, region, memory) in [
            (Some(&["x9i.small", "z1d.large"][..]), "eu-central-1", 256),
            (None, "eu-west-9", 256),
            (None, "eu-central-1", 1 << 20),
        ] {
            assert_eq!(cost(types, region, memory, None, &here), None, "{types:?} {region} {memory}: it is not known");
        }
    }
}

//! The list: prices of machine types and disks, by cloud and region.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use justmanage_model::Bytes;
use serde::Deserialize;

use crate::MicroUsd;

/// Hours of a month, as clouds count them: a year's, by twelve.
pub const HOURS: u64 = 730;
/// The layout of the data that this code reads.
const SCHEMA: u32 = 1;
const GIB: u64 = 1 << 30;

static EMBEDDED: LazyLock<PriceList> = LazyLock::new(|| {
    PriceList::read(include_str!("../data/prices.json")).expect("the embedded list is read by a test")
});

/// Prices, as they were on a day.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceList {
    date: Date,
    clouds: BTreeMap<String, Cloud>,
}

/// A type of machine with its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineType {
    /// What the cloud calls it.
    pub name: String,
    /// Its processors.
    pub processors: u32,
    /// Its memory.
    pub memory: Bytes,
    /// What `uname -m` says there.
    pub machine: String,
    /// For an hour, on demand, without taxes and discounts.
    pub hourly: MicroUsd,
}

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceListError {
    /// It is no list.
    #[error("it is no price list: {0}")]
    Unreadable(String),
    /// It is of another layout.
    #[error("it has the layout {0}, and this version reads {SCHEMA}")]
    Layout(u32),
    /// Something in it cannot be.
    #[error("{0}")]
    Odd(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    schema: u32,
    date: Date,
    /// For whoever reads the data.
    #[serde(default)]
    #[allow(dead_code, reason = "for people")]
    source: String,
    clouds: BTreeMap<String, Cloud>,
}

/// A cloud's families of types, and what a part of each costs where.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Cloud {
    families: BTreeMap<String, Family>,
    regions: BTreeMap<String, Region>,
}

/// Types that are multiples of each other, in everything and in price.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Family {
    machine: String,
    /// Of the smallest part that is priced.
    processors: u32,
    memory_gib: u64,
    /// How many such parts each size has.
    sizes: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Region {
    /// The disk that we use, for a GiB and month.
    disk_gib_month: Option<f64>,
    /// A part of each family, for an hour.
    hourly: BTreeMap<String, f64>,
}

impl PriceList {
    /// The list that comes with this version.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`PriceListError`].
    pub fn read(json: &str) -> Result<Self, PriceListError> {
        let schema: serde_json::Value =
            serde_json::from_str(json).map_err(|error| PriceListError::Unreadable(error.to_string()))?;
        let schema = schema.get("schema").and_then(serde_json::Value::as_u64).unwrap_or_default();
        if schema != u64::from(SCHEMA) {
            return Err(PriceListError::Layout(u32::try_from(schema).unwrap_or(u32::MAX)));
        }
        let text: Text = serde_json::from_str(json).map_err(|error| PriceListError::Unreadable(error.to_string()))?;
        debug_assert_eq!(text.schema, SCHEMA);
        let odd = |what: String| Err(PriceListError::Odd(what));
        for (name, cloud) in &text.clouds {
            for (region, prices) in &cloud.regions {
                let all = prices.hourly.iter().map(|(family, price)| (family.as_str(), *price));
                for (what, price) in all.chain(prices.disk_gib_month.map(|price| ("disk_gib_month", price))) {
                    if MicroUsd::from_dollars(price).is_none_or(|price| price == MicroUsd::default()) {
                        return odd(format!("{price} is no price of {what} in {name}, {region}"));
                    }
                    if what != "disk_gib_month" && !cloud.families.contains_key(what) {
                        return odd(format!("{what} has a price in {name}, {region}, and is no family there"));
                    }
                }
            }
        }
        Ok(Self { date: text.date, clouds: text.clouds })
    }

    /// Of which day its prices are.
    #[must_use]
    pub const fn date(&self) -> Date {
        self.date
    }

    /// The clouds that it has.
    pub fn clouds(&self) -> impl Iterator<Item = &str> {
        self.clouds.keys().map(String::as_str)
    }

    /// The regions of a cloud that it has.
    pub fn regions(&self, cloud: &str) -> impl Iterator<Item = &str> {
        self.clouds.get(cloud).into_iter().flat_map(|cloud| cloud.regions.keys()).map(String::as_str)
    }

    /// The types that have a price in a region, the cheapest first.
    #[must_use]
    pub fn types(&self, cloud: &str, region: &str) -> Vec<MachineType> {
        let Some(cloud) = self.clouds.get(cloud) else { return Vec::new() };
        let Some(region) = cloud.regions.get(region) else { return Vec::new() };
        let mut types: Vec<MachineType> = region
            .hourly
            .iter()
            .filter_map(|(name, price)| Some(types_of(name, cloud.families.get(name)?, *price)))
            .flatten()
            .collect();
        types.sort_by(|one, other| (one.hourly, &one.name).cmp(&(other.hourly, &other.name)));
        types
    }

    /// What a disk costs for a month.
    #[must_use]
    pub fn disk(&self, cloud: &str, region: &str, size: Bytes) -> Option<MicroUsd> {
        let price = self.clouds.get(cloud)?.regions.get(region)?.disk_gib_month?;
        Some(MicroUsd::from_dollars(price)? * size.get().div_ceil(GIB))
    }
}

fn types_of(family: &str, of: &Family, price: f64) -> Vec<MachineType> {
    let sized = |(size, parts): (&String, &u32)| MachineType {
        name: format!("{family}.{size}"),
        processors: of.processors * parts,
        memory: Bytes::new(of.memory_gib * GIB * u64::from(*parts)),
        machine: of.machine.clone(),
        hourly: MicroUsd::from_dollars(price).unwrap_or_default() * u64::from(*parts),
    };
    of.sizes.iter().map(sized).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_list_is_whole() {
        let list = PriceList::embedded();
        assert_eq!(list.clouds().collect::<Vec<_>>(), ["aws"]);
        let regions: Vec<&str> = list.regions("aws").collect();
        assert!(regions.len() >= 10 && regions.contains(&"eu-central-1"), "{regions:?}");
        for region in regions {
            let types = list.types("aws", region);
            assert!(types.iter().any(|kind| kind.name == "r6g.large"), "{region}");
            assert!(types.is_sorted_by_key(|kind| kind.hourly), "{region}");
            // A GiB of memory for an hour is some cents, or something is wrong.
            for kind in types {
                let gib = kind.memory.get() / GIB;
                let each = kind.hourly.to_string().parse::<f64>().expect("a price") / gib as f64;
                assert!((0.003..0.04).contains(&each), "{region}: {kind:?}");
            }
        }
    }

    #[test]
    fn a_type_is_so_many_parts_of_its_family_and_what_is_not_in_the_list_has_no_price() {
        let list = r#"{"schema": 1, "date": "2026-11-23", "clouds": {"aws": {
            "families": {"r7g": {"machine": "aarch64", "processors": 1, "memory_gib": 8, "sizes": {"large": 2, "4xlarge": 16}}},
            "regions": {"us-east-1": {"disk_gib_month": 0.08, "hourly": {"r7g": 0.05355}}, "eu-west-1": {"disk_gib_month": null, "hourly": {}}}}}}"#;
        let list = PriceList::read(list).expect("a list");
        let types = list.types("aws", "us-east-1");
        let seen: Vec<_> = types
            .iter()
            .map(|kind| (kind.name.as_str(), kind.processors, kind.memory.get() / GIB, kind.hourly.to_string()))
            .collect();
        assert_eq!(seen, [("r7g.large", 2, 16, "0.1071".to_owned()), ("r7g.4xlarge", 16, 128, "0.8568".to_owned())]);
        assert_eq!(list.disk("aws", "us-east-1", Bytes::new(10 * GIB)).expect("a price").to_string(), "0.8");
        assert_eq!(list.disk("aws", "eu-west-1", Bytes::new(GIB)), None);
        assert_eq!((list.types("aws", "eu-west-1"), list.types("gcp", "us-east-1")), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_no_list_says_why() {
        let of = |prices: &str| {
            format!(
                r#"{{"schema": 1, "date": "2026-11-23", "clouds": {{"aws": {{"families": {{}}, "regions": {{"r": {{"disk_gib_month": null, "hourly": {prices}}}}}}}}}}}"#
            )
        };
        for (text, says) in [
            ("prices".to_owned(), "no price list"),
            (r#"{"schema": 2}"#.to_owned(), "the layout 2"),
            (r#"{"schema": 1}"#.to_owned(), "date"),
            (of(r#"{"m7i": 0.1}"#), "is no family there"),
            (of(r#"{"m7i": -0.1}"#), "-0.1 is no price"),
        ] {
            let said = PriceList::read(&text).expect_err(&text).to_string();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}

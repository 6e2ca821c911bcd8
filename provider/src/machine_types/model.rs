//! The attributes of the data source `justmanage_machine_types`.

use justmanage_prices::PriceList;
use tfkit::{Attr, Model, Number};

/// Types of machines of a cloud with what they cost, by a small price list that comes with the provider (or `price_list` of it). Nobody is
/// asked. Prices are on demand, for Linux, without taxes and discounts, and of the day that `date` says: for estimates.
#[derive(Clone, Debug, Model)]
pub(crate) struct MachineTypesData {
    /// The cloud: `aws`.
    #[tf(required, validate = cloud, says = "`aws`")]
    pub(super) cloud: String,
    /// The region, as the cloud calls it.
    #[tf(required)]
    pub(super) region: String,
    /// Least number of processors.
    #[tf(optional)]
    pub(super) processors: Option<i64>,
    /// Least memory, such as `16GiB`.
    #[tf(optional, validate = crate::cluster::size, says = "a size such as `16GiB`")]
    pub(super) memory: Option<String>,
    /// The processor: `x86_64` or `aarch64`; without it, either.
    #[tf(optional, validate = crate::settings::machine, says = "`x86_64` or `aarch64`")]
    pub(super) machine: Option<String>,
    /// Of which day the prices are.
    #[tf(computed)]
    pub(super) date: Attr<String>,
    /// The types, the cheapest first.
    #[tf(computed)]
    pub(super) types: Attr<Vec<MachineTypeData>>,
}

/// A type of machine.
#[derive(Clone, Debug, Model)]
pub(crate) struct MachineTypeData {
    /// What the cloud calls it.
    #[tf(computed)]
    pub(super) name: Attr<String>,
    /// Number of processors.
    #[tf(computed)]
    pub(super) processors: Attr<u32>,
    /// Memory, in bytes.
    #[tf(computed)]
    pub(super) memory: Attr<u64>,
    /// The processor, as `uname -m` calls it.
    #[tf(computed)]
    pub(super) machine: Attr<String>,
    /// For an hour, in US dollars.
    #[tf(computed)]
    pub(super) hourly: Attr<Number>,
    /// For a month of 730 hours, in US dollars.
    #[tf(computed)]
    pub(super) monthly: Attr<Number>,
}

fn cloud(text: &str) -> Result<(), String> {
    let known: Vec<&str> = PriceList::embedded().clouds().collect();
    if known.contains(&text) { Ok(()) } else { Err(format!("{text:?} is none of them.")) }
}

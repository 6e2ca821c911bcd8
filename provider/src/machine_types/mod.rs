//! The data source `justmanage_machine_types`: which types of machines clouds have, and what they cost.

mod model;

use justmanage_model::failure::Invalid;
use justmanage_model::{Bytes, Failure, FieldPath};
use justmanage_prices::{HOURS, MachineType, MicroUsd, PriceList};
use tfkit::{Cx, DataSource, Diagnostics, Number, async_trait};

use crate::diagnostics;
use crate::settings::Client;
use model::{MachineTypeData, MachineTypesData};

/// The data source.
pub(crate) struct MachineTypes;

#[async_trait]
impl DataSource for MachineTypes {
    type Model = MachineTypesData;
    type Client = Client;
    const TYPE: &'static str = "machine_types";

    async fn read(
        &self,
        cx: &Cx<Client, MachineTypesData>,
        config: MachineTypesData,
    ) -> Result<MachineTypesData, Diagnostics> {
        config.answered(&cx.client()?.prices).map_err(|failure| diagnostics::error(&failure).into())
    }
}

impl MachineTypesData {
    fn answered(mut self, prices: &PriceList) -> Result<Self, Failure> {
        let regions: Vec<&str> = prices.regions(&self.cloud).collect();
        if !regions.contains(&self.region.as_str()) {
            let detail =
                format!("The price list of {} has no region {:?} of {}.", prices.date(), self.region, self.cloud);
            let hint = format!("It has: {}. Others can be in a list of your own (`price_list`).", regions.join(", "));
            return Err(Failure::at(FieldPath::of("region"), "Region not in the price list", detail).hint(hint));
        }
        let at = |name: &'static str| move |invalid: Invalid| invalid.at(FieldPath::of(name));
        let memory = self.memory.as_deref().map(str::parse::<Bytes>).transpose().map_err(at("memory"))?;
        let (memory, processors) = (memory.unwrap_or_default(), self.processors.unwrap_or_default());
        let fits = |kind: &MachineType| {
            let is_meant = self.machine.as_ref().is_none_or(|machine| *machine == kind.machine);
            is_meant && kind.memory >= memory && i64::from(kind.processors) >= processors
        };
        let types = prices.types(&self.cloud, &self.region).into_iter().filter(fits);
        self.types = types.map(|kind| shown(&kind)).collect::<Vec<_>>().into();
        self.date = prices.date().to_string().into();
        Ok(self)
    }
}

fn shown(kind: &MachineType) -> MachineTypeData {
    let number =
        |price: MicroUsd, text: String| text.parse::<Number>().unwrap_or_else(|_| panic!("{price} is a number"));
    MachineTypeData {
        name: kind.name.clone().into(),
        processors: kind.processors.into(),
        memory: kind.memory.get().into(),
        machine: kind.machine.clone().into(),
        hourly: number(kind.hourly, kind.hourly.to_string()).into(),
        monthly: number(kind.hourly, (kind.hourly * HOURS).cents()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(region: &str, processors: Option<i64>, memory: Option<&str>, machine: Option<&str>) -> MachineTypesData {
        MachineTypesData {
            cloud: "aws".into(),
            region: region.into(),
            processors,
            memory: memory.map(str::to_owned),
            machine: machine.map(str::to_owned),
            date: tfkit::Attr::Null,
            types: tfkit::Attr::Null,
        }
    }

    #[test]
    fn types_that_fit_are_answered_the_cheapest_first() {
        let prices = PriceList::embedded();
        let names = |data: MachineTypesData| -> Vec<String> {
            let types = data.answered(prices).expect("an answer").types;
            types.known().expect("types").iter().map(|kind| kind.name.known().expect("a name").clone()).collect()
        };
        let all = names(asked("us-east-1", None, None, None));
        let large = names(asked("us-east-1", Some(2), Some("16GiB"), Some("x86_64")));
        assert!(large.len() < all.len() && large[0] == "r6i.large", "{large:?}");
        assert!(large.iter().all(|name| all.contains(name) && !name.contains("g.")), "{large:?}");
        let one = asked("us-east-1", None, None, None).answered(prices).expect("an answer");
        assert_eq!(one.date.known().map(String::as_str), Some(prices.date().to_string().as_str()));
        let types = one.types.known().expect("types");
        let kind = types.iter().find(|kind| kind.name.known().is_some_and(|name| name == "r7g.large")).expect("it");
        let shown = (kind.hourly.known().map(ToString::to_string), kind.monthly.known().map(ToString::to_string));
        assert_eq!(shown, (Some("0.1071".to_owned()), Some("78.18".to_owned())));
        let nowhere = asked("mars-north-1", None, None, None).answered(prices).expect_err("no such region");
        assert!(nowhere.to_string().contains("us-east-1"), "{nowhere}");
    }
}

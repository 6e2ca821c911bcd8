//! Sizes of droplets: what they have, and whether they can be had in the region.

use justmanage_model::Bytes;
use justmanage_platform_cloud::{ApiError, Offer, Room};

use crate::client::Client;
use crate::settings::DigitalOceanSettings;
use crate::wire::Size;

/// Families of which the smallest that fits is taken, where nobody has chosen: for general use, and for memory, with processors of their
/// own (those of `s` are shared).
const USUAL: [&str; 2] = ["g", "m"];
/// The only processor there is.
const MACHINE: &str = "x86_64";

/// What may be had. The region is the only zone.
pub(crate) async fn room(client: &Client, settings: &DigitalOceanSettings) -> Result<Room, ApiError> {
    let sizes = client.list::<Size>("/v2/sizes", "sizes", "").await?.is;
    Ok(of(settings, sizes))
}

fn of(settings: &DigitalOceanSettings, mut sizes: Vec<Size>) -> Room {
    let DigitalOceanSettings { region, sizes: chosen, images, .. } = settings;
    let are_chosen = !chosen.is_empty();
    let is_usual = |slug: &str| slug.split('-').next().is_some_and(|family| USUAL.contains(&family));
    let is_allowed = |slug: &String| if are_chosen { chosen.contains(slug) } else { is_usual(slug) };
    sizes.retain(|size| size.available && size.regions.contains(region) && is_allowed(&size.slug));
    if are_chosen {
        sizes.sort_by_key(|size| chosen.iter().position(|slug| *slug == size.slug));
    }
    let offer = |size: Size| Offer {
        name: size.slug,
        processors: size.vcpus,
        memory: Bytes::mib(size.memory),
        machine: MACHINE.to_owned(),
        zones: vec![region.clone()],
    };
    let offers = sizes.into_iter().filter(|_| images.contains_key(MACHINE)).map(offer).collect();
    Room { offers, are_chosen, zones: vec![region.clone()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::settings;

    fn size(slug: &str, regions: &[&str], available: bool) -> Size {
        let regions = regions.iter().map(|region| (*region).to_owned()).collect();
        Size { slug: slug.into(), memory: 8192, vcpus: 2, regions, available }
    }

    fn names(chosen: &[&str]) -> Vec<String> {
        let sizes = chosen.iter().map(|slug| (*slug).to_owned()).collect();
        let all = vec![
            size("s-2vcpu-8gb", &["fra1"], true),
            size("g-2vcpu-8gb", &["fra1", "nyc3"], true),
            size("gd-2vcpu-8gb", &["fra1"], true),
            size("m-2vcpu-16gb", &["fra1"], true),
            size("m-4vcpu-32gb", &["nyc3"], true),
            size("g-4vcpu-16gb", &["fra1"], false),
        ];
        let room = of(&DigitalOceanSettings { sizes, ..settings() }, all);
        assert_eq!(room.zones, ["fra1"]);
        room.offers.into_iter().map(|offer| offer.name).collect()
    }

    #[test]
    fn sizes_are_those_that_can_be_had_in_the_order_in_which_somebody_wants_them() {
        assert_eq!(names(&[]), ["g-2vcpu-8gb", "m-2vcpu-16gb"]);
        assert_eq!(
            names(&["m-2vcpu-16gb", "s-2vcpu-8gb", "m-4vcpu-32gb", "g-4vcpu-16gb"]),
            ["m-2vcpu-16gb", "s-2vcpu-8gb"]
        );
    }
}

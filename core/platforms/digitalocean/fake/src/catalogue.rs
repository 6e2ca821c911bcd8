//! What can be had: regions, sizes, images and networks.

use serde_json::{Value, json};

use crate::answer::{Answer, page, time};
use crate::fake::REGION;
use crate::routes::Call;

/// A size of droplets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) slug: &'static str,
    vcpus: u32,
    /// In MiB.
    memory: u64,
    /// In GiB.
    disk: u64,
    /// Of a month, in dollars.
    price: f64,
    description: &'static str,
    /// Where it can be had.
    pub(crate) regions: &'static [&'static str],
}

const EVERYWHERE: &[&str] = &["fra1", "nyc3"];

const fn size_of(slug: &'static str, vcpus: u32, memory: u64, disk: u64, price: f64) -> Size {
    let description = match slug.as_bytes()[0] {
        b'g' => "General Purpose",
        b'm' => "Memory-Optimized",
        _ => "Basic",
    };
    Size { slug, vcpus, memory, disk, price, description, regions: EVERYWHERE }
}

/// Sizes that can be had.
pub(crate) const SIZES: [Size; 6] = [
    size_of("s-2vcpu-4gb", 2, 4096, 80, 24.0),
    size_of("s-4vcpu-8gb", 4, 8192, 160, 48.0),
    size_of("g-2vcpu-8gb", 2, 8192, 25, 63.0),
    size_of("m-2vcpu-16gb", 2, 16384, 50, 84.0),
    Size { regions: &["fra1"], ..size_of("g-4vcpu-16gb", 4, 16384, 50, 126.0) },
    Size { regions: &["nyc3"], ..size_of("m-4vcpu-32gb", 4, 32768, 100, 168.0) },
];

/// Images, by their slugs.
pub(crate) const IMAGES: [&str; 2] = ["debian-12-x64", "ubuntu-24-04-x64"];

/// Networks: id, region, range, whether it is the region's default one.
pub(crate) const VPCS: [(&str, &str, &str, bool); 3] = [
    ("5a4981aa-9653-4bd1-bef5-d6bff52042e4", "fra1", "10.114.0.0/20", true),
    ("e0fe0f4d-596a-465e-a902-571ce57b79fa", "fra1", "10.42.0.0/20", false),
    ("d455e75d-4858-4eec-8c95-da2f0a5f93a7", "nyc3", "10.116.0.0/20", true),
];

pub(crate) fn size(slug: &str) -> Value {
    let Some(size) = SIZES.iter().find(|size| size.slug == slug) else { return Value::Null };
    let Size { slug, vcpus, memory, disk, price, description, regions } = size;
    json!({
        "slug": slug, "memory": memory, "vcpus": vcpus, "disk": disk, "transfer": 4.0, "price_monthly": price,
        "price_hourly": price / 672.0, "regions": regions, "available": true, "description": description,
    })
}

pub(crate) fn region(slug: &str) -> Value {
    let sizes: Vec<&str> = SIZES.iter().filter(|size| size.regions.contains(&slug)).map(|size| size.slug).collect();
    let name = if slug == REGION { "Frankfurt 1" } else { "New York 3" };
    let features = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"];
    json!({ "name": name, "slug": slug, "features": features, "available": true, "sizes": sizes })
}

pub(crate) fn image(slug: &str, now: i64) -> Value {
    json!({
        "id": 7_555_620, "name": "12 x64", "distribution": "Debian", "slug": slug, "public": true, "regions": ["fra1", "nyc3"],
        "created_at": time(now), "min_disk_size": 10, "type": "base", "size_gigabytes": 2.34,
        "description": "Debian 12 x64", "tags": [], "status": "available",
    })
}

pub(crate) fn sizes(call: &Call) -> Answer {
    let all: Vec<Value> = SIZES.iter().map(|of| size(of.slug)).collect();
    page(&call.base, &call.path, &call.query, "sizes", &all)
}

pub(crate) fn vpcs(call: &Call) -> Answer {
    let all: Vec<Value> = VPCS
        .iter()
        .map(|(id, region, range, default)| {
            json!({
                "id": id, "urn": format!("do:vpc:{id}"), "name": format!("default-{region}"), "description": "",
                "region": region, "ip_range": range, "created_at": "2020-03-13T19:20:47.442049222Z", "default": default,
            })
        })
        .collect();
    page(&call.base, &call.path, &call.query, "vpcs", &all)
}

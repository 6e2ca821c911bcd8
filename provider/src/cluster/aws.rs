//! `aws` of a cluster: on which instances its nodes live, and who gets in.

use std::collections::BTreeSet;
use std::net::IpAddr;

use justmanage_core::Manager;
use justmanage_core::cloud::Trusted;
use justmanage_core::servers::Needs;
use justmanage_model::failure::Invalid;
use justmanage_model::{Bytes, ClusterSpec, Failure, FieldPath};
use tfkit::model::View;
use tfkit::{Attr, Diagnostic, Diagnostics, Model, Path, Set, Value};

use super::model::Aws;
use super::{Cluster, spec};
use crate::diagnostics;
use crate::meaning::same;
use crate::settings::Client;

/// The headline of what is wrong here.
const SUMMARY: &str = "AWS settings not usable";
/// What the system of an instance needs besides the server: kernel, agent, what EC2 counts in and the system never sees.
const SYSTEM: Bytes = Bytes::mib(512);
/// Least disk for data, if nothing is said.
const DISK: Bytes = Bytes::mib(10 << 10);
const GIB: u64 = 1 << 30;
/// Most tags of the user's: EC2 takes 50, and ours are some 20.
const TAGS_MAX: usize = 25;

/// Checks what one attribute alone cannot say; unknown values are not judged.
pub(super) fn validate(view: &View<Cluster>, report: &mut Diagnostics) {
    let Some(aws) = view.aws.known() else { return };
    let mut faults: Vec<Failure> = Vec::new();
    let mut refuse = |about: FieldPath, detail: String, hint: &str| {
        faults.push(Failure::at(about, SUMMARY, detail).hint(hint));
    };
    for (name, prefix, ids) in
        [("subnets", "subnet-", &aws.subnets), ("allowed_security_groups", "sg-", &aws.allowed_security_groups)]
    {
        for id in known(ids).filter(|id| !is_id(id, prefix)) {
            refuse(
                at(name),
                format!("{id:?} is none."),
                &format!("Write ids as AWS gives them: {prefix}0123456789abcdef0."),
            );
        }
        if ids.known().is_some_and(|ids| ids.is_empty()) {
            refuse(at(name), "The list is empty.".into(), "Leave it out, or name one.");
        }
    }
    for (name, cidrs) in [("allowed_cidrs", &aws.allowed_cidrs), ("operator_cidrs", &aws.operator_cidrs)] {
        for (text, why) in known(cidrs).filter_map(|text| Some((text, cidr(text).err()?))) {
            refuse(
                at(name),
                format!("{text:?} is no network: {why}."),
                "Write it as 10.0.0.0/8, or an address as 192.0.2.7/32.",
            );
        }
    }
    if aws.operator_cidrs.known().is_some_and(|cidrs| cidrs.is_empty()) {
        let detail = "Nobody could reach the agents: nothing would ever be made.".to_owned();
        refuse(at("operator_cidrs"), detail, "Name the network of the computer that applies.");
    }
    for (index, kind) in aws.instance_types.known().into_iter().flatten().enumerate() {
        if let Some(kind) = kind.known().filter(|kind| !is_type(kind)) {
            refuse(
                at("instance_types").index(index),
                format!("{kind:?} is no type of instance."),
                "Write it as r7g.large.",
            );
        }
    }
    if !aws.image.is_null() && !aws.images.is_null() {
        refuse(at("images"), "Both `image` and `images` are given.".into(), "Leave one of them out.");
    }
    for (machine, id) in aws.images.known().into_iter().flatten() {
        let about = at("images").key(machine);
        if crate::settings::machine(machine).is_err() {
            refuse(about, format!("{machine:?} is no processor."), "Write x86_64 or aarch64.");
        } else if id.known().is_some_and(|id| !is_id(id, "ami-")) {
            refuse(about, "This is no id of an image.".into(), "Write it as AWS gives it: ami-0123456789abcdef0.");
        }
    }
    let tags = aws.tags.known().into_iter().flatten();
    if tags.clone().count() > TAGS_MAX {
        refuse(at("tags"), format!("More than {TAGS_MAX} are not possible besides ours."), "Use fewer.");
    }
    for (key, value) in tags {
        let about = at("tags").key(key);
        if key.is_empty() || key.len() > 127 || value.known().is_some_and(|value| value.len() > 255) {
            refuse(
                about,
                "It is longer than AWS takes.".into(),
                "A key has 1 to 127 characters, and a value 255 at most.",
            );
        } else if key.to_lowercase().starts_with("aws:") || key.starts_with("jm:") {
            refuse(about, "Keys that begin so are AWS' own (aws:), or ours (jm:).".into(), "Use another one.");
        }
    }
    faults.iter().for_each(|failure| report.push(diagnostics::error(failure)));
}

/// The same of a wholly known configuration.
///
/// # Errors
/// What is wrong.
pub(super) fn check(model: &Cluster) -> Result<(), Diagnostics> {
    let mut report = Diagnostics::new();
    if model.aws.is_some() {
        validate(&<View<Cluster> as Model>::decode(&model.encode(), &Path::root())?, &mut report);
    }
    if report.has_errors() { Err(report) } else { Ok(()) }
}

/// Who makes and finds a cluster there. `before`: what it was until now; operators who were withdrawn since are believed once more.
pub(super) fn manager(
    client: &Client,
    cluster: &Cluster,
    aws: &Aws,
    before: Option<&Cluster>,
) -> Result<Manager, Diagnostics> {
    let (_, spec) = spec::wanted(cluster, client.testing)?;
    let now = spec.operator_keys.clone();
    let before = before.map(|before| spec::wanted(before, client.testing)).transpose()?;
    let former = before.map(|(_, before)| before.operator_keys).unwrap_or_default();
    if let Some(id) = cluster.locator().ok().and_then(|locator| locator.cluster) {
        client.managers.trust(id, now.clone());
    }
    let trusted = Trusted { former: former.difference(&now).copied().collect(), now };
    let made = of(client, aws, trusted).map_err(|failure| diagnostics::error(&failure))?;
    Ok(made.with_needs(needs(aws, &spec)))
}

fn of(client: &Client, aws: &Aws, trusted: Trusted) -> Result<Manager, Failure> {
    client.managers.of_aws(aws, size(aws)?.unwrap_or(DISK), trusted)
}

/// What each instance has to have.
pub(super) fn needs(aws: &Aws, spec: &ClusterSpec) -> Needs {
    let gib = |bytes: u64| Bytes::new(bytes.div_ceil(GIB).saturating_mul(GIB));
    Needs {
        processors: spec.resources.cpu.map_or(0, |cpu| cpu.get().div_ceil(1000)),
        memory: Bytes::new(spec.memory_limit().get().saturating_add(SYSTEM.get())),
        // Who says how much has said it for all that the data need.
        disk: if aws.disk.is_some() { Bytes::new(0) } else { gib(spec.memory.get().saturating_mul(4)).max(DISK) },
        ..Needs::default()
    }
}

pub(super) fn size(aws: &Aws) -> Result<Option<Bytes>, Failure> {
    aws.disk.as_deref().map(whole).transpose().map_err(|invalid| invalid.at(at("disk")))
}

/// Whether what holds for machines that run was changed: who gets in.
pub(super) fn lets_in_others(from: &Cluster, to: &Cluster) -> bool {
    let doors = |cluster: &Cluster| {
        let aws = cluster.aws.as_ref()?;
        let list = |list: &Option<BTreeSet<String>>| list.clone().unwrap_or_default();
        Some((list(&aws.allowed_cidrs), list(&aws.allowed_security_groups), aws.operator_cidrs.clone()))
    };
    doors(from).zip(doors(to)).is_some_and(|(from, to)| from != to)
}

/// What was changed and holds only for machines that are made from then on.
pub(super) fn for_new_nodes(from: &Cluster, to: &Cluster) -> Option<Diagnostic> {
    let (from, to) = (from.aws.as_ref()?, to.aws.as_ref()?);
    let changes = [
        ("subnets", from.subnets != to.subnets),
        ("instance_types", from.instance_types != to.instance_types),
        ("image", from.image != to.image || from.images != to.images),
        ("disk", size(from).ok() != size(to).ok()),
        ("kms_key", from.kms_key != to.kms_key),
        ("instance_profile", from.instance_profile != to.instance_profile),
        ("tags", from.tags != to.tags),
    ];
    let changed: Vec<&str> = changes.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let detail = format!(
        "{} of `aws` will hold for nodes that are made from now on. Those that run stay on the machines that they have.\n\nTo move them, \
         take their machines away one after the other, each followed by an apply.",
        changed.join(", ")
    );
    let at = Path::attribute("aws").attr(changed.first().copied()?);
    Some(Diagnostic::warning("For new nodes only", detail).at(at))
}

/// Whether a type is one of those from which the smallest is taken, where nobody has chosen.
#[cfg(feature = "aws")]
pub(super) fn is_usual(name: &str) -> bool {
    name.split_once('.').is_some_and(|(family, _)| justmanage_core::cloud::aws::USUAL.contains(&family))
}

#[cfg(not(feature = "aws"))]
pub(super) fn is_usual(_name: &str) -> bool {
    false
}

fn at(name: &'static str) -> FieldPath {
    FieldPath::of("aws").attribute(name)
}

fn known(list: &Attr<Set<Attr<String>>>) -> impl Iterator<Item = &String> {
    list.known().into_iter().flatten().filter_map(Attr::known)
}

fn is_id(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix);
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// A family and a size.
fn is_type(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.split_once('.').is_some_and(|(family, size)| is_word(family) && is_word(size))
}

/// Whether a text is a network as AWS keeps it, which cuts off what is not of the network.
fn cidr(text: &str) -> Result<(), String> {
    let (address, bits) = text.split_once('/').ok_or("the length of its prefix is missing")?;
    let address: IpAddr = address.parse().map_err(|_| "what stands before the slash is no address".to_owned())?;
    let bits: u32 = bits.parse().map_err(|_| "what stands behind the slash is no number".to_owned())?;
    let (width, value) = match address {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    if bits > width {
        return Err(format!("a prefix has {width} bits at most"));
    }
    let rest = value & !u128::MAX.checked_shl(width - bits).unwrap_or(0);
    let first = value - rest;
    let first = if width == 32 {
        IpAddr::from(u32::try_from(first).unwrap_or_default().to_be_bytes())
    } else {
        IpAddr::from(first.to_be_bytes())
    };
    if rest == 0 { Ok(()) } else { Err(format!("the network of that length is {first}/{bits}")) }
}

/// A size in whole GiB: EC2 counts so, and a machine knows its disk by its size.
fn whole(text: &str) -> Result<Bytes, Invalid> {
    let size: Bytes = text.parse()?;
    match size.get() >= GIB && size.get().is_multiple_of(GIB) {
        true => Ok(size),
        false => Err(Invalid {
            summary: "Size not possible",
            detail: format!("{size} is no number of whole GiB."),
            hint: "Write it as 20GiB.".to_owned(),
        }),
    }
}

/// Sizes that are spelt differently and mean the same.
pub(super) fn same_meaning(path: &Path, one: &Value, other: &Value) -> bool {
    *path == Path::attribute("aws").attr("disk") && same::<Bytes>(one, other)
}

pub(super) fn region(text: &str) -> Result<(), String> {
    let is_region = text.split('-').count() >= 3
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.bytes().last().is_some_and(|byte| byte.is_ascii_digit());
    if is_region { Ok(()) } else { Err(format!("{text:?} is no region. (A zone has a letter more.)")) }
}

pub(super) fn image(text: &str) -> Result<(), String> {
    match text {
        "debian" | "ubuntu" => Ok(()),
        other => Err(format!("{other:?} is neither. Images of your own are `images`.")),
    }
}

pub(super) fn disk(text: &str) -> Result<(), String> {
    whole(text).map(|_| ()).map_err(|error| error.to_string())
}

/// With no more said than the region.
#[cfg(test)]
pub(super) fn in_region(region: &str) -> Aws {
    Aws {
        region: region.into(),
        subnets: None,
        instance_types: None,
        image: None,
        images: None,
        disk: None,
        kms_key: None,
        instance_profile: None,
        allowed_cidrs: None,
        allowed_security_groups: None,
        operator_cidrs: BTreeSet::new(),
        tags: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_aws_keeps_them() {
        for text in ["10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:db8::7/128"] {
            assert_eq!(cidr(text), Ok(()), "{text}");
        }
        for (text, why) in [
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("10.0.0.0", "missing"),
            ("10.0.0/8", "no address"),
            ("10.0.0.0/33", "32 bits"),
            ("10.0.0.0/a", "no number"),
            ("2001:db8::1/32", "2001:db8::/32"),
        ] {
            let said = cidr(text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn regions_are_told_from_zones_and_from_anything_else() {
        for text in ["eu-central-1", "us-gov-west-1", "ap-southeast-2"] {
            assert_eq!(region(text), Ok(()), "{text}");
        }
        for text in ["eu-central-1a", "frankfurt", "", "EU-CENTRAL-1", "eu/central-1"] {
            region(text).expect_err(text);
        }
    }

    #[test]
    fn an_instance_has_what_its_server_and_system_need() {
        let aws = |disk: Option<&str>| Aws { disk: disk.map(str::to_owned), ..in_region("eu-central-1") };
        let spec = |mib| {
            let version = "7.0".parse().expect("a version");
            ClusterSpec::new(justmanage_model::Engine::Redis, version, 1, 1, Bytes::mib(mib))
        };
        for (disk, memory, needs_memory, needs_disk) in [
            (None, 256, 704 + 512, 10),
            (None, 10 << 10, (22 << 10) + 640 + 512, 40),
            (Some("20GiB"), 10 << 10, (22 << 10) + 640 + 512, 0),
        ] {
            let needs = needs(&aws(disk), &spec(memory));
            assert_eq!((needs.memory, needs.disk.get() >> 30), (Bytes::mib(needs_memory), needs_disk), "{memory} MiB");
        }
        assert_eq!(size(&aws(Some("20GiB"))).expect("a size"), Some(Bytes::mib(20 << 10)));
        size(&aws(Some("1500MiB"))).expect_err("not in whole GiB");
    }
}

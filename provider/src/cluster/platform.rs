//! Where a cluster lives: exactly one platform block, and whoever makes and finds clusters there.

use justmanage_core::Manager;
use justmanage_core::locator::{CloudKind, PlatformKind};
use justmanage_model::Place;
use tfkit::model::View;
use tfkit::{Diagnostic, Diagnostics, Path};

use super::{Cluster, aws, servers};
use crate::settings::Client;

/// Exactly one platform, always written out; and what each of them asks for.
pub(super) fn validate(view: &View<Cluster>, report: &mut Diagnostics) {
    // Of what is not known yet nobody knows whether it is there.
    let blocks = [
        ("local", view.local.is_null(), view.local.is_known()),
        ("servers", view.servers.is_null(), view.servers.is_known()),
        ("aws", view.aws.is_null(), view.aws.is_known()),
    ];
    if blocks.iter().all(|(_, is_null, _)| *is_null) {
        report.push(
            Diagnostic::error(
                "No platform",
                "The cluster does not say where it is to live.\n\nAdd one platform: `local = {}` (processes of the machine that \
                 Terraform runs on), `servers = { ... }` (servers of your own) or `aws = { ... }` (instances of AWS EC2).",
            )
            .at(Path::attribute("local")),
        );
    }
    let written: Vec<&str> = blocks.iter().filter(|(_, _, is_known)| *is_known).map(|(name, _, _)| *name).collect();
    if let [first, .., last] = written[..] {
        report.push(
            Diagnostic::error(
                "Two platforms",
                format!("The cluster is to live in several places: `{first}` and `{last}`.\n\nLeave one of them out."),
            )
            .at(Path::attribute(last)),
        );
    }
    servers::validate(view, report);
    aws::validate(view, report);
}

/// Where the cluster lives, or is to. (One that was just imported has its pool, or its subnets, in the configuration alone; its id says
/// the rest.)
pub(super) fn place(model: &Cluster) -> Place {
    if let Some(aws) = &model.aws {
        return Place::Aws { region: aws.region.clone() };
    }
    if model.servers.is_some() {
        return Place::Servers;
    }
    match model.locator().ok().filter(|_| model.local.is_none()).map(|locator| locator.platform) {
        Some(PlatformKind::Servers { .. }) => Place::Servers,
        Some(PlatformKind::Cloud { cloud: CloudKind::Aws, place }) => Place::Aws { region: place },
        // No cluster of this release is on another cloud; whoever asks for one is told so.
        Some(PlatformKind::Local | PlatformKind::Cloud { .. }) | None => Place::Local,
    }
}

/// Who makes and finds a cluster, by its configuration or state. `before`: what it was until now.
pub(super) fn manager(client: &Client, cluster: &Cluster, before: Option<&Cluster>) -> Result<Manager, Diagnostics> {
    if let Some(servers) = &cluster.servers {
        return servers::manager(client, cluster, servers, before);
    }
    if let Some(aws) = &cluster.aws {
        return aws::manager(client, cluster, aws, before);
    }
    match cluster.id.known() {
        Some(_) => client.manager(&cluster.locator()?),
        None => Ok(client.managers.local().clone()),
    }
}

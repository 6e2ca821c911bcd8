//! The Terraform provider of Just Manage: resources on top of `justmanage-core`.
//!
//! The one invariant: **Terraform's state is a view, never the truth.** Everything in it can be found again from the
//! cluster's id, no secret is in it, and a resource that holds data is never tainted and never replaced.
//!
//! | module | what it holds |
//! |---|---|
//! | `settings` | the provider block, and what it connects to |
//! | `cluster` | `justmanage_redis_cluster` |
//! | `user` | `justmanage_redis_user` |
//! | `credentials` | the ephemeral resource `justmanage_redis_credentials` |
//! | `policies` | `justmanage_maintenance_window`, `justmanage_backup_policy` and `justmanage_server_pool`: values that clusters take |
//! | `ways` | ways to a cluster for users and credentials, which know its id alone |
//! | `lookup` | the data source `justmanage_redis_cluster`: a cluster node by node |
//! | `backups` | the data source `justmanage_backups`: which backups of a cluster there are |
//! | `servers` | the data source `justmanage_servers`: the servers of a pool, and which of them can be had |
//! | `machine_types` | the data source `justmanage_machine_types`: types of machines of clouds, and what they cost |
//! | `releases` | the data source `justmanage_releases`: what is known about versions and their holes |
//! | `functions` | `next_openings`, `connection_uri` |
//! | `diagnostics`, `meaning` | failures of the core as Terraform shows them; values that are spelt differently and mean the same |

mod backups;
mod cluster;
mod credentials;
mod diagnostics;
mod functions;
mod lookup;
mod machine_types;
mod meaning;
mod policies;
mod process;
mod releases;
mod servers;
mod settings;
mod user;
mod ways;

pub use process::run;

use tfkit::Provider;

/// The provider, put together.
pub fn provider() -> Provider<impl Send + Sync + 'static> {
    Provider::new("justmanage")
        .config_validated(settings::connect, settings::validate)
        .identified(cluster::Clusters)
        .identified(user::Users)
        .list(cluster::list::ClusterList)
        .resource(policies::MaintenanceWindows)
        .resource(policies::BackupPolicies)
        .resource(policies::ServerPools)
        .ephemeral(credentials::Temporary)
        .data_source(lookup::Lookup)
        .data_source(backups::Backups)
        .data_source(machine_types::MachineTypes)
        .data_source(releases::Releases)
        .data_source(servers::Servers)
        .function(functions::NextOpenings)
        .function(functions::ConnectionUri)
}

#[cfg(test)]
mod tests;

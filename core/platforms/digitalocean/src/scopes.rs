//! What a token has to be allowed: the custom scopes that our calls need, and no others
//! ([list](https://docs.digitalocean.com/reference/api/scopes/)).
//!
//! | scope | what for |
//! |---|---|
//! | `droplet:create`, `droplet:read`, `droplet:update`, `droplet:delete` | droplets; to update is to start one |
//! | `block_storage:create`, `block_storage:read`, `block_storage:delete` | their disks for data |
//! | `firewall:create`, `firewall:read`, `firewall:update`, `firewall:delete` | each cluster's firewall |
//! | `tag:create`, `tag:read`, `tag:delete` | whose something is |
//! | `vpc:read` | the network |
//! | `sizes:read`, `regions:read` | which sizes there are |
//! | `image:read` | to name an image |
//!
//! The control panel adds `actions:read` to those of droplets by itself. SSH keys in the settings need `ssh_key:read` besides.

/// The scopes.
pub const SCOPES: [&str; 18] = [
    "block_storage:create",
    "block_storage:delete",
    "block_storage:read",
    "droplet:create",
    "droplet:delete",
    "droplet:read",
    "droplet:update",
    "firewall:create",
    "firewall:delete",
    "firewall:read",
    "firewall:update",
    "image:read",
    "regions:read",
    "sizes:read",
    "tag:create",
    "tag:delete",
    "tag:read",
    "vpc:read",
];

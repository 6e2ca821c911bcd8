//! Security groups: one for each cluster, whose name is there once in a VPC.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{ResourceType, SecurityGroup};
use justmanage_platform_cloud::{ApiError, Firewall, Tags};

use crate::aws::{tags_of, tags_read};
use crate::network::ours;
use crate::refusal::refusal;
use crate::rules::{permissions, there, wanted};
use crate::settings::{AwsSettings, Subnets};

/// What a cluster's group is called; the claim's name follows.
const PREFIX: &str = "justmanage-";

/// The groups of ours in a VPC, or in all of the region.
pub(crate) async fn list(
    client: &Client,
    settings: &AwsSettings,
    vpc: Option<&str>,
) -> Result<Vec<Firewall>, ApiError> {
    let mut pages = client.describe_security_groups().filters(ours(vpc)).into_paginator().page_size(1000).send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for group in page.map_err(refusal)?.security_groups.unwrap_or_default() {
            found.extend(firewall(settings, &group));
        }
    }
    Ok(found)
}

fn firewall(settings: &AwsSettings, group: &SecurityGroup) -> Option<Firewall> {
    let id = group.group_id.clone()?;
    // Whoever only knows where it is has nothing to say against whom it lets in.
    let is_right = settings.network == Subnets::Anywhere || there(group.ip_permissions()) == wanted(settings, &id);
    Some(Firewall { tags: tags_read(group.tags()), is_right, id })
}

/// Makes a cluster's group.
pub(crate) async fn make(client: &Client, settings: &AwsSettings, vpc: &str, tags: &Tags) -> Result<String, ApiError> {
    let claim = tags.claim().ok_or_else(|| ApiError::Other("these tags are no claim".to_owned()))?;
    let made = client
        .create_security_group()
        .group_name(format!("{PREFIX}{}", claim.name))
        .description(format!("Nodes of the cluster {} ({}), by Just Manage", claim.name, claim.cluster))
        .vpc_id(vpc)
        .tag_specifications(tags_of(ResourceType::SecurityGroup, settings, Some(vpc), tags))
        .send()
        .await
        .map_err(refusal)?;
    made.group_id.ok_or_else(|| ApiError::Lost("the answer does not name the security group".to_owned()))
}

/// Makes a group let in whom it is to, and nobody else.
pub(crate) async fn open(client: &Client, settings: &AwsSettings, id: &str) -> Result<(), ApiError> {
    let seen = client.describe_security_groups().group_ids(id).send().await.map_err(refusal)?;
    let group = seen.security_groups.unwrap_or_default().into_iter().next();
    let group = group.ok_or_else(|| ApiError::NotFound(format!("{id} is in no list")))?;
    let (have, want) = (there(group.ip_permissions()), wanted(settings, id));
    let missing = permissions(want.difference(&have));
    if !missing.is_empty() {
        let call = client.authorize_security_group_ingress().group_id(id).set_ip_permissions(Some(missing));
        call.send().await.map_err(refusal)?;
    }
    let surplus = permissions(have.difference(&want));
    if !surplus.is_empty() {
        let call = client.revoke_security_group_ingress().group_id(id).set_ip_permissions(Some(surplus));
        call.send().await.map_err(refusal)?;
    }
    Ok(())
}

/// Takes a group away.
pub(crate) async fn drop(client: &Client, id: &str) -> Result<(), ApiError> {
    client.delete_security_group().group_id(id).send().await.map_err(refusal).map(|_| ())
}

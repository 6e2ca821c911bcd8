//! Who gets in, as a set: what a security group has can be compared with what it is to have.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};

use crate::settings::AwsSettings;

/// Where the servers of nodes listen for clients, their agents, and the cluster bus: nothing else runs on such a machine that could have
/// taken the usual ports.
const CLIENTS: i32 = 6379;
const AGENT: i32 = 7379;
const BUS: i32 = 16379;

/// A rule: from one source, to some ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    protocol: String,
    ports: (i32, i32),
    source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    V4(String),
    V6(String),
    Group(String),
    Prefixes(String),
}

fn rule(port: i32, source: Source) -> Rule {
    Rule { protocol: "tcp".to_owned(), ports: (port, port), source }
}

fn cidr(text: &str) -> Source {
    if text.contains(':') { Source::V6(text.to_owned()) } else { Source::V4(text.to_owned()) }
}

/// The rules of a cluster's group: clients from where they are allowed, operators to the agents, and members to all of it.
pub(crate) fn wanted(settings: &AwsSettings, own: &str) -> BTreeSet<Rule> {
    let members = [CLIENTS, AGENT, BUS].map(|port| rule(port, Source::Group(own.to_owned())));
    let clients = settings.allowed_cidrs.iter().map(|from| rule(CLIENTS, cidr(from)));
    let groups = settings.allowed_security_groups.iter().map(|from| rule(CLIENTS, Source::Group(from.clone())));
    let operators = settings.operator_cidrs.iter().map(|from| rule(AGENT, cidr(from)));
    members.into_iter().chain(clients).chain(groups).chain(operators).collect()
}

/// The rules that a group has.
pub(crate) fn there(permissions: &[IpPermission]) -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    for permission in permissions {
        let v4 = permission.ip_ranges().iter().filter_map(|range| range.cidr_ip.clone()).map(Source::V4);
        let v6 = permission.ipv6_ranges().iter().filter_map(|range| range.cidr_ipv6.clone()).map(Source::V6);
        let groups =
            permission.user_id_group_pairs().iter().filter_map(|pair| pair.group_id.clone()).map(Source::Group);
        let prefixes = permission.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id.clone());
        for source in v4.chain(v6).chain(groups).chain(prefixes.map(Source::Prefixes)) {
            rules.insert(Rule {
                protocol: permission.ip_protocol.clone().unwrap_or_default(),
                ports: (permission.from_port.unwrap_or(-1), permission.to_port.unwrap_or(-1)),
                source,
            });
        }
    }
    rules
}

/// Rules as EC2 takes them.
pub(crate) fn permissions<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Vec<IpPermission> {
    let permission = |Rule { protocol, ports: (from, to), source }: &Rule| {
        let permission = IpPermission::builder().ip_protocol(protocol);
        // All ports have none.
        let permission = if protocol == "-1" { permission } else { permission.from_port(*from).to_port(*to) };
        let permission = match source.clone() {
            Source::V4(range) => permission.ip_ranges(IpRange::builder().cidr_ip(range).build()),
            Source::V6(range) => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(range).build()),
            Source::Group(id) => permission.user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build()),
            Source::Prefixes(id) => permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).build()),
        };
        permission.build()
    };
    rules.into_iter().map(permission).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::{Image, Subnets};

    #[test]
    fn rules_go_to_ec2_and_come_back_and_nobody_else_gets_in() {
        let settings = AwsSettings {
            region: "eu-central-1".into(),
            endpoint: None,
            keys: None,
            network: Subnets::Default,
            instance_types: Vec::new(),
            image: Image::debian(),
            instance_profile: None,
            kms_key: None,
            allowed_cidrs: vec!["10.1.0.0/16".into(), "2001:db8::/32".into()],
            allowed_security_groups: vec!["sg-1".into()],
            operator_cidrs: vec!["192.0.2.7/32".into()],
            tags: BTreeMap::new(),
        };
        let rules = wanted(&settings, "sg-0");
        assert_eq!(there(&permissions(&rules)), rules);
        let shown: Vec<String> = rules.iter().map(|rule| format!("{} {:?}", rule.ports.0, rule.source)).collect();
        assert_eq!(
            shown,
            [
                r#"6379 V4("10.1.0.0/16")"#,
                r#"6379 V6("2001:db8::/32")"#,
                r#"6379 Group("sg-0")"#,
                r#"6379 Group("sg-1")"#,
                r#"7379 V4("192.0.2.7/32")"#,
                r#"7379 Group("sg-0")"#,
                r#"16379 Group("sg-0")"#,
            ]
        );
    }
}

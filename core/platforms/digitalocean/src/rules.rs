//! Who gets in, as a set: what a firewall has can be compared with what it is to have.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::settings::DigitalOceanSettings;
use crate::wire::{CloudFirewall, Ends};

/// Where the servers of nodes listen for clients, their agents, and the cluster bus: nothing else runs on such a machine that could have
/// taken the usual ports.
const CLIENTS: u16 = 6379;
const AGENT: u16 = 7379;
const BUS: u16 = 16379;
/// Everywhere.
const ALL: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// A rule, to or from one other end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    is_inbound: bool,
    protocol: String,
    /// As text; all of them are `0`.
    ports: String,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Address(String),
    Tag(String),
    /// Somebody has put it there.
    Other(String),
}

/// The rules of a cluster's firewall: clients from where they are allowed, operators to the agents, and members to all of it. What has no
/// rule is shut, also on the way out, where machines fetch their programs and store backups: that way is open.
pub(crate) fn wanted(settings: &DigitalOceanSettings, own: &str) -> BTreeSet<Rule> {
    let inbound = |port: u16, end| Rule { is_inbound: true, protocol: "tcp".to_owned(), ports: port.to_string(), end };
    let address = |text: &String| End::Address(text.clone());
    let members = [CLIENTS, AGENT, BUS].map(|port| inbound(port, End::Tag(own.to_owned())));
    let clients = settings.allowed_cidrs.iter().map(|from| inbound(CLIENTS, address(from)));
    let tags = settings.allowed_tags.iter().map(|from| inbound(CLIENTS, End::Tag(from.clone())));
    let operators = settings.operator_cidrs.iter().map(|from| inbound(AGENT, address(from)));
    let out = ["tcp", "udp", "icmp"].into_iter().flat_map(|protocol| {
        ALL.map(|to| Rule {
            is_inbound: false,
            protocol: protocol.to_owned(),
            ports: "0".to_owned(),
            end: End::Address(to.to_owned()),
        })
    });
    members.into_iter().chain(clients).chain(tags).chain(operators).chain(out).collect()
}

/// The rules that a firewall has.
pub(crate) fn there(firewall: &CloudFirewall) -> BTreeSet<Rule> {
    let rules = |is_inbound: bool, protocol: &str, ports: &str, ends: &Ends, action: &str| {
        // A rule that shuts somebody out is none of ours, and to be taken away.
        let is_ours = ["", "allow"].contains(&action);
        let end = |end| if is_ours { end } else { End::Other(format!("{action} {end:?}")) };
        let rule = |found| Rule { is_inbound, protocol: protocol.to_owned(), ports: plain(ports), end: end(found) };
        ends_of(ends).into_iter().map(rule).collect::<Vec<_>>()
    };
    let inbound = firewall
        .inbound_rules
        .iter()
        .flat_map(|rule| rules(true, &rule.protocol, &rule.ports, &rule.sources, &rule.action));
    let outbound = firewall
        .outbound_rules
        .iter()
        .flat_map(|rule| rules(false, &rule.protocol, &rule.ports, &rule.destinations, &rule.action));
    inbound.chain(outbound).collect()
}

/// All ports are `0`, also of a protocol that has none; older clients write `all`, or nothing.
fn plain(ports: &str) -> String {
    if ["", "all"].contains(&ports) { "0".to_owned() } else { ports.to_owned() }
}

fn ends_of(ends: &Ends) -> Vec<End> {
    let addresses = ends.addresses.iter().cloned().map(End::Address);
    let tags = ends.tags.iter().cloned().map(End::Tag);
    let droplets = ends.droplet_ids.iter().map(|id| End::Other(format!("droplet {id}")));
    let others = ends.load_balancer_uids.iter().chain(&ends.kubernetes_ids).cloned().map(End::Other);
    addresses.chain(tags).chain(droplets).chain(others).collect()
}

/// Rules as the API takes them, the inbound ones and the outbound ones: one for each port, since there can be 50.
pub(crate) fn body(rules: &BTreeSet<Rule>) -> (Value, Value) {
    let of = |is_inbound: bool| {
        let mut bodies = Vec::new();
        let kinds: BTreeSet<(&str, &str)> = rules
            .iter()
            .filter(|rule| rule.is_inbound == is_inbound)
            .map(|rule| (rule.protocol.as_str(), rule.ports.as_str()))
            .collect();
        for (protocol, ports) in kinds {
            let meant = rules
                .iter()
                .filter(|rule| rule.is_inbound == is_inbound && rule.protocol == protocol && rule.ports == ports);
            let (mut addresses, mut tags) = (Vec::new(), Vec::new());
            for rule in meant {
                match &rule.end {
                    End::Address(address) => addresses.push(address),
                    End::Tag(tag) => tags.push(tag),
                    End::Other(_) => {}
                }
            }
            let mut ends = serde_json::Map::new();
            if !addresses.is_empty() {
                ends.insert("addresses".to_owned(), json!(addresses));
            }
            if !tags.is_empty() {
                ends.insert("tags".to_owned(), json!(tags));
            }
            let side = if is_inbound { "sources" } else { "destinations" };
            bodies.push(json!({ "protocol": protocol, "ports": ports, side: ends }));
        }
        Value::Array(bodies)
    };
    (of(true), of(false))
}

#[cfg(test)]
pub(crate) mod tests {
    use justmanage_model::Secret;

    use super::*;

    pub(crate) fn settings() -> DigitalOceanSettings {
        DigitalOceanSettings {
            region: "fra1".into(),
            endpoint: None,
            token: Secret::new("dop_v1_0".to_owned()),
            vpc: None,
            sizes: Vec::new(),
            images: DigitalOceanSettings::debian(),
            ssh_keys: Vec::new(),
            public_networking: true,
            allowed_cidrs: vec!["10.1.0.0/16".into(), "2001:db8::/32".into()],
            allowed_tags: vec!["web".into()],
            operator_cidrs: vec!["192.0.2.7/32".into()],
            tags: Vec::new(),
        }
    }

    #[test]
    fn rules_go_there_and_come_back_and_nobody_else_gets_in() {
        let rules = wanted(&settings(), "jm:cluster:1");
        let (inbound, outbound) = body(&rules);
        assert_eq!(inbound.as_array().map(Vec::len), Some(3), "one for each port");
        let firewall = json!({ "id": "1", "name": "n", "inbound_rules": inbound, "outbound_rules": outbound });
        let mut seen: CloudFirewall = serde_json::from_value(firewall).expect("a firewall");
        assert_eq!(there(&seen), rules);
        // As others write the same.
        seen.outbound_rules.iter_mut().for_each(|rule| rule.ports = "all".to_owned());
        seen.inbound_rules.iter_mut().for_each(|rule| rule.action = "allow".to_owned());
        assert_eq!(there(&seen), rules);
        seen.inbound_rules[0].action = "deny".to_owned();
        assert_ne!(there(&seen), rules, "members are shut out");
        let shown: Vec<String> =
            rules.iter().filter(|rule| rule.is_inbound).map(|rule| format!("{} {:?}", rule.ports, rule.end)).collect();
        assert_eq!(
            shown,
            [
                r#"16379 Tag("jm:cluster:1")"#,
                r#"6379 Address("10.1.0.0/16")"#,
                r#"6379 Address("2001:db8::/32")"#,
                r#"6379 Tag("jm:cluster:1")"#,
                r#"6379 Tag("web")"#,
                r#"7379 Address("192.0.2.7/32")"#,
                r#"7379 Tag("jm:cluster:1")"#,
            ]
        );
    }

    #[test]
    fn whoever_is_let_in_besides_is_seen() {
        let rules = wanted(&settings(), "jm:cluster:1");
        let (inbound, outbound) = body(&rules);
        let firewall = json!({ "id": "1", "name": "n", "inbound_rules": inbound, "outbound_rules": outbound });
        let seen: CloudFirewall = serde_json::from_value(firewall).expect("a firewall");
        for edit in [
            |ends: &mut Ends| ends.addresses.push("0.0.0.0/0".into()),
            |ends: &mut Ends| ends.tags.push("theirs".into()),
            |ends: &mut Ends| ends.droplet_ids.push(7),
            |ends: &mut Ends| ends.load_balancer_uids.push("balancer".into()),
            |ends: &mut Ends| ends.kubernetes_ids.push("kubernetes".into()),
            |ends: &mut Ends| ends.addresses.clear(),
        ] {
            let mut edited = seen.clone();
            let clients = edited.inbound_rules.iter_mut().find(|rule| rule.ports == "6379").expect("clients");
            edit(&mut clients.sources);
            assert_ne!(there(&edited), rules);
        }
    }
}

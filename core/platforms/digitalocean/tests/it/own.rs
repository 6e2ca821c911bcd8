//! What is DigitalOcean's own: what is asked for, and what becomes of what somebody has edited.

use std::collections::BTreeSet;

use justmanage_digitalocean_fake::Wrong;
use justmanage_digitalocean_fake::fake::TOKEN;
use justmanage_model::Secret;
use justmanage_platform_digitalocean::DigitalOceanSettings;
use justmanage_platforms::{MachineState, Platform, PlatformError};
use serde_json::{Value, json};

use crate::{count, fake, named, order, own_settings, platform, platform_with};

#[tokio::test]
async fn a_droplet_is_asked_for_whole_in_one_call() {
    let fake = fake().await;
    let own = DigitalOceanSettings {
        vpc: Some("e0fe0f4d-596a-465e-a902-571ce57b79fa".into()),
        ssh_keys: vec!["289794".into(), "3b:16:e4:bf:8b:00:8b:b8:59:8c:a9:d3:f0:19:fa:45".into()],
        public_networking: false,
        ..own_settings(&fake)
    };
    let made = platform_with(&fake, own).ensure(&order(1)).await.expect("a machine");
    let MachineState::Running(agent) = &made.state else { panic!("{made:?}") };
    assert!(agent.agent.ip().to_string().starts_with("10.42.0."), "its private address in that VPC: {agent:?}");

    let calls = fake.calls();
    let body = |path: &str| {
        let found = calls.iter().find(|(method, at, _)| method == "POST" && at == path);
        found.unwrap_or_else(|| panic!("{path} was asked for")).2.clone()
    };
    let (droplet, volume) = (body("/v2/droplets"), body("/v2/volumes"));
    for (name, expected) in [
        ("name", json!("cache-0-1")),
        ("region", json!("fra1")),
        ("size", json!("g-2vcpu-8gb")),
        ("image", json!("debian-12-x64")),
        ("vpc_uuid", json!("e0fe0f4d-596a-465e-a902-571ce57b79fa")),
        ("ssh_keys", json!([289_794, "3b:16:e4:bf:8b:00:8b:b8:59:8c:a9:d3:f0:19:fa:45"])),
        ("public_networking", json!(false)),
        ("with_droplet_agent", json!(false)),
        ("backups", json!(false)),
    ] {
        assert_eq!(droplet[name], expected, "{name}");
    }
    assert_eq!(droplet["volumes"].as_array().map(Vec::len), Some(1), "its disk is at it from its birth on");
    assert_eq!(volume["size_gigabytes"], json!(8));
    let node = order(1).claim.node.to_string();
    for made in [&droplet, &volume] {
        let tags = made["tags"].to_string();
        assert!(tags.contains(&node) && tags.contains("team:storage"), "tagged at its birth: {tags}");
    }
    let script = droplet["user_data"].as_str().expect("a script");
    assert!(!script.contains("PRIVATE"), "no private key");
    assert!(script.contains("TOWARD='10.42.0.1'"), "the machine finds its private address, not the public one");
}

#[tokio::test]
async fn only_members_and_the_allowed_get_in_and_what_somebody_opens_is_shut_again() {
    let fake = fake().await;
    fake.ask("POST", "/v2/tags", json!({ "name": "web" }));
    let own = DigitalOceanSettings { allowed_tags: vec!["web".into()], ..own_settings(&fake) };
    let platform = platform_with(&fake, own);
    for node in 0..3 {
        platform.ensure(&order(node)).await.expect("a machine");
    }
    let firewall = || {
        let all = fake.ask("GET", "/v2/firewalls", json!(null));
        assert_eq!(all["firewalls"].as_array().map(Vec::len), Some(1), "one for all of them");
        all["firewalls"][0].clone()
    };
    let right = firewall();
    assert_eq!(right["name"], json!("justmanage-d6bff52042e4-cache"));
    let cluster = format!("jm:cluster:{}", order(0).claim.cluster);
    let of_port = |port: &str| {
        let rules = right["inbound_rules"].as_array().expect("rules");
        rules.iter().find(|rule| rule["ports"] == json!(port)).expect("a rule")["sources"].clone()
    };
    assert_eq!(
        of_port("6379"),
        json!({ "addresses": ["10.0.0.0/8", "2001:db8::/32"], "tags": [cluster, "web"] }),
        "clients"
    );
    assert_eq!(of_port("7379"), json!({ "addresses": ["192.0.2.7/32"], "tags": [cluster] }), "operators");
    assert_eq!(of_port("16379"), json!({ "tags": [cluster] }), "members alone");
    assert_eq!(right["inbound_rules"].as_array().map(Vec::len), Some(3), "and nothing else");
    let behind = |droplet: &Value| droplet["tags"].as_array().is_some_and(|tags| tags.contains(&json!(cluster)));
    let droplets = fake.ask("GET", "/v2/droplets", json!(null));
    assert!(droplets["droplets"].as_array().is_some_and(|all| all.len() == 3 && all.iter().all(behind)));

    let _before = fake.calls();
    platform.ensure(&order(0)).await.expect("the machine that is there");
    assert_eq!(fake.calls().iter().filter(|(method, ..)| method != "GET").count(), 0, "nothing is to be done");
    // Somebody lets everybody in; the next ensure sees it, and mends it.
    let path = format!("/v2/firewalls/{}", right["id"].as_str().expect("an id"));
    let mut open = right.clone();
    open["inbound_rules"].as_array_mut().expect("rules").push(json!({
        "protocol": "tcp", "ports": "22", "sources": { "addresses": ["0.0.0.0/0"] },
    }));
    fake.ask("PUT", &path, open);
    assert!(firewall()["inbound_rules"].to_string().contains("\"22\""), "somebody has opened it");
    platform.ensure(&order(0)).await.expect("the machine that is there");
    assert_eq!(firewall()["inbound_rules"], right["inbound_rules"]);
    // A firewall that is gone is made again: nobody stays without one.
    fake.ask("DELETE", &path, json!(null));
    platform.ensure(&order(0)).await.expect("the machine that is there");
    assert_eq!(firewall()["inbound_rules"], right["inbound_rules"]);
}

#[tokio::test]
async fn a_size_without_room_is_left_for_the_next_and_a_quota_is_said_at_once() {
    let fake = fake().await;
    fake.inject(Wrong::NoCapacityOf("g-2vcpu-8gb"));
    platform(&fake).ensure(&order(0)).await.expect("a machine of another size");
    assert_eq!(fake.heal(), 1, "the first size was asked for once");
    assert_eq!(
        fake.world().droplets.values().map(|droplet| droplet.size.clone()).collect::<Vec<_>>(),
        ["m-2vcpu-16gb"]
    );
    assert_eq!(fake.world().volumes.len(), 1, "no disk is left of the first try");

    let _before = fake.calls();
    fake.inject(Wrong::Quota);
    let refused = platform(&fake).ensure(&order(1)).await.expect_err("a quota");
    assert!(matches!(&refused, PlatformError::Quota { what, .. } if what.contains("droplet limit")), "{refused:?}");
    assert_eq!(count(&fake.calls(), "POST", "/v2/droplets"), 1, "a quota is not asked twice, nor of another size");
    assert_eq!(fake.world().volumes.len(), 1, "no disk is left of it");
}

#[tokio::test]
async fn where_nobody_has_chosen_it_is_the_smallest_that_fits_with_processors_of_its_own() {
    let fake = fake().await;
    let own = DigitalOceanSettings { sizes: Vec::new(), ..own_settings(&fake) };
    platform_with(&fake, own).ensure(&order(0)).await.expect("a machine");
    let world = fake.world();
    assert_eq!(world.droplets.values().map(|droplet| droplet.size.as_str()).collect::<Vec<_>>(), ["g-2vcpu-8gb"]);
}

#[tokio::test]
async fn nothing_is_left_of_a_cluster_but_the_tag_of_its_network() {
    let fake = fake().await;
    for node in 0..2 {
        platform(&fake).ensure(&order(node)).await.expect("a machine");
    }
    // Somebody who was killed has left tags of a node.
    let stale = "jm:node:jmn0000000000000000:cluster:jmc0g20g20g20g20g20:name:cache:seat:0-9".to_owned();
    let cluster = format!("cluster:{}", order(0).claim.cluster);
    let stale = stale.replace("cluster:jmc0g20g20g20g20g20", &cluster);
    fake.ask("POST", "/v2/tags", json!({ "name": stale }));
    fake.ask("POST", "/v2/tags", json!({ "name": "jm:node:jmn0000000000000000:agent-0:0" }));
    let found = platform(&fake).find(&named("cache")).await.expect("machines");
    assert_eq!(found.len(), 2);
    for machine in found {
        platform(&fake).remove(&machine.reference).await.expect("it goes");
    }
    let world = fake.world();
    assert!(world.droplets.is_empty() && world.volumes.is_empty() && world.firewalls.is_empty());
    let left: Vec<&str> = world.tags.iter().map(String::as_str).collect();
    assert_eq!(left, ["jm:vpc:5a4981aa-9653-4bd1-bef5-d6bff52042e4", "team:storage"]);
}

#[tokio::test]
async fn a_stopped_agents_old_word_goes_with_its_tags() {
    let fake = fake().await;
    let made = platform(&fake).ensure(&order(0)).await.expect("a machine");
    let id: u64 = made.reference.0.parse().expect("a number");
    let tags = || -> BTreeSet<String> { fake.world().droplets[&id].tags.iter().cloned().collect() };
    let before = tags();
    fake.world().droplets.get_mut(&id).expect("it").status = "off";
    let again = platform(&fake).ensure(&order(0)).await.expect("the machine");
    assert_eq!(again.reference, made.reference);
    let after = tags();
    assert_ne!(before, after, "it says something else since");
    assert_eq!(before.len(), after.len(), "{after:?}");
    let known = fake.world().tags.clone();
    assert!(before.difference(&after).all(|stale| !known.contains(stale)), "tags are not left about: {known:?}");
    assert_eq!(platform(&fake).find(&named("cache")).await.expect("machines"), [again]);
}

#[tokio::test]
async fn whose_tags_are_taken_away_is_found_by_its_disk_and_tagged_again() {
    let fake = fake().await;
    let made = platform(&fake).ensure(&order(0)).await.expect("a machine");
    let id: u64 = made.reference.0.parse().expect("a number");
    let whole = fake.world().droplets[&id].tags.clone();
    for missing in ["jm:", "jm:vpc:", "jm:node:"] {
        fake.world().droplets.get_mut(&id).expect("it").tags.retain(|tag| !tag.starts_with(missing));
        let again = platform(&fake).ensure(&order(0)).await.expect("the machine");
        assert_eq!(again, made, "without {missing}");
        let (mut now, mut before) = (fake.world().droplets[&id].tags.clone(), whole.clone());
        now.sort();
        before.sort();
        assert_eq!(now, before, "without {missing}");
    }
    assert_eq!(fake.world().droplets.len(), 1);
}

#[tokio::test]
async fn whose_tags_are_edited_is_not_believed() {
    let fake = fake().await;
    let first = platform(&fake).ensure(&order(1)).await.expect("a machine");
    let second = platform(&fake).ensure(&order(2)).await.expect("a machine");
    let (one, other): (u64, u64) =
        (first.reference.0.parse().expect("a number"), second.reference.0.parse().expect("a number"));
    {
        // What is remembered of the second one's agent is put on the first.
        let mut world = fake.world();
        let nodes = [order(1), order(2)].map(|order| order.claim.node.to_string());
        let is_said = |tag: &&String| tag.contains(":agent-");
        let said: Vec<String> = world.droplets[&other].tags.iter().filter(is_said).cloned().collect();
        let tags = &mut world.droplets.get_mut(&one).expect("it").tags;
        tags.retain(|tag| !tag.contains(":agent-"));
        tags.extend(said.iter().map(|tag| tag.replace(&nodes[1], &nodes[0])));
    }
    let found = platform(&fake).find(&named("cache")).await.expect("machines");
    let edited = found.iter().find(|machine| machine.reference == first.reference).expect("it is still found");
    assert_eq!(edited.state, MachineState::Stopped, "nobody knows its agent any more");
    assert_eq!(platform(&fake).ensure(&order(1)).await.expect("enrolled again"), first);
}

#[tokio::test]
async fn lists_of_several_pages_are_read_to_their_end() {
    let fake = fake().await;
    let vpc = "jm:vpc:5a4981aa-9653-4bd1-bef5-d6bff52042e4";
    for number in 0..401 {
        let body = json!({
            "name": format!("other-{number}"), "region": "fra1", "size": "s-2vcpu-4gb", "image": "debian-12-x64",
            "tags": [vpc],
        });
        fake.ask("POST", "/v2/droplets", body);
    }
    let made = platform(&fake).ensure(&order(0)).await.expect("a machine");
    assert_eq!(platform(&fake).find(&named("cache")).await.expect("machines"), [made]);
    let calls = fake.calls();
    assert!(calls.iter().any(|(_, path, _)| path.starts_with("/v2/droplets?page=3&")), "the third page was read");
}

/// The API lets 250 calls a minute in. Lists, which many share, are not counted.
#[tokio::test]
async fn a_machine_takes_ten_calls_of_its_own() {
    let fake = fake().await;
    platform(&fake).ensure(&order(0)).await.expect("a machine");
    let _before = fake.calls();
    platform(&fake).ensure(&order(1)).await.expect("a machine");
    let calls = fake.calls();
    let own: Vec<String> = calls
        .iter()
        .filter(|(method, path, _)| method != "GET" || !path.contains('?'))
        .map(|(method, path, _)| format!("{method} {}", path.split('/').take(3).collect::<Vec<_>>().join("/")))
        .collect();
    let expected = ["POST /v2/volumes", "GET /v2/firewalls", "POST /v2/droplets", "GET /v2/droplets"];
    assert_eq!(own[..4], expected);
    assert_eq!(own[4..], ["POST /v2/tags"; 6], "three tags, each made and laid on it");
}

#[tokio::test]
async fn a_setting_that_is_wrong_is_said_and_the_token_never_is() {
    let fake = fake().await;
    type Edit = fn(&mut DigitalOceanSettings);
    let table: [(Edit, &str); 6] = [
        (|own| own.vpc = Some("d455e75d-4858-4eec-8c95-da2f0a5f93a7".into()), "is in nyc3, and not in fra1"),
        (|own| own.vpc = Some("00000000-0000-0000-0000-000000000000".into()), "there is no VPC"),
        (|own| own.region = "ams3".into(), "has no default VPC"),
        (|own| own.tags = vec!["a b".into()], "is no tag"),
        (|own| own.tags = vec!["jm:vpc:1".into()], "of Just Manage's own"),
        (|own| own.images = [("x86_64".to_owned(), "debian-11-x64".to_owned())].into(), "invalid image"),
    ];
    for (edit, part) in table {
        let mut own = own_settings(&fake);
        edit(&mut own);
        let refused = platform_with(&fake, own).ensure(&order(0)).await.expect_err(part);
        assert!(matches!(&refused, PlatformError::Invalid { what, .. } if what.contains(part)), "{part}: {refused:?}");
    }
    let own = DigitalOceanSettings { token: Secret::new("dop_v1_secret".to_owned()), ..own_settings(&fake) };
    assert!(!format!("{own:?}").contains("secret"));
    let refused = platform_with(&fake, own).find(&named("cache")).await.expect_err("another's token");
    assert!(matches!(refused, PlatformError::Denied { .. }), "{refused:?}");
    assert!(!format!("{refused:?}").contains("secret"));
    assert_ne!(TOKEN, "dop_v1_secret");
}

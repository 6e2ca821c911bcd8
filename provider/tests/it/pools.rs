//! Server pools: values that are planned as such, with every fault at its place.

use tfkit::{Diagnostics, Value};

use crate::world::{World, get, refused, text};

const POOL: &str = "justmanage_server_pool";
const PRINT: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

/// A host: a server, or one through which servers are reached.
fn host(address: &str, more: &[(&str, Value)]) -> Value {
    object(&[("address", address.into())], more)
}

/// The same with a pinned key.
fn pinned(address: &str, more: &[(&str, Value)]) -> Value {
    host(address, &[&[("host_keys", Value::list([PRINT]))], more].concat())
}

fn pool(servers: Vec<Value>, more: &[(&str, Value)]) -> Value {
    object(&[("servers", Value::List(servers))], more)
}

fn object(usual: &[(&str, Value)], more: &[(&str, Value)]) -> Value {
    Value::object(usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.clone())))
}

/// Everything that can be said, and what it is as one text.
fn whole() -> (Value, String) {
    let first = [
        ("private_address", "192.168.0.11".into()),
        ("announce", "DB1.example.com".into()),
        ("zone", "a".into()),
        ("labels", Value::map([("disk", "nvme".into())])),
        ("jump", "gate".into()),
    ];
    let second = [("host_keys", Value::list([KEY])), ("port", 2222.into()), ("hidden", true.into())];
    let gate = pinned("gate.example.com", &[("user", "ops".into())]);
    let config = pool(
        vec![pinned("10.0.0.11", &first), host("10.0.0.12", &second)],
        &[("user", "admin".into()), ("jump_hosts", Value::map([("gate", gate)]))],
    );
    let definition = format!(
        "jump j1 gate.example.com user ops key {PRINT}; \
         10.0.0.11 user admin key {PRINT} via j1 private 192.168.0.11 announce db1.example.com zone a disk=nvme; \
         10.0.0.12 user admin port 2222 key {KEY} hidden"
    );
    (config, definition)
}

fn warned(diagnostics: &Diagnostics) -> Vec<(String, &str)> {
    diagnostics.iter().map(|one| (one.path.to_string(), one.summary.as_str())).collect()
}

#[tokio::test]
async fn a_definition_is_known_in_the_plan_and_its_id_stays() {
    let mut world = World::new().await;
    let (config, definition) = whole();
    let change = world.host.plan(POOL, None, &config).await.expect("plan");
    assert!(change.warnings.is_empty(), "{:?}", change.warnings);
    assert_eq!(text(&change.planned, "definition"), definition, "known before anything is made");
    let id = text(&change.planned, "id").to_owned();
    let state = world.host.apply(&change).await.expect("lawful").state.expect("a state");
    assert_eq!((text(&state.value, "definition"), text(&state.value, "id")), (definition.as_str(), id.as_str()));
    let read = world.host.read(POOL, &state).await.expect("read").expect("it is there");
    assert!(world.host.plan(POOL, Some(&read), &config).await.expect("plan").is_empty());

    let smaller = pool(vec![pinned("10.0.0.13", &[])], &[]);
    let change = world.host.plan(POOL, Some(&read), &smaller).await.expect("plan");
    let definition = format!("10.0.0.13 user root key {PRINT}");
    assert_eq!((text(&change.planned, "definition"), text(&change.planned, "id")), (definition.as_str(), id.as_str()));
    assert!(change.replace.is_empty(), "in place");
}

#[tokio::test]
async fn another_spelling_of_the_same_host_is_no_change() {
    let mut world = World::new().await;
    let of = |keys: &[&str], address: &str| {
        let keys = Value::list(keys.iter().copied());
        pool(vec![host("10.0.0.11", &[("host_keys", keys), ("private_address", address.into())])], &[])
    };
    let state = world.host.create(POOL, &of(&[PRINT, KEY], "2001:db8::11")).await.expect("create");
    let (padded, named) = (format!("{PRINT}="), format!("{KEY} root@db1"));
    let respelled = of(&[padded.as_str(), named.as_str()], "2001:DB8:0::11");
    assert!(world.host.plan(POOL, Some(&state), &respelled).await.expect("plan").is_empty(), "means the same");
    // Which key is tried first says nothing, but the text has them in this order.
    let turned = of(&[KEY, PRINT], "2001:db8::11");
    assert!(!world.host.plan(POOL, Some(&state), &turned).await.expect("plan").is_empty());
}

#[tokio::test]
async fn a_definition_of_what_is_not_known_yet_is_not_known() {
    let mut world = World::new().await;
    let unknown = Value::unknown;
    let one = |name: &str| pool(vec![pinned("10.0.0.11", &[(name, unknown())])], &[]);
    let gate = |name: &str| {
        let gate = pinned("10.9.0.1", &[(name, unknown())]);
        let servers = vec![pinned("10.0.0.11", &[("jump", "gate".into())])];
        pool(servers, &[("jump_hosts", Value::map([("gate", gate)]))])
    };
    let through = |hosts: Value| pool(vec![pinned("10.0.0.11", &[("jump", "gate".into())])], &[("jump_hosts", hosts)]);
    let attributes =
        ["address", "port", "user", "host_keys", "private_address", "announce", "zone", "labels", "jump", "hidden"]
            .map(one);
    let of_hosts = ["address", "port", "user", "host_keys", "jump"].map(gate);
    let others = [
        object(&[("servers", unknown())], &[]),
        pool(vec![pinned("10.0.0.11", &[]), unknown()], &[]),
        pool(vec![pinned("10.0.0.11", &[("labels", Value::map([("disk", unknown())]))])], &[]),
        pool(vec![host("10.0.0.11", &[("host_keys", Value::List(vec![PRINT.into(), unknown()]))])], &[]),
        pool(vec![pinned("10.0.0.11", &[])], &[("user", unknown())]),
        through(unknown()),
        through(Value::map([("gate", unknown())])),
    ];
    for config in attributes.into_iter().chain(of_hosts).chain(others) {
        assert_eq!(world.errors(POOL, &config).await, [], "{config:?}");
        let change = world.host.plan(POOL, None, &config).await.expect("plan");
        let computed = [get(&change.planned, "definition"), get(&change.planned, "id")];
        assert!(computed.iter().all(|value| value.is_unknown()), "{config:?}");
        assert!(change.warnings.is_empty(), "{:?}", change.warnings);
    }
    // What is wrong beside it is said all the same.
    let both = pool(vec![host("10.0.0.300", &[("zone", unknown())]), unknown()], &[]);
    let said = world.errors(POOL, &both).await;
    assert!(said.len() == 1 && said[0].0 == "servers[0].address", "{said:?}");

    // Once it is known, the definition is.
    let change = world.host.plan(POOL, None, &one("address")).await.expect("plan");
    let known = pool(vec![pinned("10.0.0.14", &[])], &[]);
    let done = world.host.apply(&change.with_config(&known)).await.expect("lawful");
    let state = done.state.expect("a state");
    assert_eq!(text(&state.value, "definition"), format!("10.0.0.14 user root key {PRINT}"));
}

#[tokio::test]
async fn every_fault_is_blamed_at_its_attribute() {
    let mut world = World::new().await;
    let labels = Value::map([("zone", Value::from("a")), ("disk", "nv me".into())]);
    let secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2";
    let servers = vec![
        host("10.0.0.300", &[]),
        host("db1", &[("port", 0.into())]),
        host("db2", &[("user", "0admin".into())]),
        host("db3", &[("host_keys", Value::list([PRINT, "MD5:16:27:ac"]))]),
        host("db4", &[("private_address", "db4.internal".into())]),
        host("db5", &[("zone", "-a".into())]),
        host("db6", &[("labels", labels)]),
        host("db7", &[("jump", "gaet".into())]),
        host("db8", &[("host_keys", Value::List(vec![Value::Null]))]),
        host("db9", &[("host_keys", Value::list([secret]))]),
        host("admin@db10", &[]),
        host("db11", &[]),
        host("db11", &[]),
        host("jump", &[]),
    ];
    let to = |next: &str| host("10.9.0.1", &[("jump", next.into())]);
    let hosts = Value::map([("gate", to("nobody")), ("a", to("b")), ("b", to("a"))]);
    let bad = pool(servers, &[("user", "a b".into()), ("port", 70000.into()), ("jump_hosts", hosts)]);
    let said = world.errors(POOL, &bad).await;
    let expected = [
        ("servers[0].address", "neither a name nor an address"),
        ("servers[1].port", "from 1 to 65535"),
        ("servers[2].user", "\"0admin\""),
        ("servers[3].host_keys[1]", "MD5 fingerprints"),
        ("servers[4].private_address", "a name will not do here"),
        ("servers[5].zone", "\"-a\""),
        ("servers[6].labels[\"zone\"]", "a word of its own"),
        ("servers[6].labels[\"disk\"]", "\"nv me\""),
        ("servers[7].jump", "Did you mean \"gate\"?"),
        ("servers[8].host_keys[0]", "This element is null."),
        ("servers[9].host_keys[0]", "This is a private key."),
        ("servers[10].address", "user and port have attributes of their own"),
        ("servers[12].address", "servers[11]"),
        ("servers[13].address", "begins a jump host"),
        ("user", "\"a b\""),
        ("port", "There is no port 70000."),
        ("jump_hosts[\"gate\"].jump", "\"nobody\" is none of jump_hosts."),
        ("jump_hosts[\"a\"].jump", "in a circle"),
        ("jump_hosts[\"b\"].jump", "in a circle"),
    ];
    for (path, says) in expected {
        assert!(said.iter().any(|(at, detail)| at == path && detail.contains(says)), "{path} {says}: {said:#?}");
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
}

#[tokio::test]
async fn a_pool_without_servers_or_with_too_much_is_refused() {
    let mut world = World::new().await;
    let none = world.errors(POOL, &pool(Vec::new(), &[])).await;
    assert!(none.len() == 1 && none[0].0 == "servers" && none[0].1.contains("It has no servers."), "{none:?}");
    let many = (0..=500).map(|number| host(&format!("host{number}"), &[])).collect();
    let many = world.errors(POOL, &pool(many, &[])).await;
    assert!(many.len() == 1 && many[0].0 == "servers" && many[0].1.contains("At most 500"), "{many:?}");
    let names = ["a", "b", "c", "d", "e"];
    let hosts = Value::map(names.iter().enumerate().map(|(index, name)| {
        let jump = if index == 0 { Value::Null } else { names[index - 1].into() };
        (*name, host(&format!("{name}.example.com"), &[("jump", jump)]))
    }));
    for (through, errors) in [("d", 0), ("e", 1)] {
        let config = pool(vec![host("10.0.0.11", &[("jump", through.into())])], &[("jump_hosts", hosts.clone())]);
        let said = world.errors(POOL, &config).await;
        assert_eq!(said.len(), errors, "{said:?}");
        assert!(said.iter().all(|(at, detail)| at == "servers[0].jump" && detail.contains("over 5 jump hosts")));
    }
}

#[tokio::test]
async fn a_host_whose_key_is_not_pinned_is_named_when_it_is_chosen_and_not_again() {
    let mut world = World::new().await;
    let gate = Value::map([("gate", host("10.9.0.1", &[]))]);
    let config = pool(
        vec![pinned("10.0.0.11", &[]), host("10.0.0.12", &[]), host("10.0.0.13", &[("jump", "gate".into())])],
        &[("jump_hosts", gate)],
    );
    let change = world.host.plan(POOL, None, &config).await.expect("plan");
    assert_eq!(warned(&change.warnings), [("servers[1]".to_owned(), "Host keys not pinned")]);
    let detail = &change.warnings.iter().next().expect("a warning").detail;
    assert!(detail.contains("of 10.0.0.12, 10.0.0.13, 10.9.0.1.") && detail.contains("known_hosts"), "{detail}");
    let state = world.host.create(POOL, &config).await.expect("create");
    assert!(world.host.plan(POOL, Some(&state), &config).await.expect("plan").warnings.is_empty());
    let more = pool(vec![pinned("10.0.0.11", &[]), host("10.0.0.14", &[])], &[]);
    let change = world.host.plan(POOL, Some(&state), &more).await.expect("plan");
    assert_eq!(warned(&change.warnings), [("servers[1]".to_owned(), "Host keys not pinned")]);
}

#[tokio::test]
async fn an_import_takes_the_definition_as_id() {
    let mut world = World::new().await;
    let (_, definition) = whole();
    let imported = world.host.import(POOL, &definition).await.expect("import");
    assert_eq!(text(&imported.value, "definition"), definition);
    let first = [
        ("private_address", "192.168.0.11".into()),
        ("announce", "db1.example.com".into()),
        ("zone", "a".into()),
        ("labels", Value::map([("disk", "nvme".into())])),
        // By the name that it has in the definition.
        ("jump", "j1".into()),
    ];
    let second = [("host_keys", Value::list([KEY])), ("port", 2222.into()), ("hidden", true.into())];
    let gate = pinned("gate.example.com", &[("user", "ops".into())]);
    let config = pool(
        vec![pinned("10.0.0.11", &first), host("10.0.0.12", &second)],
        &[("user", "admin".into()), ("jump_hosts", Value::map([("j1", gate)]))],
    );
    let change = world.host.plan(POOL, Some(&imported), &config).await.expect("plan");
    assert!(change.is_empty(), "{:?} -> {:?}", imported.value, change.planned);
    // What is usual is not written out, and what all have in common is said once.
    let imported = world.host.import(POOL, "db1 port 2222; db2 port 2222 user ops").await.expect("import");
    let config = pool(vec![host("db1", &[]), host("db2", &[("user", "ops".into())])], &[("port", 2222.into())]);
    assert!(world.host.plan(POOL, Some(&imported), &config).await.expect("plan").is_empty(), "{:?}", imported.value);

    let error = refused(world.host.import(POOL, "10.0.0.11 via gate").await);
    assert_eq!(error.summary, "Server pool not valid");
    assert!(error.detail.contains("\"gate\" is no jump host"), "{error:?}");
}

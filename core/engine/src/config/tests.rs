//! The configuration file: goldens for both engines, and what users cannot do to it.

use justmanage_model::Engine;
use proptest::prelude::*;

use super::*;

fn files() -> NodeFiles {
    let at = |name: &str| PathBuf::from("/var/lib/just manage/node").join(name);
    NodeFiles {
        data: at("data"),
        log: at("server.log"),
        acl: at("users.acl"),
        certificate: at("server.crt"),
        key: at("server.key"),
        ca: at("ca.crt"),
    }
}

fn password() -> Secret<String> {
    Secret::new("a \"good\" password".to_owned())
}

fn node<'a>(
    release: &'a Release,
    config: &'a BTreeMap<String, String>,
    password: &'a Secret<String>,
    files: &'a NodeFiles,
) -> NodeConfig<'a> {
    NodeConfig {
        release,
        address: "127.0.0.1".parse().unwrap(),
        client_port: 21000,
        bus_port: 31000,
        memory: Bytes::mib(64),
        config,
        replication_password: password,
        plaintext: false,
        files,
    }
}

fn rendered(release: &Release, memory: &str, config: &[(&str, &str)]) -> Result<String, RenderError> {
    let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let (files, password) = (files(), password());
    render(&NodeConfig { memory: memory.parse().unwrap(), ..node(release, &config, &password, &files) })
}

fn config_of(release: &Release, plaintext: bool, bus_port: u16) -> Result<String, RenderError> {
    let (files, config, password) = (files(), BTreeMap::new(), password());
    render(&NodeConfig { plaintext, bus_port, ..node(release, &config, &password, &files) })
}

fn redis() -> Release {
    Release::new(Engine::Redis, "7.0.15".parse().unwrap())
}

#[test]
fn redis_golden() {
    insta::assert_snapshot!(rendered(&redis(), "64MiB", &[]).unwrap());
}

#[test]
fn valkey_golden_with_users_keys() {
    let valkey = Release::new(Engine::Valkey, "8.0.1".parse().unwrap());
    let config = [
        ("appendonly", "no"),
        ("client-output-buffer-limit", "pubsub 1mb 1mb 10"),
        ("maxmemory-policy", "allkeys-lru"),
        ("save", ""),
        ("notify-keyspace-events", "KEA"),
    ];
    insta::assert_snapshot!(rendered(&valkey, "4GiB", &config).unwrap());
}

#[test]
fn keys_that_are_ours_are_refused() {
    for key in ["port", "tls-port", "aclfile", "include", "cluster-enabled", "maxmemory", "dir"] {
        let error = rendered(&redis(), "64MiB", &[(key, "x")]).unwrap_err();
        assert!(matches!(&error, RenderError::Ours { key: named, .. } if named == key), "{error}");
    }
}

#[test]
fn the_node_timeout_is_shorter_where_the_record_says_so() {
    let line = |text: &str| text.lines().filter(|line| line.starts_with("cluster-node-timeout ")).collect::<String>();
    assert_eq!(line(&rendered(&redis(), "64MiB", &[]).unwrap()), "cluster-node-timeout 5000");
    let forming = rendered(&redis(), "64MiB", &[("cluster-node-timeout", "2000")]).unwrap();
    assert_eq!(line(&forming), "cluster-node-timeout 2000");
}

#[test]
fn without_tls_nothing_speaks_of_it() {
    let text = config_of(&redis(), true, 31000).unwrap();
    assert!(text.contains("\nport 21000\n") && !text.contains("tls"), "{text}");
}

#[test]
fn before_redis_7_the_bus_is_where_it_always_was() {
    let old = Release::new(Engine::Redis, "6.2.14".parse().unwrap());
    let text = config_of(&old, true, 31000).unwrap();
    assert!(!text.contains("cluster-port"), "{text}");
    let error = config_of(&old, true, 31001).unwrap_err();
    assert!(matches!(error, RenderError::BusPort { client_port: 21000, .. }), "{error}");
    assert!(config_of(&redis(), true, 31001).unwrap().contains("cluster-port 31001"));
}

#[test]
fn before_redis_7_each_pair_of_save_has_a_line() {
    let old = Release::new(Engine::Redis, "6.2.14".parse().unwrap());
    let saves = |config: &[(&str, &str)]| -> Vec<String> {
        let text = rendered(&old, "64MiB", config).unwrap();
        text.lines().filter(|line| line.starts_with("save ")).map(str::to_owned).collect()
    };
    assert_eq!(saves(&[]), ["save 3600 1", "save 300 100", "save 60 10000"]);
    assert_eq!(saves(&[("save", "900 1  60 5")]), ["save 900 1", "save 60 5"]);
    assert_eq!(saves(&[("save", "")]), ["save \"\""]);
}

#[test]
fn the_password_is_in_the_file_and_nowhere_else() {
    let (files, release, config, password) = (files(), redis(), BTreeMap::new(), password());
    let node = node(&release, &config, &password, &files);
    let text = render(&node).unwrap();
    assert!(text.contains(&format!("masterauth {}\n", quote(password.expose()))));
    assert!(!format!("{node:?}").contains("good"), "{node:?}");
}

#[test]
fn relative_paths_are_refused() {
    let files = NodeFiles { data: "data".into(), ..files() };
    let (release, config, password) = (redis(), BTreeMap::new(), password());
    assert_eq!(render(&node(&release, &config, &password, &files)), Err(RenderError::Path("data".into())));
}

/// The server's reader of one line, as far as `quote` uses it.
fn read_back(line: &str) -> Vec<u8> {
    let Some(inner) = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return line.into() };
    let (mut bytes, mut rest) = (Vec::new(), inner.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let byte;
        (byte, rest) = match (first, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let hex = [*high, *low];
                (u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap(), after)
            }
            (b'\\', [escaped, after @ ..]) => (*escaped, after),
            (b'"', _) => panic!("an unescaped quote in {line}"),
            _ => (first, after),
        };
        bytes.push(byte);
    }
    bytes
}

proptest! {
    #[test]
    fn a_value_stays_one_value_on_one_line(value in any::<String>()) {
        let quoted = quote(&value);
        prop_assert!(quoted.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", quoted);
        prop_assert_eq!(read_back(&quoted), value.as_bytes());
        let text = rendered(&redis(), "64MiB", &[("proc-title-template", &value)]).unwrap();
        let plain = rendered(&redis(), "64MiB", &[]).unwrap();
        prop_assert_eq!(text.lines().count(), plain.lines().count() + 1);
    }
}

#[test]
fn a_server_that_keeps_its_data_in_memory_saves_it_when_it_is_told_to_end() {
    let with = |release: &Release, value| rendered(release, "64MiB", &[("appendonly", value)]).unwrap();
    let saves = |text: String| text.contains("\nshutdown-on-sigterm save\n");
    assert!(saves(with(&redis(), "no")));
    assert!(!saves(with(&redis(), "yes")), "an append-only file is all that it needs");
    let old = Release::new(Engine::Redis, "6.2.14".parse().unwrap());
    assert!(!saves(with(&old, "no")), "it does not know the key, and would not start");
}

//! Maintenance windows: what waits for one, and a cluster that takes a patch by itself on a Sunday at two in the morning.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance_tests::load::Load;
use acceptance_tests::servers::{self, Server};
use acceptance_tests::steps::Steps;
use acceptance_tests::{DEADLINE, Workspace, wait_until};
use justmanage_model::{MaintenanceWindow, Timestamp};
use ring::digest;
use serde_json::{Value, json};

use crate::artifacts::portable;
use crate::versions::{directory, prepared};
use crate::world::{CLUSTER, cluster, login, text, user};

/// An opening that is two to four days away, whenever the test runs: the window's text, when it opens, and how that is said.
fn far_window() -> (String, Timestamp, String) {
    let now = Timestamp::now();
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let found = days.into_iter().find_map(|day| {
        let text = format!("{day} 02:00-03:00 Asia/Kolkata");
        let window: MaintenanceWindow = text.parse().expect("a window");
        let opening = window.next_openings(now, 1).pop().expect("it opens");
        let hours = opening.start.duration_since(now).as_hours();
        (48..96).contains(&hours).then(|| (text, opening.start, opening.to_the_minute(opening.start)))
    });
    found.expect("a day of the week")
}

/// Has everybody's clock show a moment. Real time goes on from there.
fn set_clock(steps: &Steps, moment: Timestamp) {
    steps.set_clock(moment.duration_since(Timestamp::now()).as_secs());
}

/// What `terraform plan -refresh-only` would show of the cluster: its attributes as they are now.
fn refreshed(workspace: &Workspace) -> Value {
    workspace.terraform(&["apply", "-refresh-only", "-json", "-auto-approve", "-input=false"]).ok();
    workspace.resource(CLUSTER)
}

fn pending(workspace: &Workspace) -> Vec<String> {
    refreshed(workspace)["pending"].as_array().expect("a list").iter().map(text).collect()
}

/// How many servers run the program of a server.
fn running(workspace: &Workspace, engine: &str, program: impl Fn(&Path) -> bool) -> usize {
    workspace.running(&format!("{engine}-server")).iter().filter(|one| program(&one.exe)).count()
}

fn load(workspace: &Workspace) -> Load {
    let endpoints = workspace.resource(CLUSTER)["endpoints"].as_array().cloned().expect("endpoints");
    let endpoints: Vec<String> = endpoints.iter().map(text).collect();
    Load::begin(&login(workspace), &endpoints, "app:", 4)
}

/// A mirror of the user's: files by their paths, and a catalog that is signed by minisign.
struct Mirror {
    address: SocketAddr,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    folder: PathBuf,
    key: String,
}

impl Mirror {
    fn new(folder: &Path) -> Self {
        let key = |name: &str| folder.join(name).display().to_string();
        let made = Command::new("minisign").args(["-G", "-W", "-p", &key("key.pub"), "-s", &key("key.sec")]).output();
        let made = made.expect("minisign: cargo xtask test installs it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let text = fs::read_to_string(folder.join("key.pub")).expect("a key");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let served = files.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap_or_default();
                let words = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = words.split(' ').nth(1).unwrap_or_default().to_owned();
                let file = served.lock().expect("files").get(&path).cloned();
                let (status, body) = file.map_or(("404 Not Found", Vec::new()), |file| ("200 OK", file));
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        let key = text.lines().nth(1).expect("a key").to_owned();
        Self { address, files, folder: folder.to_owned(), key }
    }

    /// The clause of a window that names it.
    fn clause(&self) -> String {
        format!("catalog http://{}/catalog.json {}", self.address, self.key)
    }

    fn put(&self, path: &str, content: Vec<u8>) {
        self.files.lock().expect("files").insert(path.to_owned(), content);
    }

    /// Publishes a catalog with these releases of an engine. `forged`: something is changed after it was signed.
    fn publish(&self, serial: u64, (engine, releases): (&str, &[(&Server, &str)]), forged: bool) {
        let entries: Vec<Value> = releases
            .iter()
            .map(|(server, date)| {
                let program = fs::read(portable(&self.folder, engine, server)).expect("a program");
                let sha256: String = digest::digest(&digest::SHA256, &program)
                    .as_ref()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                let path = format!("{engine}-{}/{engine}-server", server.version);
                self.put(&format!("/{path}"), program);
                json!({
                    "engine": engine, "version": server.version, "date": date, "urgency": "SECURITY",
                    "cves": ["CVE-2026-23479"],
                    "programs": [{"arch": std::env::consts::ARCH, "url": path, "sha256": sha256}],
                })
            })
            .collect();
        let catalog = json!({"schema": 1, "serial": serial, "expires": "2199-01-01T00:00:00Z", "releases": entries});
        let file = self.folder.join("catalog.json");
        fs::write(&file, catalog.to_string()).expect("a catalog");
        let mut sign = Command::new("minisign");
        sign.arg("-S").arg("-s").arg(self.folder.join("key.sec")).arg("-m").arg(&file);
        let signed = sign.output().expect("minisign");
        assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
        let signature = fs::read(self.folder.join("catalog.json.minisig")).expect("a signature");
        let mut content = fs::read(&file).expect("a catalog");
        if forged {
            content.push(b'\n');
        }
        self.put("/catalog.json.minisig", signature);
        self.put("/catalog.json", content);
    }
}

/// A cluster in a line, with a window.
fn write(workspace: &Workspace, engine: &str, version: &str, more: &str) {
    let lines = format!("  shards = 3\n  replicas_per_shard = 1\n{more}");
    workspace.write(
        "main.tf",
        &(cluster(engine, version, &lines) + &user("~app:* +@all -@dangerous +cluster +info +config|get", 1)),
    );
}

fn takes_a_patch_by_itself(engine: &str, [old, new]: [&Server; 2]) {
    let folder = tempfile::tempdir().expect("a directory");
    let mirror = Mirror::new(folder.path());
    mirror.publish(1, (engine, &[]), false);
    let (window, opens, said) = far_window();
    let line = old.version.rsplit_once('.').expect("a line").0;
    let mut workspace = prepared(&[directory(old)], (engine, line), (3, 1));
    workspace.allow_alarm("the release catalog is of no use");
    let steps = Steps::of(&mut workspace);
    let definition = format!("{window}; upgrade patch; {}", mirror.clause());
    write(&workspace, engine, line, &format!("  maintenance_window = \"{definition}\"\n"));
    workspace.apply().ok();
    assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), old.version);
    workspace.assert_no_changes();

    // A release appears in a list that is not the one that was signed: it is not believed.
    let mut clock = Timestamp::now();
    let mut hours_later = |count: u64| {
        clock = clock.saturating_add(hours(count)).expect("a moment");
        set_clock(&steps, clock);
    };
    mirror.publish(2, (engine, &[(new, "2026-01-02")]), true);
    hours_later(2);
    let refused = || pending(&workspace).iter().any(|text| text.contains("not signed with the key"));
    wait_until("the forged list is refused", DEADLINE, refused);
    let kept = || fs::read_dir(workspace.clusters().join(".artifacts")).into_iter().flatten().count();
    assert_eq!(kept(), 0);

    // The real one: every node fetches the program, and everything waits for the window.
    mirror.publish(2, (engine, &[(new, "2026-01-02")]), false);
    hours_later(2);
    let what = format!("upgrade {} -> {}", old.version, new.version);
    let waits = format!("{what} (out since 2026-01-02, closes CVE-2026-23479), window opens {said}");
    wait_until("the upgrade is announced", DEADLINE, || pending(&workspace) == [waits.clone()]);
    workspace.assert_no_changes();
    let is_old = |exe: &Path| exe.starts_with(&old.bin);
    assert_eq!((running(&workspace, engine, is_old), kept()), (6, 1));

    // An older list is never believed again.
    mirror.publish(1, (engine, &[]), false);
    hours_later(2);
    wait_until("the older list is refused", DEADLINE, || {
        pending(&workspace).iter().any(|text| text.contains("one with the number 2 was seen before"))
    });
    assert!(pending(&workspace).contains(&waits));

    // Sunday, two o'clock.
    let clients = load(&workspace);
    set_clock(&steps, opens);
    wait_until("all servers run the new release", 3 * DEADLINE, || {
        running(&workspace, engine, |exe| !is_old(exe)) == 6
    });
    wait_until("the operation is over", DEADLINE, || {
        let cluster = refreshed(&workspace);
        text(&cluster["version_actual"]) == new.version && !cluster["last_operation"].is_null()
    });
    let seen = clients.end();
    eprintln!("{what} by itself: {seen:?}");
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    let state = workspace.resource(CLUSTER);
    let report = &state["last_operation"];
    assert_eq!((&report["outcome"], &report["proven"]), (&"done".into(), &true.into()), "{report}");
    assert!(text(&report["what"]).contains(&new.version), "{report}");
    assert_eq!(state["converged"], true);
    assert!(pending(&workspace).iter().all(|text| !text.contains(&what)), "{state}");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

/// So many hours.
fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

#[test]
fn a_patch_in_a_signed_catalog_is_taken_when_the_window_opens_redis() {
    let (old, new) = (servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0"));
    takes_a_patch_by_itself("redis", [&old, &new]);
}

#[test]
fn a_change_waits_for_its_window_and_the_plan_is_empty_meanwhile() {
    let server = servers::usual("valkey");
    let (window, opens, said) = far_window();
    let mut workspace = prepared(&[directory(&server)], ("valkey", server.line()), (3, 1));
    let steps = Steps::of(&mut workspace);
    let lines = format!("  maintenance_window = \"{window}\"\n  apply = \"in_window\"\n");
    write(&workspace, "valkey", server.line(), &lines);
    workspace.apply().ok();
    let started = |workspace: &Workspace| {
        workspace.running("valkey-server").iter().map(|one| one.pid).collect::<std::collections::BTreeSet<_>>()
    };
    let before = started(&workspace);

    // One that needs a restart, and one that does not: that is made at once.
    write(
        &workspace,
        "valkey",
        server.line(),
        &format!("{lines}  config = {{ io-threads = \"2\", timeout = \"99\" }}\n"),
    );
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!(state["converged"], true, "{state}");
    assert_eq!(state["pending"], json!([format!("rolling restart, window opens {said}")]));
    workspace.assert_no_changes();
    assert_eq!(started(&workspace), before);
    let mut client = login(&workspace).connect().expect("connect");
    assert_eq!(config(&mut client, "timeout"), "99");
    assert_eq!(config(&mut client, "io-threads"), "1");

    // A minute before it shuts nothing is begun that would not end inside; the next opening is a week later.
    let almost = opens.saturating_add(hours(1)).expect("a moment");
    set_clock(&steps, almost.saturating_sub(Duration::from_secs(20)).expect("a moment"));
    wait_until("it is too late for this opening", DEADLINE, || {
        pending(&workspace).iter().any(|text| text.contains("the window shuts in") || text.contains("window opens"))
    });
    assert_eq!(started(&workspace), before);

    let clients = load(&workspace);
    set_clock(&steps, opens);
    wait_until("every server was restarted", 3 * DEADLINE, || {
        let now = started(&workspace);
        now.len() == 6 && now.is_disjoint(&before)
    });
    wait_until("nothing waits any more", DEADLINE, || pending(&workspace).is_empty());
    let seen = clients.end();
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    workspace.assert_no_changes();
    let mut client = login(&workspace).connect().expect("connect");
    assert_eq!(config(&mut client, "io-threads"), "2");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

fn config(client: &mut redis::Connection, key: &str) -> String {
    let found: BTreeMap<String, String> = redis::cmd("CONFIG").arg("GET").arg(key).query(client).expect("a value");
    found[key].clone()
}

//! What is put into servers, and what is found in them afterwards.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use justmanage_backup::{Bench, ClusterStore, Part, PartOrder, Store};
use justmanage_engine::acl::{AGENT_USER, REPLICATION_USER};
use justmanage_engine::snapshot::PATIENCE;
use justmanage_engine::{Connection, Snapshot, SnapshotError};
use justmanage_model::backup::{BackupId, Compression};
use justmanage_model::{Bytes, ClusterId, Generation, NodeId, SlotSet, Timestamp};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::node::{AGENT_PASSWORD, Node, REPLICATION_PASSWORD, said};
use crate::servers::{client, program};
use crate::wait::until;

const FILLER: (&str, &str) = ("filler", "filler-password");

/// A user that may do everything is let in, and its password is nobody's secret.
pub(crate) fn admit(node: &Node) {
    let (name, password) = FILLER;
    let rules = ["on", &format!(">{password}"), "~*", "&*", "+@all"];
    let said = node.client(AGENT_USER, AGENT_PASSWORD, &[&["ACL", "SETUSER", name], &rules[..]].concat());
    assert_eq!(said, "OK");
}

/// A node that serves all slots, and a connection of its agent.
pub(crate) async fn serving(server: &Path) -> (Node, Connection) {
    let (node, mut connection) = Node::started(server, &[("repl-diskless-sync-delay", "0")]).await;
    connection.assign_slots(&SlotSet::all()).await.unwrap();
    admit(&node);
    until("it serves", async || connection.cluster_info().await.unwrap().get("cluster_state") == Some("ok")).await;
    (node, connection)
}

/// What a node's server says to a command of that user.
pub(crate) fn ask(node: &Node, command: &[&str]) -> String {
    node.client(FILLER.0, FILLER.1, command)
}

fn done(node: &Node, command: &[&str]) {
    let said = ask(node, command);
    assert!(!said.contains("ERR") && !said.contains("WRONG") && !said.contains("NOPERM"), "{command:?}: {said}");
}

/// As a script without arguments.
pub(crate) fn script(node: &Node, text: &str) {
    done(node, &["EVAL", text, "0"]);
}

/// Every type, small and large, with and without an end.
pub(crate) fn fill(node: &Node) {
    script(
        node,
        "for i = 1, 2000 do
            redis.call('SET', 'string:' .. i, i % 3 == 0 and i or string.rep('value ', i % 50) .. i)
            redis.call('RPUSH', 'list:' .. i % 7, i, 'element ' .. i, string.rep('x', i % 300))
            redis.call('SADD', 'set:' .. i % 5, i % 5 == 0 and i or 'member ' .. i)
            redis.call('ZADD', 'zset:' .. i % 5, i / 7, 'member ' .. i % (100 * (i % 5 + 1)))
            redis.call('HSET', 'hash:' .. i % 5, 'field ' .. i % (10 ^ (i % 5)), 'value ' .. i)
            redis.call('XADD', 'stream:' .. i % 3, '1-' .. i, 'field', 'value ' .. i, 'other', i)
        end
        redis.call('SET', 'binary', '\\0\\255\\r\\n$-1')
        redis.call('SETBIT', 'bits', 100000, 1)
        redis.call('PFADD', 'log', 'a', 'b', 'c')
        redis.call('GEOADD', 'places', '13.36', '38.11', 'Palermo')
        for i = 1, 2000, 10 do redis.call('PEXPIREAT', 'string:' .. i, '4102444800' .. (100 + i % 900)) end
        redis.call('EXPIREAT', 'hash:1', '4102444800')
        redis.call('XGROUP', 'CREATE', 'stream:1', 'readers', '0')
        redis.call('XREADGROUP', 'GROUP', 'readers', 'one', 'COUNT', '5', 'STREAMS', 'stream:1', '>')
        redis.call('XACK', 'stream:1', 'readers', '1-1')
        redis.call('XDEL', 'stream:2', '1-2')",
    );
    if !is_old(node) {
        let library = "#!lua name=shelf\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)";
        done(node, &["FUNCTION", "LOAD", library]);
    }
}

/// Before Redis 7.0: no functions, and less is said of what was loaded.
pub(crate) fn is_old(node: &Node) -> bool {
    node.release.version.line() < justmanage_model::Line::new(7, 0)
}

/// All that is in a server, as text that does not depend on how a server keeps it.
const DESCRIBE: &str = "
    local function flat(value)
        if type(value) ~= 'table' then return tostring(value) end
        local parts, skip = {}, false
        for _, part in ipairs(value) do
            local text = flat(part)
            -- How a stream lies in memory is the server's affair.
            if skip then skip = false elseif text:find('^radix%-tree') then skip = true else parts[#parts + 1] = text end
        end
        return '[' .. table.concat(parts, ',') .. ']'
    end
    local function pairs_of(list, width)
        local parts = {}
        for i = 1, #list, width do
            parts[#parts + 1] = width == 2 and list[i] .. '=' .. list[i + 1] or list[i]
        end
        table.sort(parts)
        return flat(parts)
    end
    local read = {
        string = function(key) return redis.call('GET', key) end,
        list = function(key) return flat(redis.call('LRANGE', key, 0, -1)) end,
        set = function(key) return pairs_of(redis.call('SMEMBERS', key), 1) end,
        zset = function(key) return flat(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')) end,
        hash = function(key) return pairs_of(redis.call('HGETALL', key), 2) end,
        stream = function(key) return flat(redis.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0)) end,
    }
    local keys, lines = redis.call('KEYS', '*'), {}
    table.sort(keys)
    for _, key in ipairs(keys) do
        local kind = redis.call('TYPE', key).ok
        local ends = redis.pcall('PEXPIRETIME', key)
        if type(ends) == 'table' then ends = redis.call('PTTL', key) > 0 and 'some time' or -1 end
        lines[#lines + 1] = key .. ' ' .. kind .. ' ' .. tostring(ends) .. ' ' .. read[kind](key)
    end
    return table.concat(lines, '\\n')";

/// All keys of a node, primary or replica, and its functions.
pub(crate) fn describe(node: &Node) -> String {
    let script = ask(node, &["SCRIPT", "LOAD", DESCRIBE]);
    let lines = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&lines, format!("READONLY\nEVALSHA {script} 0\n")).unwrap();
    let keys = said(node.client_program(FILLER.0, FILLER.1).stdin(lines.reopen().unwrap()));
    described(keys.strip_prefix("OK\n").unwrap(), &ask(node, FUNCTIONS))
}

/// A server that does not know functions says so, and each time the same.
const FUNCTIONS: &[&str] = &["FUNCTION", "LIST", "WITHCODE"];

fn described(keys: &str, functions: &str) -> String {
    assert!(keys.contains("stream:1 stream") && keys.contains("readers"), "{keys}");
    format!("{keys}\n{functions}")
}

/// What is in a server outside of any cluster, once it has loaded its file.
pub(crate) fn restored_at(port: u16) -> Option<String> {
    let ask = |command: &[&str]| {
        let said = Command::new(client()).args(["-p", &port.to_string()]).args(command).output().unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    };
    ask(&["INFO", "persistence"])
        .contains("loading:0")
        .then(|| described(&ask(&["EVAL", DESCRIBE, "0"]), &ask(FUNCTIONS)))
}

/// A server outside of any cluster that has loaded a file. It ends with this.
pub(crate) struct Restored {
    process: Child,
    socket: PathBuf,
}

impl Restored {
    /// With the file `dump.rdb` of a directory.
    pub(crate) async fn of(server: &Path, directory: &Path) -> Self {
        let mut command = Command::new(program(server));
        command.args(["--port", "0", "--unixsocket", "server.sock", "--save", ""]);
        command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
        let restored = Self { process: command.spawn().unwrap(), socket: directory.join("server.sock") };
        until("it has loaded", async || restored.ask(&["INFO", "persistence"]).contains("loading:0")).await;
        restored
    }

    pub(crate) fn ask(&self, command: &[&str]) -> String {
        let said = Command::new(client()).arg("-s").arg(&self.socket).args(command).output().unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    pub(crate) fn describe(&self) -> String {
        described(&self.ask(&["EVAL", DESCRIBE, "0"]), &self.ask(FUNCTIONS))
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A directory with a store in it, and what backups there are called.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
    pub(crate) store: ClusterStore,
    pub(crate) id: BackupId,
}

pub(crate) fn cluster() -> ClusterId {
    ClusterId::from_entropy([7; 10])
}

/// The store of the tests' cluster in a directory.
pub(crate) fn store_in(directory: &Path) -> ClusterStore {
    let destination = format!("file://{}", directory.join("backups").display()).parse().unwrap();
    Store::open(&destination).unwrap().of(cluster(), &"orders".parse().unwrap())
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = store_in(directory.path());
        Self { directory, store, id: BackupId::new(at("2026-11-29T03:30:00Z"), Generation::new(57)) }
    }

    /// Where the files of this backup are.
    pub(crate) fn folder(&self) -> PathBuf {
        self.directory.path().join(format!("backups/orders/{}/{}", cluster(), self.id))
    }

    /// The names of all of them, hidden ones included.
    pub(crate) fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder()) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.directory.path().join("scratch")
    }

    pub(crate) fn bench(&self, server: &Path) -> Bench {
        Bench::new(program(server), self.scratch())
    }

    pub(crate) fn order(&self, node: &Node, compression: Compression) -> PartOrder {
        PartOrder {
            id: self.id.clone(),
            shard: 0,
            node: NodeId::from_entropy([9; 10]),
            release: node.release.clone(),
            slots: SlotSet::all(),
            compression,
            encryption: Vec::new(),
            clock: Timestamp::now,
        }
    }

    /// A part of what a node has now.
    pub(crate) async fn write(&self, node: &Node, compression: Compression) -> Part {
        let snapshot = snapshot(node).await.unwrap();
        let (progress, _) = watch::channel(Bytes::new(0));
        let written = justmanage_backup::write_part(&self.store, self.order(node, compression), snapshot, &progress);
        send(written).await.unwrap()
    }
}

/// The agent does all of it in tasks of their own.
pub(crate) fn send<T: Send>(work: T) -> T {
    work
}

/// All data of a node, as the user of replicas.
pub(crate) async fn snapshot(node: &Node) -> Result<Snapshot, SnapshotError> {
    node.open(REPLICATION_USER, REPLICATION_PASSWORD).await?.snapshot(PATIENCE).await
}

/// Says the first difference of two descriptions, and not all of both.
pub(crate) fn same(found: &str, before: &str) {
    let common = found.chars().zip(before.chars()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| text.chars().skip(common.saturating_sub(80)).take(300).collect::<String>();
    assert!(found == before, "{:?}\n instead of\n{:?}", around(found), around(before));
}

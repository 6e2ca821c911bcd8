//! What a node holds: of every plain type something small and something big, and how two nodes are compared.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::client::{Client, Reply};
use super::node::Node;

/// A day: nothing of this expires while it is looked at.
const DAY: &str = "86400000";
/// As many elements as no release keeps in its compact form.
const MANY: usize = 600;

/// What is written as it stands.
const PLAIN: &[&str] = &[
    "SET text v",
    "SET number 12345",
    "SET expires v PX 86400000",
    "SETBIT bits 100 1",
    "PFADD distinct a b c d e f",
    "RPUSH list 1 2 3 four",
    "SADD numbers 1 2 3",
    "SADD set a b c",
    "HSET hash a 1 b 2 c 3",
    "ZADD sorted 1 a 2.5 b -3 c",
    "GEOADD places 13.361389 38.115556 Palermo",
];
/// After the stream has its entries.
const STREAM: &[&str] = &[
    "XDEL stream 3-1",
    "XGROUP CREATE stream readers 0",
    "XREADGROUP GROUP readers alice COUNT 10 STREAMS stream >",
    "XACK stream readers 1-1",
    "XGROUP CREATE stream others $",
    "XGROUP CREATECONSUMER stream others bob",
];
const LIBRARY: &str =
    "#!lua name=lib\nredis.register_function('f', function(keys, args) return redis.call('GET', keys[1]) end)";

/// Fills an empty node; with fields of hashes that expire, too, when `field_ttls`.
pub(super) fn fill(node: &mut Node<'_>, field_ttls: bool) -> Result<()> {
    let functions = node.release.knows_functions();
    let client = node.client()?;
    for command in PLAIN {
        client.ask(command)?;
    }
    client.send(&[&b"SET"[..], b"bytes", &(0..=255).collect::<Vec<u8>>()])?;
    client.send(&["SET", "long", &"x".repeat(30_000)])?;
    let many = |first: &[&str], each: fn(usize) -> Vec<String>| -> Vec<String> {
        first.iter().map(|word| (*word).to_owned()).chain((0..MANY).flat_map(each)).collect()
    };
    let member = |i: usize| vec![format!("member-{i}")];
    let pair = |i: usize| vec![format!("field-{i}"), format!("value-{i}")];
    client.send(&many(&["RPUSH", "long-list"], member))?;
    client.send(&many(&["SADD", "big-set"], member))?;
    client.send(&many(&["HSET", "big-hash"], pair))?;
    client.send(&many(&["ZADD", "big-sorted"], |i| vec![format!("{}.5", i), format!("member-{i}")]))?;
    for i in 1..=150 {
        client.ask(&format!("XADD stream {i}-1 field {i} other value-{i}"))?;
    }
    for command in STREAM {
        client.ask(command)?;
    }
    if functions {
        client.send(&["FUNCTION", "LOAD", LIBRARY])?;
    }
    if field_ttls {
        client.ask("HSET ttl-hash a 1 b 2 c 3")?;
        client.ask(&format!("HPEXPIRE ttl-hash {DAY} FIELDS 1 a"))?;
        client.send(&many(&["HSET", "ttl-big-hash"], pair))?;
        client.ask(&format!("HPEXPIRE ttl-big-hash {DAY} FIELDS 2 field-1 field-2"))?;
    }
    Ok(())
}

/// All that a node holds, by key.
pub(super) fn contents(node: &mut Node<'_>) -> Result<BTreeMap<String, String>> {
    let functions = node.release.knows_functions();
    let client = node.client()?;
    client.ask("READONLY")?;
    let mut found = BTreeMap::new();
    for key in keys(client)? {
        let remains = client.ask(&format!("PTTL {key}"))?;
        let expires = if remains == Reply::Number(-1) { "" } else { " (expires)" };
        found.insert(key.clone(), format!("{}{expires}", value(client, &key)?));
    }
    let library = if functions { client.ask("FUNCTION LIST WITHCODE")? } else { Reply::List(Vec::new()) };
    found.insert("FUNCTIONS".to_owned(), format!("{library:?}"));
    Ok(found)
}

fn keys(client: &mut Client) -> Result<Vec<String>> {
    let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
    loop {
        let mut page = client.ask(&format!("SCAN {cursor} COUNT 1000"))?.list();
        let (Some(keys), Some(next)) = (page.pop(), page.pop()) else { bail!("SCAN has two answers") };
        found.extend(keys.list().iter().map(Reply::text));
        cursor = next.text();
        if cursor == "0" {
            found.sort();
            found.dedup();
            return Ok(found);
        }
    }
}

fn value(client: &mut Client, key: &str) -> Result<String> {
    let kind = client.ask(&format!("TYPE {key}"))?.text();
    let mut ask = |command: &str| client.ask(command);
    Ok(match kind.as_str() {
        "string" => format!("{:?}", ask(&format!("GET {key}"))?),
        "list" => format!("{:?}", ask(&format!("LRANGE {key} 0 -1"))?),
        "set" => format!("{:?}", sorted(ask(&format!("SMEMBERS {key}"))?)),
        "zset" => format!("{:?}", ask(&format!("ZRANGE {key} 0 -1 WITHSCORES"))?),
        "hash" => {
            let fields = sorted(ask(&format!("HKEYS {key}"))?);
            let names = fields.iter().map(Reply::text).collect::<Vec<_>>().join(" ");
            let values = ask(&format!("HMGET {key} {names}"))?;
            let ttls = format!("HPEXPIRETIME {key} FIELDS {} {names}", fields.len());
            let ttls = if key.starts_with("ttl-") { Some(ask(&ttls)?) } else { None };
            format!("{fields:?} {values:?} {ttls:?}")
        }
        "stream" => {
            let entries = ask(&format!("XRANGE {key} - +"))?;
            let pending = ask(&format!("XPENDING {key} readers"))?;
            // Name, consumers, pending, last id: what every release tells, in this order.
            let groups = ask(&format!("XINFO GROUPS {key}"))?.list().into_iter().map(Reply::list);
            let groups: Vec<Vec<_>> = groups.map(|group| group.into_iter().take(8).collect()).collect();
            let consumers = ask(&format!("XINFO CONSUMERS {key} others"))?.list().into_iter().map(Reply::list);
            let consumers: Vec<Vec<_>> = consumers.map(|one| one.into_iter().take(2).collect()).collect();
            format!("{entries:?} {pending:?} {groups:?} {consumers:?}")
        }
        other => bail!("{key} is of the type {other:?}"),
    })
}

fn sorted(reply: Reply) -> Vec<Reply> {
    let mut list = reply.list();
    list.sort();
    list
}

/// That two nodes hold the same.
pub(super) fn same(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Result<()> {
    let keys = one.keys().chain(other.keys());
    let mut different: Vec<&String> = keys.filter(|key| one.get(*key) != other.get(*key)).collect();
    different.sort();
    different.dedup();
    if different.is_empty() { Ok(()) } else { bail!("not the same: {different:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        same(&of(&[("a", "1")]), &of(&[("a", "1")])).unwrap();
        let error = same(&of(&[("a", "1"), ("b", "2"), ("c", "3")]), &of(&[("a", "1"), ("b", "3"), ("d", "4")]));
        assert_eq!(error.unwrap_err().to_string(), r#"not the same: ["b", "c", "d"]"#);
    }
}

//! The file in which a server keeps what it knows of the cluster (`nodes.conf`).

use std::collections::BTreeMap;

/// Its name in the server's data directory.
pub const BUS_FILE: &str = "nodes.conf";

/// What precedes a shard's id among the parts of an address.
const SHARD_ID: &str = "shard-id=";

/// The file's text with every replica in its primary's shard; `None` if it is so already.
///
/// Since Redis 7.2 each line names a shard. Servers learn that name later than who is whose replica, and one that is stopped in
/// between keeps a file with a replica in another shard than its primary. Some releases do not start with such a file ("corrupted
/// cluster config file"; seen with Valkey 8.0.1); later ones do what this does
/// ([valkey#2171](https://github.com/valkey-io/valkey/issues/2171), [redis#13468](https://github.com/redis/redis/pull/13468)).
#[must_use]
pub fn mend_bus_file(text: &str) -> Option<String> {
    let lines = || text.split_inclusive('\n');
    let named: BTreeMap<&str, (&str, &str)> =
        lines().filter_map(|line| Some((id(line)?, (primary(line)?, shard(line)?)))).collect();
    let shard_of_primary = |line: &str| {
        let (mut of, mut found) = (primary(line)?, None);
        // A replica of a replica is in the shard of the first of them all. None is its own.
        for _ in 0..named.len() {
            let Some((next, shard)) = named.get(of) else { break };
            (of, found) = (next, Some(*shard));
        }
        found
    };
    let mut mended = String::with_capacity(text.len());
    for line in lines() {
        match (shard(line), shard_of_primary(line)) {
            (Some(own), Some(theirs)) if own != theirs => {
                let (before, after) = (format!("{SHARD_ID}{own}"), format!("{SHARD_ID}{theirs}"));
                mended.push_str(&line.replacen(&before, &after, 1));
            }
            _ => mended.push_str(line),
        }
    }
    (mended != text).then_some(mended)
}

fn field(line: &str, position: usize) -> Option<&str> {
    line.split(' ').nth(position)
}

fn id(line: &str) -> Option<&str> {
    field(line, 0)
}

/// Whose replica it is; `-` if it is a primary.
fn primary(line: &str) -> Option<&str> {
    field(line, 3)
}

fn shard(line: &str) -> Option<&str> {
    field(line, 1)?.split(',').find_map(|part| part.strip_prefix(SHARD_ID))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str =
        "aaaa 10.0.0.1:0@31280,,tls-port=21280,shard-id=1111 master - 0 1795256791319 5 connected 0-16383\n";
    const B: &str =
        "bbbb 10.0.0.2:0@31281,,tls-port=21281,shard-id=2222 myself,slave aaaa 0 1795256791319 5 connected\n";
    const C: &str = "cccc 10.0.0.3:0@31282,,tls-port=21282,shard-id=3333 slave bbbb 0 1795256791319 5 connected\n";
    const VARS: &str = "vars currentEpoch 7 lastVoteEpoch 0\n";

    #[test]
    fn replicas_are_in_the_shard_of_their_primary() {
        let in_shard = |line: &str, from: &str| line.replace(from, "1111");
        let (b, c) = (in_shard(B, "2222"), in_shard(C, "3333"));
        assert_eq!(mend_bus_file(&format!("{A}{B}{VARS}")), Some(format!("{A}{b}{VARS}")));
        assert_eq!(mend_bus_file(&format!("{B}{A}{VARS}")), Some(format!("{b}{A}{VARS}")));
        assert_eq!(mend_bus_file(&format!("{C}{B}{A}{VARS}")), Some(format!("{c}{b}{A}{VARS}")));
        assert_eq!(mend_bus_file(&format!("{A}{b}{VARS}")), None);
    }

    #[test]
    fn what_is_not_understood_stays_as_it_is() {
        let without = A.replace(",shard-id=1111", "");
        let alone = B.replace("aaaa", "gone");
        let circle = format!("{}{B}", A.replace("master -", "slave bbbb"));
        for text in ["", "\n", "nonsense", VARS, A, &alone, &format!("{without}{B}"), &B.replace(",shard-id=2222", "")]
        {
            assert_eq!(mend_bus_file(text), None, "{text}");
        }
        // Whatever comes of it, it ends, and no line is lost.
        assert_eq!(mend_bus_file(&circle).unwrap_or(circle).lines().count(), 2);
    }
}

//! Whether the target can hold what is to move, as far as the average key tells.

use std::collections::BTreeMap;

use justmanage_model::{Bytes, Slot};

use super::MoveError;
use crate::connection::Connection;
use crate::info::Fields;

/// Refuses before anything is opened when the target cannot hold all keys that the source has of some slots.
pub(super) async fn check_room(
    source: &mut Connection,
    counts: &BTreeMap<Slot, u64>,
    room: Option<Bytes>,
) -> Result<(), MoveError> {
    let Some(free) = room else { return Ok(()) };
    let need = average_key(&source.info().await?).saturating_mul(counts.values().sum());
    if need > free.get() { Err(MoveError::NoRoom { need: Bytes::new(need), free }) } else { Ok(()) }
}

/// What a key takes, from `INFO`: the memory that no buffer accounts for, by the number of keys.
pub(super) fn average_key(info: &Fields) -> u64 {
    let other = [
        "used_memory_startup",
        "mem_clients_normal",
        "mem_clients_slaves",
        "mem_replication_backlog",
        "mem_aof_buffer",
    ];
    let other: u64 = other.iter().filter_map(|field| info.number(field)).sum();
    let keys = |text: &str| text.split(',').find_map(|part| part.strip_prefix("keys=")?.parse::<u64>().ok());
    let keys: u64 = info.beginning("db").filter_map(|(_, text)| keys(text)).sum();
    info.number("used_memory").unwrap_or_default().saturating_sub(other).checked_div(keys).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_what_buffers_do_not() {
        let info = "used_memory:10000\r\nused_memory_startup:1000\r\nmem_replication_backlog:4000\r\ndb0:keys=50,expires=0\r\n";
        assert_eq!(average_key(&Fields::parse(info)), 100);
        assert_eq!(average_key(&Fields::parse("used_memory:10000\r\n")), 0);
    }
}

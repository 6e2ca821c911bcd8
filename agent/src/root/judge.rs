//! Whether what is asked for was signed for this machine, and is not of the past.

use std::collections::BTreeMap;

use justmanage_identity::warrant::verify;
use justmanage_model::node::NodeOrder;
use justmanage_model::{Purpose, Terms, Timestamp, Warrant};

use super::place::{Base, own_file, write};

/// How far the operator's clock and the machine's may be apart, either way: machines boot with clocks that are hours off. A warrant of
/// longer ago that nobody used is worth nothing any more, and one of the future would keep all that come before it out.
const APART: i64 = 24 * 60 * 60;
/// Longest order or list: they have less than a tenth.
const LONGEST: u64 = 64 * 1024;

/// What may be done by a warrant, here and now; it is noted, so that no older one for the same purpose counts any more. The same one does: it
/// may be that nobody heard the answer.
///
/// # Errors
/// Why not, in a sentence.
pub(super) fn judge(base: &Base, warrant: &Warrant, now: Timestamp) -> Result<Purpose, String> {
    let order = order(base)?;
    let terms = verify(warrant, &order.operators).map_err(|error| {
        format!("{error}. Operators of this machine are those whom its first-boot data named; a node that is made anew knows today's")
    })?;
    let mut last = last(base)?;
    allowed(&order, &terms, &last, now)?;
    if last.insert(kind(&terms.purpose).to_owned(), terms.issued) != Some(terms.issued) {
        let text = serde_json::to_vec(&last).map_err(|error| error.to_string())?;
        write(&base.bin("warrants.json"), &text, 0o600)
            .map_err(|error| format!("that it was asked for cannot be noted: {error}"))?;
    }
    Ok(terms.purpose)
}

/// Whether terms that an operator has signed are for this machine and this moment.
fn allowed(order: &NodeOrder, terms: &Terms, last: &BTreeMap<String, Timestamp>, now: Timestamp) -> Result<(), String> {
    let claim = &order.claim;
    if (claim.cluster, claim.node) != (terms.cluster, terms.node) {
        return Err(format!("it was signed for node {} of {}, and this is {}", terms.node, terms.cluster, claim.node));
    }
    let issued = terms.issued;
    if (issued.as_second() - now.as_second()).abs() > APART {
        return Err(format!(
            "it was signed at {issued}, and here it is {now}: more than a day apart. Set the clock that is wrong, and try again"
        ));
    }
    match last.get(kind(&terms.purpose)) {
        Some(last) if *last > issued => Err(format!(
            "it was signed at {issued}, and another for the same purpose later, at {last}: that one counts"
        )),
        _ => Ok(()),
    }
}

const fn kind(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Agent { .. } => "agent",
        Purpose::Limits(_) => "limits",
    }
}

/// The order that root wrote at the first boot. Its directory is the agent's, who could put another file in its place, but none of root's.
fn order(base: &Base) -> Result<NodeOrder, String> {
    let unread = |why: &dyn std::fmt::Display| format!("the order of this machine cannot be relied on: {why}");
    let path = base.node().join("order.json");
    let text = own_file(&path, LONGEST).map_err(|error| unread(&error))?;
    let text = text.ok_or_else(|| unread(&"there is none"))?;
    serde_json::from_slice(&text).map_err(|error| unread(&error))
}

fn last(base: &Base) -> Result<BTreeMap<String, Timestamp>, String> {
    let path = base.bin("warrants.json");
    let unread = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
    let Some(text) = own_file(&path, LONGEST).map_err(|error| unread(&error))? else { return Ok(BTreeMap::new()) };
    serde_json::from_slice(&text).map_err(|error| unread(&error))
}

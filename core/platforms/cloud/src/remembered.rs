//! What a machine's tags say of its agent, so that another day nobody has to enrol it again to know its key.
//!
//! It is signed by an operator, together with the machine's id and claim: whoever can only edit tags can neither put another agent in its
//! place, nor pass one machine's agent off as another's. What was said of the same machine before can be put back; its key is the same.

use std::net::{IpAddr, SocketAddr};

use justmanage_model::node::{AgentInfo, ProcessIdentity};
use justmanage_model::{Claim, Pin, SealingKey};
use justmanage_platforms::PlatformError;

use crate::operator::{SIGNATURE_MAX, Signer};
use crate::tags::{Tags, VALUE_MAX};

/// Tags that it takes, always all of them, so that nothing of a longer one is left behind.
const TAGS: usize = 9;
/// Most bytes: five of them are eight digits, and values hold 60.
const BYTES_MAX: usize = TAGS * (VALUE_MAX / 8 * 8) / 8 * 5;
/// Its first byte: another one is of another version.
const VERSION: u8 = 1;
/// Before what is signed. Another text, another meaning.
const MEANING: &[u8] = b"justmanage agent of a machine 1\n";
/// Lowercase, as Google wants it; the same digits as in our ids.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The tags for the agent of a machine.
///
/// # Errors
/// The operator cannot sign, or an agent says more of itself than any of ours does.
pub fn write(operator: &dyn Signer, id: &str, agent: &AgentInfo) -> Result<Tags, PlatformError> {
    let too_long = || PlatformError::Failed {
        what: format!("the agent of {} says more of itself than tags can hold", agent.claim.node),
        hint: "It is of another build, perhaps a newer one: use the provider that it came with, or a newer one.".into(),
    };
    let said = packed(agent).ok_or_else(too_long)?;
    let signature = operator.sign(&signed(id, &agent.claim, &said))?;
    let mut bytes = vec![VERSION, u8::try_from(said.len()).map_err(|_| too_long())?];
    bytes.extend(&said);
    bytes.extend(&signature);
    if signature.len() > SIGNATURE_MAX || bytes.len() > BYTES_MAX {
        return Err(too_long());
    }
    let digits = digits(&bytes);
    let mut chunks = digits.as_bytes().chunks(VALUE_MAX / 8 * 8);
    let mut tags = Tags::default();
    for number in 0..TAGS {
        let chunk = chunks.next().map(String::from_utf8_lossy).unwrap_or_default();
        tags.set(format!("agent-{number}"), chunk.into_owned());
    }
    Ok(tags)
}

/// The agent of a machine, if an operator who is trusted has signed it.
#[must_use]
pub fn read(operator: &dyn Signer, id: &str, tags: &Tags) -> Option<AgentInfo> {
    signed_by(id, tags, |text, signature| operator.is_signed(text, signature))
}

/// Whether that is signed by somebody who will be trusted from now on, too.
#[must_use]
pub fn lasts(operator: &dyn Signer, id: &str, tags: &Tags) -> bool {
    signed_by(id, tags, |text, signature| operator.lasts(text, signature)).is_some()
}

fn signed_by(id: &str, tags: &Tags, is_signed: impl FnOnce(&[u8], &[u8]) -> bool) -> Option<AgentInfo> {
    let claim = tags.claim()?;
    let text: String = (0..TAGS).map(|number| tags.get(&format!("agent-{number}")).unwrap_or_default()).collect();
    let bytes = undigits(&text)?;
    let [VERSION, length, rest @ ..] = bytes.as_slice() else { return None };
    let (said, signature) = rest.split_at_checked(usize::from(*length))?;
    is_signed(&signed(id, &claim, said), signature).then(|| unpacked(&claim, said))?
}

/// What is signed: the machine and its claim are in it.
fn signed(id: &str, claim: &Claim, said: &[u8]) -> Vec<u8> {
    let Claim { cluster, name, node, .. } = claim;
    // None of these has a line break in it.
    [MEANING, format!("{id}\n{cluster}\n{name}\n{node}\n").as_bytes(), said].concat()
}

fn packed(agent: &AgentInfo) -> Option<Vec<u8>> {
    let AgentInfo { pin, sealing, agent: own, client, bus_port, version, process, .. } = agent;
    let mut bytes = [pin.as_bytes().as_slice(), sealing.as_bytes()].concat();
    for address in [own, client] {
        match address.ip() {
            IpAddr::V4(ip) => bytes.extend([&[4], ip.octets().as_slice()].concat()),
            IpAddr::V6(ip) => bytes.extend([&[6], ip.octets().as_slice()].concat()),
        }
        bytes.extend(address.port().to_be_bytes());
    }
    bytes.extend(bus_port.to_be_bytes());
    bytes.extend(process.pid.to_be_bytes());
    bytes.extend(process.start_time.to_be_bytes());
    for text in [version, &process.boot_id] {
        bytes.push(u8::try_from(text.len()).ok()?);
        bytes.extend(text.as_bytes());
    }
    Some(bytes)
}

fn unpacked(claim: &Claim, mut bytes: &[u8]) -> Option<AgentInfo> {
    let from = &mut bytes;
    let agent = AgentInfo {
        claim: claim.clone(),
        pin: Pin::from_digest(take(from)?),
        sealing: SealingKey::new(take(from)?),
        agent: address(from)?,
        client: address(from)?,
        bus_port: u16::from_be_bytes(take(from)?),
        process: ProcessIdentity {
            pid: u32::from_be_bytes(take(from)?),
            start_time: u64::from_be_bytes(take(from)?),
            boot_id: String::new(),
        },
        version: text(from)?,
    };
    let process = ProcessIdentity { boot_id: text(from)?, ..agent.process };
    from.is_empty().then_some(AgentInfo { process, ..agent })
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*first)
}

fn address(from: &mut &[u8]) -> Option<SocketAddr> {
    let ip = match take(from)? {
        [4] => IpAddr::from(take::<4>(from)?),
        [6] => IpAddr::from(take::<16>(from)?),
        _ => return None,
    };
    Some((ip, u16::from_be_bytes(take(from)?)).into())
}

fn text(from: &mut &[u8]) -> Option<String> {
    let [length] = take(from)?;
    let (text, rest) = from.split_at_checked(usize::from(length))?;
    *from = rest;
    String::from_utf8(text.to_vec()).ok()
}

/// Eight digits for each five bytes, filled up with zeros.
fn digits(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(5) {
        let mut five = [0; 5];
        five[..group.len()].copy_from_slice(group);
        let word = five.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        text.extend((0..8).rev().map(|at| char::from(DIGITS[(word >> (5 * at) & 31) as usize])));
    }
    // Zeros that were filled up stand for nothing: two digits hold a byte, and so on.
    text.truncate((bytes.len() * 8).div_ceil(5));
    text
}

fn undigits(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for group in text.as_bytes().chunks(8) {
        let mut word = 0u64;
        for at in 0..8 {
            let digit = group.get(at).map_or(Some(0), |digit| DIGITS.iter().position(|known| known == digit));
            word = word << 5 | digit? as u64;
        }
        bytes.extend(&word.to_be_bytes()[3..][..group.len() * 5 / 8]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;

//! Tokens that make the creating call idempotent: derived from the claim and never drawn, so that whoever comes after one who was
//! killed makes the same call.

use std::fmt;

use justmanage_model::Claim;
use ring::digest;

use crate::choice::Candidate;

/// 128 bits, as the strictest cloud takes them (a UUID); as text 32 hexadecimal digits, which the others take.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

impl Token {
    /// For the machine of a claim, of this type and in this zone. `number` counts those that are gone: a cloud answers to a token for as
    /// long as it remembers it, and be it with an instance that was taken away.
    ///
    /// The rest of the call is not in it, on purpose: whoever comes with a newer agent's address in the first-boot script is told that
    /// the token was used for something else, which is that the machine is there, and does not make a second one.
    #[must_use]
    pub fn of(claim: &Claim, candidate: &Candidate, number: u32) -> Self {
        let Claim { cluster, node, .. } = claim;
        let Candidate { offer, zone } = candidate;
        let text = format!("justmanage machine 1\n{cluster}\n{node}\n{}\n{zone}\n{number}", offer.name);
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        Self(bytes)
    }

    /// As a UUID (version 8, RFC 9562: what is in it is for its maker to say).
    #[must_use]
    pub fn uuid(&self) -> String {
        let mut bytes = self.0;
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

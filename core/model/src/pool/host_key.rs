//! The key that a host must show.

use std::fmt;
use std::str::FromStr;

use crate::failure::Invalid;
use crate::text::serde_as_text;

const SUMMARY: &str = "Host key not valid";
const USUAL: &str = "Write what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the host (\"SHA256:\" and 43 characters), \
                     or the first two words of that file (\"ssh-ed25519 AAAA...\").";
/// The kinds of keys that hosts have.
const KINDS: [&str; 5] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];
/// 32 bytes in base64 without padding.
const FINGERPRINT: usize = 43;

/// A host's public key, or its fingerprint: `ssh-ed25519 AAAA...`, or `SHA256:...` as OpenSSH prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostKey(String);

impl HostKey {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |detail: String| Err(Invalid::new(SUMMARY, detail, USUAL));
        if text.contains("PRIVATE KEY") {
            return Err(Invalid::new(
                SUMMARY,
                "This is a private key.",
                "Give the host's public key, and make the host a new pair: what was written into a configuration is not secret any more.",
            ));
        }
        if let Some(print) = text.strip_prefix("SHA256:") {
            let print = print.trim_end_matches('=');
            if print.len() != FINGERPRINT || !print.bytes().all(is_base64) {
                return invalid(format!("\"{text}\" is no SHA-256 fingerprint."));
            }
            return Ok(Self(format!("SHA256:{print}")));
        }
        if text.to_ascii_uppercase().starts_with("MD5:") {
            return invalid("MD5 fingerprints prove nothing any more.".into());
        }
        // A third word is a comment.
        let mut words = text.split_whitespace();
        let (Some(kind), Some(key)) = (words.next(), words.next()) else {
            return invalid(format!("\"{text}\" is neither a fingerprint nor a public key."));
        };
        if !KINDS.contains(&kind) {
            return invalid(format!("\"{kind}\" is no kind of a host's key: there are {}.", KINDS.join(", ")));
        }
        let data = key.trim_end_matches('=');
        if data.len() < 60 || !data.bytes().all(is_base64) {
            return invalid(format!("What stands behind \"{kind}\" is no public key."));
        }
        Ok(Self(format!("{kind} {key}")))
    }
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(HostKey);

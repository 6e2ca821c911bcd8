//! Warrants: an operator's signature under what root may do on one machine, made and checked.
//!
//! The same key signs handshakes of TLS 1.3. What is signed there begins with 64 blanks
//! ([RFC 8446, section 4.4.3](https://www.rfc-editor.org/rfc/rfc8446#section-4.4.3)), and here with [`PURPOSE`], so neither signature
//! can be passed off as the other.

use std::collections::BTreeSet;

use justmanage_model::{Pin, Terms, Warrant};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::key::pin_of;
use crate::{IdentityError, KeyPair};

/// What stands before the terms where they are signed. Another text, another kind of document.
const PURPOSE: &[u8] = b"justmanage warrant 1\n";
/// What stands before the 32 bytes of an Ed25519 public key as pins are made of it (RFC 8410, section 4).
const BEFORE_PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a warrant is worth nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WarrantError {
    /// It is not as warrants are written.
    #[error("it is no warrant that this version reads: {0}")]
    Unreadable(String),
    /// Whoever signed it is no operator here.
    #[error("whoever signed it ({0}) is no operator of this machine")]
    Stranger(Pin),
    /// It was not signed by the key that it names, or was changed since.
    #[error("its signature does not hold")]
    Forged,
}

/// Signs terms.
///
/// # Errors
/// The key cannot sign.
pub fn sign(operator: &KeyPair, terms: &Terms) -> Result<Warrant, IdentityError> {
    let terms = serde_json::to_string(terms).map_err(|error| IdentityError::Crypto(error.to_string()))?;
    let pair = Ed25519KeyPair::from_seed_unchecked(operator.secret()?.as_ref()).map_err(|_| IdentityError::NotAKey)?;
    let signature = pair.sign(&signed(&terms));
    Ok(Warrant { terms, key: to_hex(pair.public_key().as_ref()), signature: to_hex(signature.as_ref()) })
}

/// What a warrant allows, if one of these operators has signed it. Where and for how long that holds is for whoever asks to judge.
///
/// # Errors
/// [`WarrantError`]. Nothing of the terms is looked at before the signature has held.
pub fn verify(warrant: &Warrant, operators: &BTreeSet<Pin>) -> Result<Terms, WarrantError> {
    let unreadable = |what: &str| WarrantError::Unreadable(what.to_owned());
    let key: [u8; 32] = from_hex(&warrant.key).ok_or_else(|| unreadable("its key is not 64 hexadecimal digits"))?;
    let signature: [u8; 64] =
        from_hex(&warrant.signature).ok_or_else(|| unreadable("its signature is not 128 hexadecimal digits"))?;
    let pin = pin_of(&[&BEFORE_PUBLIC[..], &key].concat());
    if !operators.contains(&pin) {
        return Err(WarrantError::Stranger(pin));
    }
    let public = UnparsedPublicKey::new(&ED25519, key);
    public.verify(&signed(&warrant.terms), &signature).map_err(|_| WarrantError::Forged)?;
    serde_json::from_str(&warrant.terms).map_err(|error| unreadable(&error.to_string()))
}

fn signed(terms: &str) -> Vec<u8> {
    [PURPOSE, terms.as_bytes()].concat()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use justmanage_model::{ClusterId, Limits, NodeId, Purpose, Timestamp};

    use super::*;

    fn terms(node: u8) -> Terms {
        Terms {
            cluster: ClusterId::from_entropy([1; 10]),
            node: NodeId::from_entropy([node; 10]),
            issued: Timestamp::UNIX_EPOCH,
            purpose: Purpose::Limits(Limits::default()),
        }
    }

    #[test]
    fn what_an_operator_signed_is_read_as_it_was() {
        let operator = KeyPair::generate().expect("a key");
        let agent = Purpose::Agent { sha256: "ab".repeat(32), version: "0.2.0".parse().expect("a version") };
        for terms in [terms(2), Terms { purpose: agent, ..terms(3) }] {
            let warrant = sign(&operator, &terms).expect("a warrant");
            assert_eq!(verify(&warrant, &[operator.pin()].into()), Ok(terms));
        }
    }

    #[test]
    fn whatever_else_is_worth_nothing() {
        let (operator, other) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        let (good, foreign) = (sign(&operator, &terms(2)).expect("one"), sign(&other, &terms(2)).expect("one"));
        let operators: BTreeSet<Pin> = [operator.pin()].into();
        assert_eq!(verify(&good, &[].into()), Err(WarrantError::Stranger(operator.pin())));
        assert_eq!(verify(&foreign, &operators), Err(WarrantError::Stranger(other.pin())));
        let elsewhere = sign(&operator, &terms(3)).expect("one");
        for forged in [
            Warrant { key: good.key.clone(), ..foreign },
            Warrant { terms: elsewhere.terms, ..good.clone() },
            Warrant { terms: format!("{} ", good.terms), ..good.clone() },
            Warrant { signature: "0".repeat(128), ..good.clone() },
        ] {
            assert_eq!(verify(&forged, &operators), Err(WarrantError::Forged), "{forged:?}");
        }
        for odd in [
            Warrant { key: String::new(), ..good.clone() },
            Warrant { signature: "xy".repeat(64), ..good.clone() },
            Warrant { key: "ä".repeat(32), ..good },
        ] {
            assert!(matches!(verify(&odd, &operators), Err(WarrantError::Unreadable(_))), "{odd:?}");
        }
    }

    /// Half of what was signed would be something else.
    #[test]
    fn terms_with_more_in_them_than_is_known_are_not_read() {
        let operator = KeyPair::generate().expect("a key");
        let text =
            serde_json::to_string(&terms(2)).expect("JSON").replace("{\"limits\":{}}", "{\"limits\":{\"gpu\":1}}");
        let pair = Ed25519KeyPair::from_seed_unchecked(operator.secret().expect("a key").as_ref()).expect("a key");
        let signature = to_hex(pair.sign(&signed(&text)).as_ref());
        let warrant = Warrant { terms: text, key: to_hex(pair.public_key().as_ref()), signature };
        let refused = verify(&warrant, &[operator.pin()].into()).expect_err("unknown");
        assert!(refused.to_string().contains("gpu"), "{refused}");
    }
}

//! Signatures of operators under texts that somebody else keeps for them, such as a cloud in a machine's tags.

use justmanage_model::Pin;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::key::pin_of;
use crate::{IdentityError, KeyPair};

/// Before the 32 bytes of an Ed25519 public key in its SubjectPublicKeyInfo
/// ([RFC 8410, section 4](https://www.rfc-editor.org/rfc/rfc8410#section-4)): with them it is what a pin is the digest of.
const BEFORE_PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// How long a public key is.
const PUBLIC: usize = 32;

/// Signs a text: the public key, and the signature. The text has to say what it is for; in TLS handshakes 64 spaces do that.
///
/// # Errors
/// [`IdentityError::NotAKey`], if the key has no secret; then it could not have been loaded.
pub fn sign(key: &KeyPair, text: &[u8]) -> Result<Vec<u8>, IdentityError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(key.secret()?.as_ref()).map_err(|_| IdentityError::NotAKey)?;
    Ok([pair.public_key().as_ref(), pair.sign(text).as_ref()].concat())
}

/// Who has signed a text; `None`: nobody has, so.
#[must_use]
pub fn signer(text: &[u8], signature: &[u8]) -> Option<Pin> {
    let (public, signature) = signature.split_at_checked(PUBLIC)?;
    UnparsedPublicKey::new(&ED25519, public).verify(text, signature).ok()?;
    Some(pin_of(&[&BEFORE_PUBLIC, public].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_names_its_signer_and_no_other_text_has_it() {
        let key = KeyPair::generate().expect("a key");
        let signature = sign(&key, b"text").expect("a signature");
        assert_eq!(signer(b"text", &signature), Some(key.pin()));
        assert_eq!(signer(b"other", &signature), None);
        for at in 0..signature.len() {
            let mut forged = signature.clone();
            forged[at] ^= 1;
            assert_eq!(signer(b"text", &forged), None, "byte {at}");
            assert_eq!(signer(b"text", &signature[..at]), None, "{at} bytes");
        }
    }
}

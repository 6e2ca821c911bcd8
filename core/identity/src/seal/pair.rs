//! An agent's sealing key: X25519, in a PEM file that only its owner can read.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use justmanage_model::SealingKey;
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::IdentityError;
use crate::key::{read_private, write_private};

pub(super) type Private = <X25519HkdfSha256 as Kem>::PrivateKey;

/// What stands before the 32 bytes of an X25519 private key in PKCS#8
/// ([RFC 8410, section 7](https://www.rfc-editor.org/rfc/rfc8410#section-7), with the id of X25519, 1.3.101.110); `openssl
/// genpkey -algorithm x25519` writes the same.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20];

/// The key with which an agent opens what is sealed for it. Debug shows only the public half. The private half is wiped from
/// memory when the value is dropped.
pub struct SealingPair {
    private: Private,
    public: SealingKey,
}

impl SealingPair {
    /// A new key.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] without randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; 32]);
        let none = |_| IdentityError::Crypto("no random numbers".to_owned());
        SystemRandom::new().fill(bytes.as_mut()).map_err(none)?;
        Self::of(bytes.as_ref())
    }

    /// The key in a PEM text.
    ///
    /// # Errors
    /// [`IdentityError::NotASealingKey`]. The text is not repeated in the error.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| IdentityError::NotASealingKey)?;
        let bytes = der.secret_pkcs8_der().strip_prefix(&PKCS8).ok_or(IdentityError::NotASealingKey)?;
        Self::of(bytes)
    }

    /// The key in a file.
    ///
    /// # Errors
    /// [`IdentityError::Exposed`] when others can read the file: then it may be theirs too.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        Self::from_pem(&Zeroizing::new(read_private(path)?))
    }

    /// A new key in a new file; directories above it are made, for the owner alone. A file that exists is never overwritten.
    ///
    /// # Errors
    /// [`IdentityError::File`], also when the file exists.
    pub fn create(path: &Path) -> Result<Self, IdentityError> {
        let pair = Self::generate()?;
        write_private(path, &pair.to_pem())?;
        Ok(pair)
    }

    /// What others seal with.
    pub const fn public(&self) -> SealingKey {
        self.public
    }

    pub(super) const fn private(&self) -> &Private {
        &self.private
    }

    /// 48 bytes, so that the base 64 of it is one line of 64 characters without padding.
    fn to_pem(&self) -> Zeroizing<String> {
        let mut der = Zeroizing::new([0; 48]);
        let (head, private) = der.split_at_mut(PKCS8.len());
        head.copy_from_slice(&PKCS8);
        self.private.write_exact(private);
        let line = Zeroizing::new(BASE64.encode(*der));
        Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *line))
    }

    fn of(bytes: &[u8]) -> Result<Self, IdentityError> {
        let private = Private::from_bytes(bytes).map_err(|_| IdentityError::NotASealingKey)?;
        let mut public = [0; 32];
        X25519HkdfSha256::sk_to_pk(&private).write_exact(&mut public);
        Ok(Self { private, public: SealingKey::new(public) })
    }
}

impl fmt::Debug for SealingPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealingPair").field(&self.public).finish()
    }
}

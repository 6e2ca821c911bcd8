//! Certificates of a host: self-signed with a P-521 key as go-plugin makes them, or with P-256.
//!
//! ring cannot sign with P-521, and rcgen not without another library; so the certificate is written here. Source for its
//! content: hashicorp/go-plugin, mtls.go.

use std::sync::Arc;

use p521::ecdsa::{DerSignature, SigningKey, signature::Signer as _};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    sign::{CertifiedKey, Signer},
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// The curve of a host's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// As go-plugin has it.
    P521,
    /// As another host might.
    P256,
}

/// A certificate and a key: usually its own.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) kind: KeyKind,
}

impl Identity {
    /// A new one.
    pub(super) fn new(kind: KeyKind) -> Self {
        let (certificate, key): (_, Arc<dyn rustls::sign::SigningKey>) = match kind {
            KeyKind::P521 => {
                let key = random_key();
                (certificate(&key), Arc::new(P521Key(Arc::new(key))))
            }
            KeyKind::P256 => p256(),
        };
        Self { certified: Arc::new(CertifiedKey::new(vec![certificate], key)), kind }
    }

    /// The certificate of this one with the key of another, as a thief has it who read the environment.
    pub(super) fn stolen_by(&self, thief: &Self) -> Self {
        let certified = CertifiedKey::new(self.certified.cert.clone(), thief.certified.key.clone());
        Self { certified: Arc::new(certified), kind: thief.kind }
    }

    pub(super) fn pem(&self) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let text = STANDARD.encode(&self.certified.cert[0]);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

fn p256() -> (CertificateDer<'static>, Arc<dyn rustls::sign::SigningKey>) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("ring makes P-256 keys");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&pair).expect("its own key").der().clone();
    let key = PrivatePkcs8KeyDer::from(pair.serialize_der());
    let key = rustls::crypto::ring::sign::any_ecdsa_type(&key.into()).expect("a key that was just made");
    (certificate, key)
}

fn random_key() -> SigningKey {
    loop {
        let mut scalar = [0; 66];
        SystemRandom::new().fill(&mut scalar).expect("the system has random numbers");
        // 521 bits: 65 bytes and one bit. The few numbers above the order of the curve are thrown away.
        scalar[0] &= 1;
        if let Ok(key) = SigningKey::from_slice(&scalar) {
            return key;
        }
    }
}

/// A P-521 key for rustls.
struct P521Key(Arc<SigningKey>);

impl std::fmt::Debug for P521Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("P521Key(***)")
    }
}

impl rustls::sign::SigningKey for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512).then(|| Box::new(Self(self.0.clone())) as _)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(sign(&self.0, message))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: DerSignature = key.sign(message);
    signature.as_bytes().to_vec()
}

/// A self-signed X.509 certificate, written in DER.
fn certificate(key: &SigningKey) -> CertificateDer<'static> {
    const ECDSA_SHA512: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04";
    const EC_P521: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";
    const NAME: &[u8] = b"\x30\x14\x31\x12\x30\x10\x06\x03\x55\x04\x03\x0c\x09localhost";
    const VALID: &[u8] = b"\x30\x1e\x17\x0d250101000000Z\x17\x0d490101000000Z";
    let point = key.verifying_key().to_sec1_point(false);
    let public = sequence(&[EC_P521, &bits(point.as_bytes())]);
    let extensions = sequence(&[
        // key usage (critical): signature, encipherment, agreement, signing of certificates
        b"\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x02\xac",
        // extended key usage: client and server
        b"\x30\x1d\x06\x03\x55\x1d\x25\x04\x16\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01",
        // basic constraints (critical): a CA
        b"\x30\x0f\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x01\x01\xff",
        // alternative name: localhost
        b"\x30\x14\x06\x03\x55\x1d\x11\x04\x0d\x30\x0b\x82\x09localhost",
    ]);
    let body = sequence(&[
        b"\xa0\x03\x02\x01\x02", // version 3
        b"\x02\x01\x01",         // serial number
        ECDSA_SHA512,
        NAME,
        VALID,
        NAME,
        &public,
        &element(0xa3, &extensions),
    ]);
    let signature = bits(&sign(key, &body));
    sequence(&[&body, ECDSA_SHA512, &signature]).into()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// A bit string of whole bytes.
fn bits(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a certificate is short").to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, length[1]],
        0x80..=0xff => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head.as_slice(), content].concat()
}

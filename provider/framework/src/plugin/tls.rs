//! TLS with the one client that we were started by.
//!
//! go-plugin's client certificate is self-signed, says of itself that it is a CA, and has a P-521 key. A verifier by the
//! book refuses the first two, and ring has no P-521, so that Go would send no certificate at all: two traps that tempt
//! into accepting anybody. Here the client is known by its exact certificate, which came through the environment, and by
//! its handshake signature, which proves that it has the key and not just the certificate; both are mandatory.

use std::sync::Arc;

use p521::ecdsa::{DerSignature, VerifyingKey, signature::Verifier};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::{
        NoServerSessionStorage, ParsedCertificate,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};

/// A certificate of our own with its key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// A new identity for this process: P-256, because a P-521 key would cost the start-up time that it could not repay.
pub(super) fn identity() -> Result<Identity, rcgen::Error> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    // The client connects to the name "localhost", and takes the certificate from the handshake line as its only root.
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&pair)?.der().clone();
    Ok(Identity { certificate, key: PrivatePkcs8KeyDer::from(pair.serialize_der()).into() })
}

/// The server's side for exactly this client.
pub(super) fn server(identity: Identity, client: CertificateDer<'static>) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Pinned::new(client, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![identity.certificate], identity.key)?;
    // gRPC clients insist on it.
    config.alpn_protocols = vec![b"h2".to_vec()];
    // One connection per process: a resumed session would only be a way around the signature.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// Knows one client by its certificate and its signature.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    key: Key,
    none: [DistinguishedName; 0],
}

#[derive(Debug)]
enum Key {
    /// What go-plugin makes; ring cannot verify it. Only public data passes through, so that the crate's reservations
    /// about constant time do not apply.
    P521(Box<VerifyingKey>),
    /// What ring verifies, for other hosts.
    Ring(WebPkiSupportedAlgorithms),
}

impl Pinned {
    fn new(certificate: CertificateDer<'static>, provider: &CryptoProvider) -> Result<Self, Error> {
        let info = ParsedCertificate::try_from(&certificate)?.subject_public_key_info();
        let key = match p521_point(info.as_ref()) {
            Some(point) => {
                let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| CertificateError::BadEncoding)?;
                Key::P521(Box::new(key))
            }
            None => Key::Ring(provider.signature_verification_algorithms),
        };
        Ok(Self { certificate, key, none: [] })
    }

    /// Only the exact certificate whose key this is can have come here: see `verify_client_cert`.
    fn verify_p521(
        key: &VerifyingKey,
        message: &[u8],
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if dss.scheme != SignatureScheme::ECDSA_NISTP521_SHA512 {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let bad = |_| Error::InvalidCertificate(CertificateError::BadSignature);
        let signature = DerSignature::from_bytes(dss.signature()).map_err(bad)?;
        key.verify(message, &signature).map_err(bad)?;
        Ok(HandshakeSignatureValid::assertion())
    }
}

/// The point of a SubjectPublicKeyInfo that holds an uncompressed P-521 key, which is DER with this one beginning.
fn p521_point(info: &[u8]) -> Option<&[u8]> {
    const BEGINNING: &[u8] =
        b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00";
    info.strip_prefix(BEGINNING).filter(|point| point.len() == 133 && point[0] == 4)
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.none
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if end_entity.as_ref() == self.certificate.as_ref() {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.key {
            Key::P521(key) => Self::verify_p521(key, message, dss),
            Key::Ring(algorithms) => verify_tls12_signature(message, certificate, dss, algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.key {
            Key::P521(key) => Self::verify_p521(key, message, dss),
            Key::Ring(algorithms) => verify_tls13_signature(message, certificate, dss, algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match &self.key {
            Key::P521(_) => vec![SignatureScheme::ECDSA_NISTP521_SHA512],
            Key::Ring(algorithms) => algorithms.supported_schemes(),
        }
    }
}

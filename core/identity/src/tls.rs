//! TLS 1.3 configurations of both sides, by pins instead of names, dates and authorities.

use std::fmt;
use std::sync::Arc;

use justmanage_model::Pin;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::EndEntityCert;

use crate::key::pin_of;
use crate::{Allowed, IdentityError, KeyPair};

/// The protocol that we speak over these connections.
const ALPN: &[u8] = b"h2";
/// What others may speak where it is offered: readers of metrics.
pub(crate) const HTTP1: &[u8] = b"http/1.1";

/// A server that shows `key` and lets in who is `allowed`.
///
/// # Errors
/// [`IdentityError::Crypto`].
pub fn server(key: &KeyPair, allowed: Allowed) -> Result<ServerConfig, IdentityError> {
    let provider = provider();
    let verifier = Arc::new(AllowedClients { allowed, provider: provider.clone() });
    let (certificate, private) = key.credentials()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(vec![certificate], private))
        .map_err(|error| IdentityError::Crypto(error.to_string()))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would skip the look at the pins.
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// A client that shows `key` and accepts only the server with the pin `expected`.
///
/// # Errors
/// [`IdentityError::Crypto`].
pub fn client(key: &KeyPair, expected: Pin) -> Result<ClientConfig, IdentityError> {
    client_of(key, Some(expected))
}

/// A client that shows `key` to any server that proves that it holds a key, whichever it is. For a first meeting ([`crate::meet`]).
pub(crate) fn client_of_anybody(key: &KeyPair) -> Result<ClientConfig, IdentityError> {
    client_of(key, None)
}

fn client_of(key: &KeyPair, expected: Option<Pin>) -> Result<ClientConfig, IdentityError> {
    let provider = provider();
    let verifier = Arc::new(ExpectedServer { expected, provider: provider.clone() });
    let (certificate, private) = key.credentials()?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map(|builder| builder.dangerous().with_custom_certificate_verifier(verifier))
        .and_then(|builder| builder.with_client_auth_cert(vec![certificate], private))
        .map_err(|error| IdentityError::Crypto(error.to_string()))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The pin of a certificate's key.
pub(crate) fn pin_of_certificate(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let parsed =
        EndEntityCert::try_from(certificate).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(pin_of(&parsed.subject_public_key_info()))
}

struct AllowedClients {
    allowed: Allowed,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AllowedClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.allowed.lets_in(&pin_of_certificate(certificate)?) {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl fmt::Debug for AllowedClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AllowedClients")
    }
}

struct ExpectedServer {
    /// `None`: any key will do, as long as it is proven.
    expected: Option<Pin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ExpectedServer {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pin = pin_of_certificate(certificate)?;
        if self.expected.is_none_or(|expected| expected == pin) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl fmt::Debug for ExpectedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpectedServer")
    }
}

//! The environment that go-plugin gives to a plugin, and the one line that it reads back.
//!
//! Source: hashicorp/go-plugin, docs/internals.md and client.go; the cookie is in hashicorp/terraform,
//! internal/plugin/serve.go.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// Variable and value by which Terraform says that it is Terraform. Not a secret: it keeps people from starting a
/// provider by hand and wondering why nothing happens.
pub(crate) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The version of Terraform's plugin protocol that is spoken here.
pub(crate) const PROTOCOL: &str = "6";

/// What the host asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Invitation {
    /// The one certificate that may connect.
    pub(super) client: CertificateDer<'static>,
    /// Where the socket has to be; none: anywhere.
    pub(super) socket_dir: Option<PathBuf>,
    /// The host asks whether broker connections can share one socket, and expects an answer.
    pub(super) multiplex: bool,
}

/// Why there will be no handshake.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "This binary is a plugin. These are not meant to be executed directly.\n\
         Terraform and OpenTofu start it by themselves; to attach them to a process that you start, use its debug mode."
    )]
    NoCookie,
    #[error("this provider speaks plugin protocol 6, and the caller only {offered}: Terraform 1.0 or later is needed")]
    OtherProtocol { offered: String },
    #[error(
        "the caller sent no PLUGIN_CLIENT_CERT, so it could not be told from any other user of this machine; \
         unset TF_DISABLE_PLUGIN_TLS, or use the debug mode of this provider"
    )]
    NoClientCertificate,
    #[error("PLUGIN_CLIENT_CERT does not hold one PEM certificate")]
    BadClientCertificate,
}

/// Reads the environment.
pub(super) fn read(var: impl Fn(&str) -> Option<OsString>) -> Result<Invitation, Refusal> {
    let text = |name: &str| var(name).map(|v| v.to_string_lossy().into_owned()).filter(|v| !v.is_empty());
    if text(COOKIE.0).as_deref() != Some(COOKIE.1) {
        return Err(Refusal::NoCookie);
    }
    // Hosts older than version negotiation do not set it, and accept whatever the line says.
    if let Some(offered) = text("PLUGIN_PROTOCOL_VERSIONS")
        && !offered.split(',').any(|version| version.trim() == PROTOCOL)
    {
        return Err(Refusal::OtherProtocol { offered });
    }
    let pem = text("PLUGIN_CLIENT_CERT").ok_or(Refusal::NoClientCertificate)?;
    let mut found = CertificateDer::pem_slice_iter(pem.as_bytes());
    let client = match (found.next(), found.next()) {
        (Some(Ok(client)), None) => client,
        _ => return Err(Refusal::BadClientCertificate),
    };
    let socket_dir = var("PLUGIN_UNIX_SOCKET_DIR").filter(|v| !v.is_empty()).map(PathBuf::from);
    Ok(Invitation { client, socket_dir, multiplex: text("PLUGIN_MULTIPLEX_GRPC").is_some() })
}

/// The line that the host reads: version of go-plugin's own protocol, of Terraform's, address, kind and certificate.
///
/// The certificate is base64 in the standard alphabet without padding. The seventh field may only be sent to a host that
/// asked for it: an older one takes it for a part of the certificate.
pub(super) fn line(socket: &Path, certificate: &[u8], multiplex: bool) -> String {
    let certificate = STANDARD_NO_PAD.encode(certificate);
    let seventh = if multiplex { "|false" } else { "" };
    format!("1|{PROTOCOL}|unix|{}|grpc|{certificate}{seventh}\n", socket.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";

    fn environment(change: &[(&str, Option<&str>)]) -> impl Fn(&str) -> Option<OsString> {
        let mut all = vec![
            (COOKIE.0, Some(COOKIE.1)),
            ("PLUGIN_PROTOCOL_VERSIONS", Some("5,6")),
            ("PLUGIN_CLIENT_CERT", Some(PEM)),
            ("PLUGIN_UNIX_SOCKET_DIR", Some("")),
        ];
        all.extend_from_slice(change);
        let all: Vec<(String, Option<OsString>)> =
            all.into_iter().rev().map(|(name, value)| (name.to_owned(), value.map(Into::into))).collect();
        move |name| all.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.clone())
    }

    #[test]
    fn what_terraform_sends_is_accepted() {
        let expected = Invitation { client: vec![1, 2, 3].into(), socket_dir: None, multiplex: false };
        assert_eq!(read(environment(&[])), Ok(expected));
        let read =
            read(environment(&[("PLUGIN_UNIX_SOCKET_DIR", Some("/s")), ("PLUGIN_MULTIPLEX_GRPC", Some("true"))]));
        assert!(read.is_ok_and(|i| i.multiplex && i.socket_dir == Some("/s".into())));
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let refused = |change: (&str, Option<&str>)| read(environment(&[change])).unwrap_err();
        assert_eq!(refused((COOKIE.0, None)), Refusal::NoCookie);
        assert_eq!(refused((COOKIE.0, Some("other"))), Refusal::NoCookie);
        assert_eq!(
            refused(("PLUGIN_PROTOCOL_VERSIONS", Some("5,16"))),
            Refusal::OtherProtocol { offered: "5,16".into() }
        );
        assert_eq!(refused(("PLUGIN_CLIENT_CERT", None)), Refusal::NoClientCertificate);
        assert_eq!(refused(("PLUGIN_CLIENT_CERT", Some(""))), Refusal::NoClientCertificate);
        assert_eq!(refused(("PLUGIN_CLIENT_CERT", Some("nonsense"))), Refusal::BadClientCertificate);
        let two = format!("{PEM}{PEM}");
        assert_eq!(refused(("PLUGIN_CLIENT_CERT", Some(&two))), Refusal::BadClientCertificate);
    }

    #[test]
    fn a_host_without_version_negotiation_is_accepted() {
        assert!(read(environment(&[("PLUGIN_PROTOCOL_VERSIONS", None)])).is_ok());
    }

    #[test]
    fn the_line_has_six_fields_and_seven_on_request() {
        let path = Path::new("/tmp/x/plugin");
        assert_eq!(line(path, &[255, 254, 253, 1], false), "1|6|unix|/tmp/x/plugin|grpc|//79AQ\n");
        assert_eq!(line(path, &[1], true), "1|6|unix|/tmp/x/plugin|grpc|AQ|false\n");
    }
}

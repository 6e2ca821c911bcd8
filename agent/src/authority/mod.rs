//! The cluster's own certificate authority, and the certificate of this node's server.
//!
//! Any certificate of this authority could speak on the cluster bus, so it signs servers only, never clients.

use std::io;
use std::net::IpAddr;

use justmanage_model::{ClusterId, NodeId, Secret, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::directory::Directory;

/// Days for which the authority is valid. It is replaced by rotation long before; ten years keep a cluster that nobody
/// looks at from stopping by itself.
const AUTHORITY_DAYS: i64 = 3650;
/// Days for which a server's certificate is valid. The agent renews it by itself while a third is left, so a key that got
/// out is of use for at most this long.
const SERVER_DAYS: i64 = 90;
/// Certificates are valid from this many hours before they are made: the clocks of clients may be behind.
const BACKDATED_HOURS: i64 = 24;

/// The files that the server reads.
///
/// Certificate and private key are in one file, which is replaced whole: whoever is killed at whatever moment leaves a pair
/// that fits. (OpenSSL takes from a PEM file what it looks for, and passes over the rest.)
#[derive(Clone, Debug)]
pub struct ServerFiles {
    /// Its certificate.
    pub certificate: std::path::PathBuf,
    /// Its private key, in the same file.
    pub key: std::path::PathBuf,
    /// The authority's certificate.
    pub authority: std::path::PathBuf,
}

/// Where the server's files are.
pub fn server_files(directory: &Directory) -> ServerFiles {
    let tls = directory.tls();
    let pair = tls.join("server.pem");
    ServerFiles { certificate: pair.clone(), key: pair, authority: tls.join("ca.crt") }
}

/// A new authority: its certificate and its private key, both PEM. Nothing is kept: the key goes sealed into the Record.
///
/// # Errors
/// No randomness.
pub fn found(cluster: &ClusterId, now: Timestamp) -> io::Result<(String, Secret<String>)> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let certificate = authority(cluster, now).and_then(|parameters| parameters.self_signed(&key));
    Ok((certificate.map_err(io::Error::other)?.pem(), Secret::new(key.serialize_pem())))
}

/// The authority of a cluster.
pub struct Authority<'a> {
    /// The cluster.
    pub cluster: &'a ClusterId,
    /// Its certificate, PEM.
    pub certificate: &'a str,
    /// Its private key, PEM.
    pub key: &'a Secret<String>,
}

/// Issues the server's certificate anew, with a new key, and writes it and the authority's certificate.
///
/// # Errors
/// The disk; or the key is none.
pub fn issue(
    directory: &Directory,
    by: &Authority<'_>,
    node: &NodeId,
    address: IpAddr,
    now: Timestamp,
) -> io::Result<()> {
    let none = || io::Error::new(io::ErrorKind::InvalidData, "the key of the authority is no private key");
    let authority_key = KeyPair::from_pem(by.key.expose()).map_err(|_| none())?;
    // Only the name and the key of the issuer go into what it signs; its dates do not.
    let issuer = Issuer::new(authority(by.cluster, now).map_err(io::Error::other)?, authority_key);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let parameters = server(node, address, now).map_err(io::Error::other)?;
    let certificate = parameters.signed_by(&key, &issuer).map_err(io::Error::other)?;

    let files = server_files(directory);
    directory.make(&directory.tls())?;
    directory.write_bytes(&files.authority, by.certificate.as_bytes())?;
    directory.write_bytes(&files.certificate, format!("{}{}", certificate.pem(), key.serialize_pem()).as_bytes())
}

fn authority(cluster: &ClusterId, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, format!("Just Manage cluster {cluster}"));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut parameters, now, AUTHORITY_DAYS);
    Ok(parameters)
}

fn server(node: &NodeId, address: IpAddr, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut names = vec![address.to_string()];
    if address.is_loopback() {
        names.push("localhost".to_owned());
    }
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, node.to_string());
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // On the bus and for replication a server is a client, too.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters.use_authority_key_identifier_extension = true;
    valid(&mut parameters, now, SERVER_DAYS);
    Ok(parameters)
}

/// From the beginning of the day before to the end of the last day, UTC.
fn valid(parameters: &mut CertificateParams, now: Timestamp, days: i64) {
    let day = |hours: i64| {
        let moment = now.saturating_add(jiff::SignedDuration::from_hours(hours)).unwrap_or(now);
        let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    parameters.not_before = day(-BACKDATED_HOURS);
    parameters.not_after = day(days * 24);
}

#[cfg(test)]
mod tests;

//! The cluster's own certificate authority, and the certificate of this node's server.
//!
//! Any certificate of this authority could speak on the cluster bus, so it signs servers only, never clients.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use justmanage_engine::certificate::{SERIAL_RANDOM, serial};
use justmanage_model::{ClusterId, Generation, HostName, NodeId, Record, Secret, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use ring::rand::{SecureRandom, SystemRandom};

use crate::directory::Directory;
use crate::secrets::AuthorityKey;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long the authority is valid. The agents replace it at two thirds of that; ten years keep a cluster that nobody looks at
/// from stopping by itself.
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3650);
/// How long a server's certificate is valid. The agent renews it by itself before two thirds of that are over
/// ([`justmanage_planner::renewed_at`]), so a key that got out is of use for at most this long.
const SERVER_LIFE: Duration = DAY.saturating_mul(90);
/// Certificates are valid from this long before they are made: the clocks of clients may be behind.
const BACKDATED: Duration = DAY;

/// The files that the server reads.
///
/// Certificate and private key are in one file, which is replaced whole: whoever is killed at whatever moment leaves a pair
/// that fits. (OpenSSL takes from a PEM file what it looks for, and passes over the rest.)
#[derive(Clone, Debug)]
pub struct ServerFiles {
    /// Its certificate.
    pub certificate: PathBuf,
    /// Its private key, in the same file.
    pub key: PathBuf,
    /// The certificates of the authorities that it trusts.
    pub authorities: PathBuf,
}

/// Where the server's files are.
pub fn server_files(directory: &Directory, record: &Record) -> ServerFiles {
    let pair = pair(directory);
    ServerFiles { certificate: pair.clone(), key: pair, authorities: directory.tls().join(record.authorities_file()) }
}

fn pair(directory: &Directory) -> PathBuf {
    directory.tls().join("server.pem")
}

/// Removes the files of authorities that the server has read before, and those that earlier agents wrote.
///
/// # Errors
/// The disk.
pub fn remove_others(directory: &Directory, record: &Record) -> io::Result<()> {
    let keep = server_files(directory, record).authorities;
    for entry in std::fs::read_dir(directory.tls())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path != keep && name.starts_with("ca") && name.ends_with(".crt") {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A new authority.
pub struct Made {
    /// Its certificate, PEM.
    pub certificate: String,
    /// What it issues with. Nothing is kept: it goes sealed into the Record.
    pub key: AuthorityKey,
    /// When it is to be replaced: at two thirds of its life.
    pub due: Timestamp,
}

/// A new authority. Each but the first of a cluster has the generation in its name that it came with: where two are trusted, a
/// client finds by name which one a certificate is of.
///
/// # Errors
/// No randomness.
pub fn found(cluster: ClusterId, named: Option<Generation>, now: Timestamp) -> io::Result<Made> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let certificate = authority(cluster, named, now).and_then(|parameters| parameters.self_signed(&key));
    let due = now.saturating_add(AUTHORITY_LIFE / 3 * 2).unwrap_or(Timestamp::MAX);
    let certificate = certificate.map_err(io::Error::other)?.pem();
    Ok(Made { certificate, key: AuthorityKey { named, key: Secret::new(key.serialize_pem()) }, due })
}

/// For whom a certificate is issued, and by which Record.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The node.
    pub node: NodeId,
    /// Where clients reach it.
    pub address: IpAddr,
    /// By which name clients are told of it, if by one.
    pub name: Option<&'a HostName>,
    /// The generation of the Record.
    pub generation: Generation,
}

/// Issues the server's certificate anew, with a new key, and writes both.
///
/// # Errors
/// The disk; or the authority's key is none.
pub fn issue(
    directory: &Directory,
    cluster: ClusterId,
    by: &AuthorityKey,
    to: Holder<'_>,
    now: Timestamp,
) -> io::Result<()> {
    let none = || io::Error::new(io::ErrorKind::InvalidData, "the key of the authority is no private key");
    let authority_key = KeyPair::from_pem(by.key.expose()).map_err(|_| none())?;
    // Only the name and the key of the issuer go into what it signs; its dates do not.
    let issuer = Issuer::new(authority(cluster, by.named, now).map_err(io::Error::other)?, authority_key);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let mut parameters = server(to, now).map_err(io::Error::other)?;
    let mut random = [0; SERIAL_RANDOM];
    SystemRandom::new().fill(&mut random).map_err(|_| io::Error::other("no random numbers"))?;
    parameters.serial_number = Some(serial(to.generation, random).into());
    let certificate = parameters.signed_by(&key, &issuer).map_err(io::Error::other)?;

    directory.make(&directory.tls())?;
    directory.write_bytes(&pair(directory), format!("{}{}", certificate.pem(), key.serialize_pem()).as_bytes())
}

fn authority(cluster: ClusterId, named: Option<Generation>, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    let which = named.map_or_else(String::new, |generation| format!(", generation {generation}"));
    parameters.distinguished_name.push(DnType::CommonName, format!("Just Manage cluster {cluster}{which}"));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut parameters, now, AUTHORITY_LIFE);
    Ok(parameters)
}

fn server(to: Holder<'_>, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let Holder { node, address, name, .. } = to;
    let mut names = vec![address.to_string()];
    names.extend(name.map(ToString::to_string));
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
    valid(&mut parameters, now, SERVER_LIFE);
    Ok(parameters)
}

/// From some time before now for so long.
fn valid(parameters: &mut CertificateParams, now: Timestamp, life: Duration) {
    let begin = rcgen::date_time_ymd(1970, 1, 1);
    let now = Duration::from_secs(now.as_second().unsigned_abs());
    parameters.not_before = begin + now.saturating_sub(BACKDATED);
    parameters.not_after = begin + (now + life);
}

#[cfg(test)]
mod tests;

//! Certificates and their authority, and how they are replaced under connections that live on.
//!
//! An authority is replaced in three steps: everybody trusts both, and clients have time to learn the new one ([`Announced`]);
//! every server gets a certificate of the new one ([`Issuing`]); nobody trusts the old one any more. At no moment does a
//! server show what somebody who has followed does not trust.
//!
//! [`Announced`]: Succession::Announced
//! [`Issuing`]: Succession::Issuing

use serde::{Deserialize, Serialize};

use super::Record;
use crate::spec::AUTHORITY_GRACE;
use crate::user::fingerprint_of;
use crate::{Generation, Interval, Timestamp};

/// How far certificates and their authority are in being replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Certificates that were issued by a Record of an earlier generation are to be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates_since: Option<Generation>,
    /// When the agents replace the authority by themselves; `None` of one that an older agent has made, which is replaced only
    /// when somebody asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_due: Option<Timestamp>,
    /// One authority follows another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succession: Option<Succession>,
    /// The user's word for the certificates that were replaced last ([`crate::Rotate`]), or are being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
    /// The same for the authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Servers are to use and to accept the passwords of the Record of this generation, or of a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords_since: Option<Generation>,
    /// One replication password follows another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_change: Option<PasswordChange>,
    /// The user's word for the replication password that was replaced last, or is being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_password: Option<String>,
}

/// One replication password follows another. Both are accepted meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordChange {
    /// The old one is used, until all servers accept the new one.
    Accepting,
    /// The new one is used; the old one is accepted until all servers use the new one.
    Using,
}

/// One authority follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Succession {
    /// Both are trusted, and certificates come from the old one.
    Announced {
        /// Since when, by the clock of whoever proposed it.
        at: Timestamp,
        /// A user asked for it. Otherwise the agents do it because the old one has come to age, and nobody may know of it.
        asked: bool,
    },
    /// Certificates come from the new one. The old one is trusted until every server shows such a certificate.
    Issuing,
}

/// How long clients have to learn to trust an authority that nobody asked for: a year, in which somebody applies, or deploys
/// clients. The old one has more than three years left then.
pub const AUTHORITY_NOTICE: Interval = Interval::seconds(365 * 86_400);

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

impl Rotation {
    /// Whether nothing was ever replaced, or is to be.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Record {
    /// Certificates of all authorities that are trusted, each PEM: one, or two while one follows another, the new one last.
    pub fn authorities(&self) -> impl DoubleEndedIterator<Item = &str> {
        let text = self.ca_certificate.as_deref().unwrap_or_default();
        let begins: Vec<usize> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
        let ends: Vec<usize> = begins.iter().skip(1).copied().chain([text.len()]).collect();
        begins.into_iter().zip(ends).map(move |(begin, end)| &text[begin..end])
    }

    /// The one of them that certificates come from now.
    #[must_use]
    pub fn issuing_authority(&self) -> Option<&str> {
        match self.rotation.succession {
            Some(Succession::Announced { .. }) => self.authorities().next(),
            Some(Succession::Issuing) | None => self.authorities().next_back(),
        }
    }

    /// Name of the file in which a node keeps their certificates. It follows from the content, so that a server that says which
    /// file it has read says whom it trusts.
    #[must_use]
    pub fn authorities_file(&self) -> String {
        format!("ca-{}.crt", fingerprint_of(self.ca_certificate.as_deref().unwrap_or_default()))
    }

    /// The cluster's first authority. Whatever was asked for by then has been done by it.
    pub fn found_authority(&mut self, certificate: String, due: Timestamp) {
        self.ca_certificate = Some(certificate);
        let Self { spec, rotation, .. } = self;
        rotation.authority_due = Some(due);
        rotation.certificates.clone_from(&spec.rotate.certificates);
        rotation.authority.clone_from(&spec.rotate.authority);
        rotation.replication_password.clone_from(&spec.rotate.replication_password);
    }

    /// Servers are to accept a new replication password beside the one that they use.
    pub fn accept_password(&mut self) {
        self.rotation.replication_password.clone_from(&self.spec.rotate.replication_password);
        self.change_passwords(Some(PasswordChange::Accepting));
    }

    /// Servers are to use the new replication password.
    pub fn use_password(&mut self) {
        self.change_passwords(Some(PasswordChange::Using));
    }

    /// Servers are to accept the new replication password alone.
    pub fn drop_password(&mut self) {
        self.change_passwords(None);
    }

    fn change_passwords(&mut self, change: Option<PasswordChange>) {
        self.rotation.password_change = change;
        self.rotation.passwords_since = Some(self.generation.next());
    }

    /// All servers are to have new certificates, from the next generation on.
    pub fn renew_certificates(&mut self) {
        self.rotation.certificates_since = Some(self.generation.next());
        if self.spec.rotate.certificates.is_some() {
            self.rotation.certificates.clone_from(&self.spec.rotate.certificates);
        }
    }

    /// A new authority is trusted beside the one that is there.
    pub fn announce_authority(&mut self, certificate: &str, at: Timestamp, due: Timestamp) {
        let before = self.ca_certificate.take().unwrap_or_default();
        let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
        self.ca_certificate = Some(format!("{before}{gap}{certificate}"));
        self.rotation.authority_due = Some(due);
        self.rotation.succession = Some(Succession::Announced { at, asked: false });
        self.ask_for_authority();
    }

    /// The authority that was announced is also the one that the user asks for, if they ask for one.
    pub fn ask_for_authority(&mut self) {
        let word = &self.spec.rotate.authority;
        if word.is_none() || *word == self.rotation.authority {
            return;
        }
        self.rotation.authority.clone_from(word);
        if let Some(Succession::Announced { asked, .. }) = &mut self.rotation.succession {
            *asked = true;
        }
    }

    /// Certificates come from the new authority, and every server is to have one.
    pub fn succeed_authority(&mut self) {
        self.rotation.succession = Some(Succession::Issuing);
        self.renew_certificates();
    }

    /// Only the new authority is trusted.
    pub fn drop_authority(&mut self) {
        let new = self.authorities().next_back().map(str::to_owned);
        self.ca_certificate = new;
        self.rotation.succession = None;
    }

    /// Until when clients have time to learn to trust an authority that was announced; `None` if none is.
    #[must_use]
    pub fn authority_announced_until(&self) -> Option<Timestamp> {
        let Some(Succession::Announced { at, asked }) = self.rotation.succession else { return None };
        let grace = match asked {
            true => self.spec.rotate.authority_grace.unwrap_or(AUTHORITY_GRACE),
            false => AUTHORITY_NOTICE,
        };
        Some(at.saturating_add(grace.duration()).unwrap_or(Timestamp::MAX))
    }
}

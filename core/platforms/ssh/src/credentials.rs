//! Whose keys log in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, Error, PrivateKey, decode_secret_key};

use crate::SshError;

/// The keys of OpenSSH in the user's directory, in the order in which `ssh` tries them. (RSA keys are for the SSH agent: what
/// signs with them in Rust leaks time, RUSTSEC-2023-0071.)
const USUAL: [&str; 2] = ["id_ed25519", "id_ecdsa"];
/// Where the SSH agent listens.
const AGENT: &str = "SSH_AUTH_SOCK";

/// Whose keys log in, and which hosts are known. Private keys stay in memory.
#[derive(Clone, Default)]
pub struct Credentials {
    pub(crate) keys: Vec<Arc<PrivateKey>>,
    pub(crate) agent: Option<PathBuf>,
    pub(crate) known_hosts: Vec<PathBuf>,
    /// Longest time to a login; without it the usual one.
    pub(crate) limit: Option<Duration>,
}

impl Credentials {
    /// With the SSH agent of the environment, the usual keys of the user, and the user's `known_hosts`: what `ssh` would use.
    /// Keys with a passphrase are for the agent; they are left out.
    #[must_use]
    pub fn of_user() -> Self {
        let folder = folder();
        let usual = folder.iter().flat_map(|folder| USUAL.map(|name| folder.join(name)));
        let keys = usual.filter_map(|path| decode(&std::fs::read_to_string(path).ok()?, None).ok());
        Self { keys: keys.map(Arc::new).collect(), agent: agent_of_user(), ..Self::none() }
    }

    /// With no way to log in yet, and the user's `known_hosts`.
    #[must_use]
    pub fn none() -> Self {
        Self { known_hosts: folder().map(|folder| folder.join("known_hosts")).into_iter().collect(), ..Self::default() }
    }

    /// With this key alone, and no SSH agent: the text of a private key (OpenSSH, PEM), or the path of one.
    ///
    /// # Errors
    /// [`SshError::Keys`]: there is no such file, it is no private key that can be used, or needs a passphrase and that is not
    /// this one.
    pub fn with_key(mut self, key: &str, passphrase: Option<&str>) -> Result<Self, SshError> {
        let text = match key.contains("PRIVATE KEY-----") {
            true => key.to_owned(),
            false => read(Path::new(key))?,
        };
        (self.keys, self.agent) = (Vec::new(), None);
        self.and_key(&text, passphrase)
    }

    /// With one key more, which is tried when those before it were not taken: the text of a private key. One that needs no
    /// passphrase is taken without.
    ///
    /// # Errors
    /// [`SshError::Keys`]: it is no private key that can be used, or needs a passphrase and that is not this one.
    pub fn and_key(mut self, text: &str, passphrase: Option<&str>) -> Result<Self, SshError> {
        self.keys.push(Arc::new(decode(text, passphrase)?));
        Ok(self)
    }

    /// With the SSH agent that listens here, and no keys of files.
    #[must_use]
    pub fn with_agent(mut self, socket: impl Into<PathBuf>) -> Self {
        self.keys.clear();
        self.and_agent(socket)
    }

    /// With the SSH agent that listens here, which is asked when no key was taken.
    #[must_use]
    pub fn and_agent(mut self, socket: impl Into<PathBuf>) -> Self {
        self.agent = Some(socket.into());
        self
    }

    /// Without any SSH agent.
    #[must_use]
    pub fn without_agent(mut self) -> Self {
        self.agent = None;
        self
    }

    /// With the hosts that this file knows.
    #[must_use]
    pub fn with_known_hosts(self, path: impl Into<PathBuf>) -> Self {
        self.with_known_hosts_of([path])
    }

    /// With the hosts that any of these files knows, and no others.
    #[must_use]
    pub fn with_known_hosts_of(mut self, paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.known_hosts = paths.into_iter().map(Into::into).collect();
        self
    }

    /// With this time to a login at most, through jump hosts where there are any.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// Says how many keys there are and not which.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, agent, known_hosts, limit } = self;
        f.debug_struct("Credentials")
            .field("keys", &keys.len())
            .field("agent", agent)
            .field("known_hosts", known_hosts)
            .field("limit", limit)
            .finish()
    }
}

/// Where the user's SSH agent listens, by the environment; nobody is called.
#[must_use]
pub fn agent_of_user() -> Option<PathBuf> {
    std::env::var_os(AGENT).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Whether a text is a private key that can be used, as far as that can be told without its passphrase, and so without the work that
/// trying one takes.
///
/// # Errors
/// [`SshError::Keys`]: it is none, is of a kind that cannot be used, or needs a passphrase and there is none.
pub fn check_key(text: &str, has_passphrase: bool) -> Result<(), SshError> {
    match decode_secret_key(text, None) {
        Ok(key) => supported(&key),
        // Which kind it is stands outside of what is encrypted.
        Err(_) if is_encrypted(text) => match PrivateKey::from_openssh(text).map(|key| supported(&key)) {
            Ok(Err(unsupported)) => Err(unsupported),
            _ if has_passphrase => Ok(()),
            _ => Err(unusable(&Error::KeyIsEncrypted, false)),
        },
        Err(error) => Err(unusable(&error, false)),
    }
}

/// The directory of the user's keys.
fn folder() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".ssh"))
}

fn read(path: &Path) -> Result<String, SshError> {
    std::fs::read_to_string(path).map_err(|error| SshError::Keys {
        why: format!("{}: {error}", path.display()),
        hint: "Give the path of a private key, or its text.".into(),
    })
}

fn decode(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, SshError> {
    // A passphrase may be another key's.
    let plain = decode_secret_key(text, None);
    let decoded = match (plain, passphrase) {
        (Err(_), Some(_)) if is_encrypted(text) => decode_secret_key(text, passphrase),
        (Err(_), None) if is_encrypted(text) => Err(Error::KeyIsEncrypted),
        (plain, _) => plain,
    };
    let key = decoded.map_err(|error| unusable(&error, passphrase.is_some()))?;
    supported(&key)?;
    Ok(key)
}

/// Whether a key that cannot be read without a passphrase is one that has one.
fn is_encrypted(text: &str) -> bool {
    let pem = text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED");
    pem || matches!(decode_secret_key(text, None), Err(Error::KeyIsEncrypted))
}

/// Whether we sign with keys of this kind. Others can be read, and would fail when the host asks for a proof.
fn supported(key: &PrivateKey) -> Result<(), SshError> {
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(()),
        _ => Err(other_kind()),
    }
}

fn other_kind() -> SshError {
    SshError::Keys {
        why: "keys of this kind are used through an SSH agent alone".to_owned(),
        hint: "Ed25519 and ECDSA keys can be given; put others into an SSH agent (ssh-add), or make one with \
               ssh-keygen -t ed25519."
            .to_owned(),
    }
}

/// Why a key cannot be used. What it says is never shown.
fn unusable(error: &Error, with_passphrase: bool) -> SshError {
    let (why, hint) = match error {
        Error::KeyIsEncrypted => {
            ("it needs a passphrase", "Give the passphrase, or put the key into an SSH agent (ssh-add).")
        }
        Error::UnsupportedKeyType { .. } | Error::UnknownAlgorithm(_) => return other_kind(),
        _ if with_passphrase => {
            ("it is no private key, or the passphrase is not its own", "Look whether ssh-keygen -y -f can read it.")
        }
        _ => ("it is no private key that can be read", "Give what ssh-keygen -t ed25519 makes."),
    };
    SshError::Keys { why: why.to_owned(), hint: hint.to_owned() }
}

//! Whose keys log in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{PrivateKey, decode_secret_key};

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
    pub(crate) known_hosts: Option<PathBuf>,
}

impl Credentials {
    /// With the SSH agent of the environment, the usual keys of the user, and the user's `known_hosts`: what `ssh` would use.
    /// Keys with a passphrase are for the agent; they are left out.
    #[must_use]
    pub fn of_user() -> Self {
        let folder = std::env::home_dir().map(|home| home.join(".ssh"));
        let usual = folder.iter().flat_map(|folder| USUAL.map(|name| folder.join(name)));
        let keys = usual.filter_map(|path| decode_secret_key(&std::fs::read_to_string(path).ok()?, None).ok());
        Self {
            keys: keys.map(Arc::new).collect(),
            agent: std::env::var_os(AGENT).filter(|path| !path.is_empty()).map(PathBuf::from),
            known_hosts: folder.map(|folder| folder.join("known_hosts")),
        }
    }

    /// With this key alone, and no SSH agent: the text of a private key (OpenSSH, PEM), or the path of one.
    ///
    /// # Errors
    /// [`SshError::Keys`]: there is no such file, it is no private key, or needs a passphrase and that is not this one.
    pub fn with_key(mut self, key: &str, passphrase: Option<&str>) -> Result<Self, SshError> {
        let text = match key.contains("PRIVATE KEY-----") {
            true => key.to_owned(),
            false => read(Path::new(key))?,
        };
        let decoded = decode_secret_key(&text, passphrase).map_err(|error| unusable(&error, passphrase.is_some()))?;
        (self.keys, self.agent) = (vec![Arc::new(decoded)], None);
        Ok(self)
    }

    /// With the SSH agent that listens here, and no keys of files.
    #[must_use]
    pub fn with_agent(mut self, socket: impl Into<PathBuf>) -> Self {
        (self.keys, self.agent) = (Vec::new(), Some(socket.into()));
        self
    }

    /// With the hosts that this file knows.
    #[must_use]
    pub fn with_known_hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.known_hosts = Some(path.into());
        self
    }
}

/// Says how many keys there are and not which.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, agent, known_hosts } = self;
        f.debug_struct("Credentials")
            .field("keys", &keys.len())
            .field("agent", agent)
            .field("known_hosts", known_hosts)
            .finish()
    }
}

fn read(path: &Path) -> Result<String, SshError> {
    std::fs::read_to_string(path).map_err(|error| SshError::Keys {
        why: format!("{}: {error}", path.display()),
        hint: "Give the path of a private key, or its text.".into(),
    })
}

/// Why a key cannot be used. What it says is never shown.
fn unusable(error: &russh::keys::Error, with_passphrase: bool) -> SshError {
    let (why, hint) = match error {
        russh::keys::Error::KeyIsEncrypted => {
            ("it needs a passphrase", "Give the passphrase, or put the key into an SSH agent (ssh-add).")
        }
        russh::keys::Error::UnsupportedKeyType { .. } => (
            "keys of this kind are used through an SSH agent alone",
            "Put it into an SSH agent (ssh-add), or make a key with ssh-keygen -t ed25519.",
        ),
        _ if with_passphrase => {
            ("it is no private key, or the passphrase is not its own", "Look whether ssh-keygen -y -f can read it.")
        }
        _ => ("it is no private key that can be read", "Give what ssh-keygen -t ed25519 makes."),
    };
    SshError::Keys { why: why.to_owned(), hint: hint.to_owned() }
}

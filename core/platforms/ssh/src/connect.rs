//! A connection to a host: over jump hosts where there are any, with the host's key looked at, and logged in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use justmanage_model::pool::{Host, HostKey};
use russh::client::{self, AuthResult, Handle, Handler};
use russh::keys::agent::client::AgentClient;
use russh::keys::known_hosts::known_host_keys_path;
use russh::keys::ssh_key::PublicKey;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::{Credentials, SshError, command};

/// Longest time to a login, if nothing else is said. A host that is up answers within a second; what lies between may need a few.
const LIMIT: Duration = Duration::from_secs(20);
/// A host that says nothing is asked whether it is still there so often, and given up after so many questions.
const KEEPALIVE: Duration = Duration::from_secs(5);
const QUESTIONS: usize = 3;

/// A connection that is logged in.
pub(crate) struct Session {
    pub(crate) handle: Handle<Client>,
    /// The jump host's, which ends with this one.
    _through: Option<Box<Session>>,
}

impl Session {
    pub(crate) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }
}

/// What decides about a host's key while the connection is made.
pub(crate) struct Client {
    host: Host,
    known: Vec<PublicKey>,
}

/// Why a connection was not made: ours, which has the reasons, or the library's.
#[derive(Debug)]
pub(crate) enum Refusal {
    Ours(SshError),
    Library(russh::Error),
}

impl From<russh::Error> for Refusal {
    fn from(error: russh::Error) -> Self {
        Self::Library(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(error) => error.fmt(f),
            Self::Library(error) => error.fmt(f),
        }
    }
}

impl Handler for Client {
    type Error = Refusal;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        let key = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key,
            PublicKeyOrCertificate::Certificate(_) => {
                return Err(Refusal::Ours(self.unknown("it shows a certificate".into(), "Pin the host's own key.")));
            }
        };
        self.look_at(key).map(|()| true).map_err(Refusal::Ours)
    }
}

impl Client {
    /// Whether this is the key of the host.
    fn look_at(&self, key: &PublicKey) -> Result<(), SshError> {
        let print = key.fingerprint(HashAlg::Sha256).to_string();
        let pinned = &self.host.keys;
        if pinned.iter().any(|pin| is(pin, key, &print)) {
            return Ok(());
        }
        if !pinned.is_empty() {
            let expected: Vec<&str> = pinned.iter().map(HostKey::as_str).collect();
            let why = format!("it shows {print}, and {} is pinned", expected.join(" or "));
            return Err(self.unknown(
                why,
                "If the host was installed anew, pin its new key. If not, somebody is between you and it: do not go on.",
            ));
        }
        if self.known.iter().any(|known| known.key_data() == key.key_data()) {
            return Ok(());
        }
        let algorithm = key.algorithm();
        if self.known.iter().any(|known| known.algorithm() == algorithm) {
            return Err(self.unknown(
                format!("it shows {print}, and known_hosts has another key of this kind"),
                "If the host was installed anew, remove its old line (ssh-keygen -R). If not, somebody is between you and it.",
            ));
        }
        let address = &self.host.address;
        Err(self.unknown(
            format!("it shows {print}, and nobody has said whose key that is"),
            &format!(
                "Compare it with what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the host, and pin it \
                 (host_keys = [\"{print}\"]), or add the host to known_hosts (ssh-keyscan {address})."
            ),
        ))
    }

    fn unknown(&self, why: String, hint: &str) -> SshError {
        SshError::Unknown { host: self.host.to_string(), why, hint: hint.to_owned() }
    }
}

/// Whether a pin means a key, which has this fingerprint.
fn is(pin: &HostKey, key: &PublicKey, print: &str) -> bool {
    match pin.as_str().strip_prefix("SHA256:") {
        Some(_) => pin.as_str() == print,
        None => PublicKey::from_openssh(pin.as_str()).is_ok_and(|pinned| pinned.key_data() == key.key_data()),
    }
}

/// Connects and logs in.
pub(crate) async fn connect(host: &Host, credentials: &Credentials) -> Result<Session, SshError> {
    let limit = credentials.limit.unwrap_or(LIMIT);
    let late = |_| Err(unreachable(host, format!("it did not let anybody in within {} s", limit.as_secs())));
    tokio::time::timeout(limit, connect_now(host, credentials)).await.unwrap_or_else(late)
}

/// Boxed, since the way to a host may lead through another.
fn connect_now<'a>(
    host: &'a Host,
    credentials: &'a Credentials,
) -> Pin<Box<dyn Future<Output = Result<Session, SshError>> + Send + 'a>> {
    Box::pin(async move {
        let Some(jump) = &host.jump else {
            let stream = TcpStream::connect((host.address.as_str(), host.port)).await;
            let stream = stream.map_err(|error| unreachable(host, error.to_string()))?;
            let _ = stream.set_nodelay(true);
            let handle = log_in(host, credentials, stream).await?;
            return Ok(Session { handle, _through: None });
        };
        let through = connect_now(jump, credentials).await?;
        let stream = command::tunnel(&through.handle, &jump.to_string(), (&host.address, host.port)).await?;
        let handle = log_in(host, credentials, stream).await?;
        Ok(Session { handle, _through: Some(Box::new(through)) })
    })
}

async fn log_in<S>(host: &Host, credentials: &Credentials, stream: S) -> Result<Handle<Client>, SshError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = client::Config {
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: QUESTIONS,
        nodelay: true,
        ..Default::default()
    };
    let known = credentials.known_hosts.iter().map(|path| known_host_keys_path(&host.address, host.port, path));
    let known = known.filter_map(Result::ok).flatten().map(|(_, key)| key).collect();
    let client = Client { host: host.clone(), known };
    let mut handle =
        client::connect_stream(Arc::new(config), stream, client).await.map_err(|refusal| match refusal {
            Refusal::Ours(error) => error,
            Refusal::Library(error) => unreachable(host, error.to_string()),
        })?;
    authenticate(&mut handle, host, credentials).await?;
    Ok(handle)
}

/// Shows one key after the other until one is taken: those that were given, then those of the agent.
async fn authenticate(handle: &mut Handle<Client>, host: &Host, credentials: &Credentials) -> Result<(), SshError> {
    let broken = |error: &dyn fmt::Display| unreachable(host, error.to_string());
    let mut tried = Vec::new();
    for key in &credentials.keys {
        let print = key.fingerprint(HashAlg::Sha256).to_string();
        let with_hash = PrivateKeyWithHashAlg::new(key.clone(), None);
        let answer = handle.authenticate_publickey(&host.user, with_hash).await.map_err(|error| broken(&error))?;
        if taken(&answer, &mut tried, print) {
            return Ok(());
        }
    }
    if let Some(socket) = &credentials.agent {
        let stream = UnixStream::connect(socket).await;
        let agent = match stream {
            Ok(stream) => Ok(AgentClient::connect(stream)),
            Err(error) => Err(format!("the SSH agent at {} does not answer ({error})", socket.display())),
        };
        match agent {
            Ok(mut agent) => {
                let identities = agent.request_identities().await.map_err(|error| broken(&error))?;
                for identity in identities {
                    let key = identity.public_key().into_owned();
                    let print = key.fingerprint(HashAlg::Sha256).to_string();
                    let hash = match key.algorithm().is_rsa() {
                        true => handle.best_supported_rsa_hash().await.ok().flatten().flatten(),
                        false => None,
                    };
                    let answer = handle.authenticate_publickey_with(&host.user, key, hash, &mut agent).await;
                    // An agent that does not sign with one key (it asked somebody, who said no) may do so with the next.
                    if answer.is_ok_and(|answer| taken(&answer, &mut tried, print)) {
                        return Ok(());
                    }
                }
            }
            Err(why) => tried.push(why),
        }
    }
    let why = match tried.as_slice() {
        [] => "there was no key to show: give one, or start an SSH agent that has one".to_owned(),
        tried => format!("tried {}", tried.join(", ")),
    };
    Err(SshError::Denied { host: host.to_string(), user: host.user.clone(), why })
}

fn taken(answer: &AuthResult, tried: &mut Vec<String>, print: String) -> bool {
    tried.push(print);
    answer.success()
}

fn unreachable(host: &Host, why: String) -> SshError {
    SshError::Unreachable { host: host.to_string(), why }
}

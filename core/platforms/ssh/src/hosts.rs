//! One connection for each host, kept while it works.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_model::pool::Host;
use tokio::sync::OnceCell;

use crate::command::{self, Tunnel};
use crate::connect::{self, Session};
use crate::{Credentials, Output, SshError};

/// Hosts that are reached with the same credentials. Each is logged in to once; whoever comes meanwhile waits for that.
pub struct Hosts {
    credentials: Credentials,
    sessions: Mutex<HashMap<Host, Arc<OnceCell<Session>>>>,
}

impl Hosts {
    /// With these credentials; nobody is called yet.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, sessions: Mutex::default() }
    }

    /// Runs a command on a host, by the login shell of its user, with this input. Past the limit the connection is given up: the
    /// host then ends what still runs there, or not.
    ///
    /// # Errors
    /// Only before it ran ([`SshError::Unreachable`], [`SshError::Unknown`], [`SshError::Denied`]), or when nobody knows how far it
    /// came ([`SshError::Broken`], [`SshError::Late`]). A command that fails is an [`Output`].
    pub async fn run(&self, host: &Host, command: &str, input: &[u8], limit: Duration) -> Result<Output, SshError> {
        let session = self.session(host).await?;
        let session =
            session.get().ok_or_else(|| SshError::Broken { host: host.to_string(), why: "no session".into() })?;
        let output = command::run(&session.handle, &host.to_string(), command, input, limit).await;
        if let Err(SshError::Broken { .. } | SshError::Late { .. }) = &output {
            self.forget(host);
        }
        output
    }

    /// A connection through a host to an address that it reaches.
    ///
    /// # Errors
    /// The host cannot be reached, or cannot reach the address.
    pub async fn tunnel(&self, host: &Host, to: (&str, u16)) -> Result<Tunnel, SshError> {
        let session = self.session(host).await?;
        let session =
            session.get().ok_or_else(|| SshError::Broken { host: host.to_string(), why: "no session".into() })?;
        command::tunnel(&session.handle, &host.to_string(), to).await
    }

    /// The session of a host: the one that is there and works, or a new one.
    async fn session(&self, host: &Host) -> Result<Arc<OnceCell<Session>>, SshError> {
        let cell = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let cell = sessions.entry(host.clone()).or_default();
            if cell.get().is_some_and(Session::is_closed) {
                *cell = Arc::default();
            }
            cell.clone()
        };
        cell.get_or_try_init(|| connect::connect(host, &self.credentials)).await?;
        Ok(cell)
    }

    fn forget(&self, host: &Host) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }
}

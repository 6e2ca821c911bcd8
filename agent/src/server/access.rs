//! How the agent calls its own server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use justmanage_engine::connection::TrustError;
use justmanage_engine::{CallError, Connection, Login, Trust};
use justmanage_model::{Record, Secret};

/// Longest time for one answer of the server. A command of a client that takes longer blocks the server for everybody:
/// that is worth being seen as hung.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Where the server is, and as whom the agent logs in.
#[derive(Clone)]
pub struct ServerAccess {
    address: SocketAddr,
    login: Arc<Login>,
}

impl ServerAccess {
    /// The server at an address.
    pub fn new(address: SocketAddr, login: Login) -> Self {
        Self { address, login: Arc::new(login) }
    }

    /// The agent's password.
    pub fn password(&self) -> &Secret<String> {
        &self.login.password
    }

    /// A new connection, logged in as the agent.
    ///
    /// # Errors
    /// As every call.
    pub async fn connect(&self, record: &Record) -> Result<Connection, CallError> {
        self.connect_as(record, &self.login).await
    }

    /// The same as somebody else.
    ///
    /// # Errors
    /// As every call.
    pub async fn connect_as(&self, record: &Record, login: &Login) -> Result<Connection, CallError> {
        if record.spec.testing.plaintext {
            return Connection::open_plaintext(self.address, login, ANSWER_LIMIT).await;
        }
        let authority = record.ca_certificate.as_deref().unwrap_or_default();
        let trust = Trust::from_pem(authority).map_err(|error: TrustError| CallError::Refused {
            call: "the connection".to_owned(),
            said: error.to_string(),
        })?;
        Connection::open(self.address, &trust, login, ANSWER_LIMIT).await
    }
}

//! How the probe gets into the servers of its shard.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use justmanage_engine::probe::PROBE_USER;
use justmanage_engine::{CallError, Connection, Login, Trust};
use justmanage_model::{Record, Secret};

use crate::secrets::ClusterSecrets;

/// Longest time for one answer. A handover holds a write back for tens of milliseconds; after half a second without an answer
/// another server is asked.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// As whom, and whom to trust.
#[derive(Clone)]
pub(super) struct Access {
    /// `None` where there is no TLS, in tests.
    authority: Option<String>,
    password: Secret<String>,
}

impl Access {
    /// To the servers of a cluster.
    pub(super) fn to(record: &Record, secrets: &ClusterSecrets) -> Self {
        let authority = (!record.spec.testing.plaintext).then(|| record.ca_certificate.clone().unwrap_or_default());
        Self { authority, password: secrets.probe_password() }
    }

    /// A new connection, logged in.
    pub(super) async fn connect(&self, at: SocketAddr) -> Result<Connection, CallError> {
        let login = Login { user: PROBE_USER.to_owned(), password: self.password.clone() };
        let Some(authority) = &self.authority else {
            return Connection::open_plaintext(at, &login, ANSWER_LIMIT).await;
        };
        let trust = Trust::from_pem(authority)
            .map_err(|error| CallError::Refused { call: "the connection".to_owned(), said: error.to_string() })?;
        Connection::open(at, &trust, &login, ANSWER_LIMIT).await
    }
}

impl PartialEq for Access {
    fn eq(&self, other: &Self) -> bool {
        self.authority == other.authority && self.password.expose() == other.password.expose()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(..)")
    }
}

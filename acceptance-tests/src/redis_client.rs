//! A client of Redis or Valkey over TLS, as an ACL user.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use redis::{Client, Connection, RedisResult, TlsCertificates};

/// What a client needs to get in.
#[derive(Debug, Clone)]
pub struct Login {
    /// `host:port`, as the cluster's `endpoints` name it.
    pub endpoint: String,
    /// The cluster's CA certificate, PEM.
    pub ca: String,
    /// The ACL user.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);

impl Login {
    /// Connects and authenticates. The server must show a certificate of this CA for the name in `endpoint`.
    ///
    /// # Errors
    /// The client's, for a refused connection, certificate or password.
    pub fn connect(&self) -> RedisResult<Connection> {
        let trusted = TlsCertificates { client_tls: None, root_cert: Some(self.ca.clone().into_bytes()) };
        let connection = Client::build_with_tls(self.url(), trusted)?.get_connection_with_timeout(ANSWER)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.set_write_timeout(Some(ANSWER))?;
        Ok(connection)
    }

    /// It as a URL.
    pub fn url(&self) -> String {
        let endpoint = self.endpoint.trim_start_matches("rediss://");
        let (user, password) = (encode(&self.user), encode(&self.password));
        format!("rediss://{user}:{password}@{endpoint}")
    }
}

/// Percent-encoding for the user and password part of a URL.
fn encode(text: &str) -> String {
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_any_bytes_survive_the_url() {
        assert_eq!(encode("a/b@c:d%é"), "a%2Fb%40c%3Ad%25%C3%A9");
        assert_eq!(encode("Az09-._~"), "Az09-._~");
    }
}

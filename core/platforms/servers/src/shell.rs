//! Whoever carries scripts out on hosts.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::pool::Host;
use justmanage_platforms::Stream;
use justmanage_ssh::{Hosts, Output, SshError};

use crate::script::{ENTRY, Script};

/// Hosts on which scripts can be carried out.
#[async_trait]
pub trait Shell: Send + Sync {
    /// Carries a script out, and waits so long for its end.
    ///
    /// # Errors
    /// It did not begin ([`SshError::Unreachable`], [`SshError::Unknown`], [`SshError::Denied`], [`SshError::Keys`]), or nobody knows how
    /// far it came ([`SshError::Broken`], [`SshError::Late`]). A script that fails is an [`Output`].
    async fn carry_out(&self, host: &Host, script: &Script, limit: Duration) -> Result<Output, SshError>;

    /// A connection from the host to an address that it reaches.
    ///
    /// # Errors
    /// The host cannot be reached, or does not reach the address, or lets nobody do that.
    async fn dial(&self, host: &Host, to: SocketAddr) -> Result<Box<dyn Stream>, SshError>;
}

/// Over SSH.
#[async_trait]
impl Shell for Hosts {
    async fn carry_out(&self, host: &Host, script: &Script, limit: Duration) -> Result<Output, SshError> {
        let command = command(&host.user, script.as_root());
        self.run(host, &command, &script.stdin(), limit).await
    }

    async fn dial(&self, host: &Host, to: SocketAddr) -> Result<Box<dyn Stream>, SshError> {
        let address = to.ip().to_string();
        Ok(Box::new(self.tunnel(host, (address.as_str(), to.port())).await?))
    }
}

/// What the login shell of a user is told: in single quotes, which mean the same to all of them.
fn command(user: &str, as_root: bool) -> String {
    let sudo = if as_root && user != "root" { "sudo -n " } else { "" };
    format!("{sudo}sh -c 'ROOT=; {ENTRY}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_not_root_becomes_it_and_only_where_that_is_needed() {
        for (user, as_root, sudo) in [("root", true, false), ("admin", true, true), ("admin", false, false)] {
            assert_eq!(command(user, as_root).starts_with("sudo -n sh -c "), sudo, "{user} {as_root}");
        }
        assert_eq!(command("admin", true).matches('\'').count(), 2, "no quote ends the quotes");
    }
}

//! What can go wrong on the way to a host, by what the caller can do about it.

/// An error of SSH. The texts are for users.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SshError {
    /// It does not answer, or not with SSH; trying again may help.
    #[error("{host} is not reachable by SSH: {why}")]
    Unreachable {
        /// Which host.
        host: String,
        /// In the words of whoever failed.
        why: String,
    },
    /// Whoever answers is not known to be the host.
    #[error("{host} is not known to be who it is to be: {why}")]
    Unknown {
        /// Which host.
        host: String,
        /// What it showed, and what was expected.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The host does not let us in.
    #[error("{host} does not let {user} in: {why}")]
    Denied {
        /// Which host.
        host: String,
        /// As whom.
        user: String,
        /// What was tried.
        why: String,
    },
    /// The keys to log in with cannot be used at all.
    #[error("no key to log in with: {why}")]
    Keys {
        /// Which key, and what is wrong with it.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The connection broke while a command ran: nobody knows how far it came.
    #[error("the connection to {host} broke: {why}")]
    Broken {
        /// Which host.
        host: String,
        /// In the words of whoever failed.
        why: String,
    },
    /// A command did not come to an end.
    #[error("{host} did not answer within {seconds} s")]
    Late {
        /// Which host.
        host: String,
        /// The limit.
        seconds: u64,
    },
}

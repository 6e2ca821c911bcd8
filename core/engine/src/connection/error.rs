//! Why a call has no answer.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a call has no answer, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody is there, or no longer: try again later.
    #[error("the server at {address} cannot be reached")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Somebody is there who is not of this cluster, or whose certificate has expired.
    #[error("the server at {address} has no certificate of this cluster")]
    Untrusted {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: rustls::Error,
    },
    /// No answer in time; what was asked for may have been done or not. The connection cannot be used any more.
    #[error("the server did not answer {call} within {} ms", limit.as_millis())]
    TimedOut {
        /// Which call.
        call: String,
        /// The limit.
        limit: Duration,
    },
    /// The login or a call is not allowed: the user's password or rules are not what was thought.
    #[error("the server denies {call}: {said}")]
    Denied {
        /// Which call.
        call: String,
        /// The server's words.
        said: String,
    },
    /// The server is reading its data; try again later.
    #[error("the server is still reading its data")]
    Loading,
    /// The server cannot do it as it sees the cluster now: it does not know the other server yet, or that one is not yet, or no
    /// longer, what it was taken for. Look again, and decide anew.
    #[error("the server cannot do {call} now: {said}")]
    NotNow {
        /// Which call.
        call: String,
        /// The server's words.
        said: String,
    },
    /// The server does not do it; trying again does not help.
    #[error("the server refuses {call}: {said}")]
    Refused {
        /// Which call.
        call: String,
        /// The server's words.
        said: String,
    },
    /// An answer that is no answer to the question.
    #[error("the server answers {call} with something else: {said}")]
    Unexpected {
        /// Which call.
        call: String,
        /// What it was.
        said: String,
    },
}

/// What an answer that is an error means.
pub(crate) fn refusal(call: &str, said: String) -> CallError {
    let call = call.to_owned();
    match said.split(' ').next().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => CallError::Denied { call, said },
        "LOADING" => CallError::Loading,
        // Of a call about keys: the server does not serve them now, or not any more.
        "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" => CallError::NotNow { call, said },
        _ => CallError::Refused { call, said },
    }
}

/// What a failure of the wire means.
pub(crate) fn unreachable(address: SocketAddr, source: io::Error) -> CallError {
    // tokio-rustls wraps what rustls found into an io::Error.
    let tls = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
    match tls {
        Some(source) => CallError::Untrusted { address, source },
        None => CallError::Unreachable { address, source },
    }
}

//! Ways to an agent whose own address leads nowhere from here: over SSH through its host, say.

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection, whatever it is made of.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections that all lead to one place.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A new connection.
    ///
    /// # Errors
    /// What lies between does not let it through; trying again may help.
    async fn dial(&self) -> io::Result<Box<dyn Stream>>;
}

/// A way to one agent. It is only a way: who answers at its end still has to prove the agent's key.
#[derive(Clone)]
pub struct Way {
    over: String,
    dial: Arc<dyn Dial>,
}

impl Way {
    /// Over this, as people call it.
    pub fn new(over: impl Into<String>, dial: Arc<dyn Dial>) -> Self {
        Self { over: over.into(), dial }
    }

    /// A new connection.
    ///
    /// # Errors
    /// As [`Dial::dial`].
    pub async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        self.dial.dial().await
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Way").field(&self.over).finish()
    }
}

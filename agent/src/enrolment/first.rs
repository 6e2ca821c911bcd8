//! Whom the agent obeys before there is a Record.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use justmanage_model::Pin;
use justmanage_model::node::NodeOrder;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::directory::Directory;

/// `enrolled.json`: that the token was used, and by whom. One file, since the one must not be there without the other.
#[derive(Deserialize, Serialize)]
struct Enrolled {
    operator: Pin,
}

/// The operators whom the agent's order names, and the one who has enrolled it. Clones are the same.
#[derive(Clone, Debug)]
pub struct FirstOperators {
    named: Arc<BTreeSet<Pin>>,
    has_token: bool,
    enrolled_by: watch::Sender<Option<Pin>>,
}

impl FirstOperators {
    /// Those of the node in a directory.
    ///
    /// # Errors
    /// The disk.
    pub fn read(directory: &Directory, order: &NodeOrder) -> io::Result<Self> {
        let enrolled: Option<Enrolled> = directory.read(&directory.enrolled())?;
        Ok(Self {
            named: Arc::new(order.operators.clone()),
            has_token: order.token.is_some(),
            enrolled_by: watch::Sender::new(enrolled.map(|enrolled| enrolled.operator)),
        })
    }

    /// Whether this is one of them.
    pub fn contains(&self, pin: &Pin) -> bool {
        self.named.contains(pin) || self.enrolled_by() == Some(*pin)
    }

    /// All of them.
    pub fn pins(&self) -> BTreeSet<Pin> {
        self.named.iter().copied().chain(self.enrolled_by()).collect()
    }

    /// Whether it may still be anybody: there is a token, nobody has used it, and the order names nobody.
    pub fn may_be_anybody(&self) -> bool {
        self.has_token && self.pins().is_empty()
    }

    /// Learns who has enrolled the agent.
    pub fn watch(&self) -> watch::Receiver<Option<Pin>> {
        self.enrolled_by.subscribe()
    }

    /// Whom the order names.
    pub(super) fn named(&self) -> &BTreeSet<Pin> {
        &self.named
    }

    /// Who has enrolled the agent.
    pub(super) fn enrolled_by(&self) -> Option<Pin> {
        *self.enrolled_by.borrow()
    }

    /// From now on, and for good, this one has enrolled the agent.
    pub(super) fn enrol(&self, directory: &Directory, operator: Pin) -> io::Result<()> {
        directory.write(&directory.enrolled(), &Enrolled { operator })?;
        self.enrolled_by.send_replace(Some(operator));
        Ok(())
    }
}

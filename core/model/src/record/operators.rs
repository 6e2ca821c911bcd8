//! Who may change the cluster.

use std::collections::BTreeSet;

use super::Record;
use crate::Pin;

impl Record {
    /// Names the operators as whoever applies wants them: those who are listed, and the one whose key is in use, so that nobody shuts
    /// themselves out. Where the list is as it was, nobody goes: of two who are listed by neither, each would throw the other out.
    ///
    /// To be called while the spec is still as it was.
    pub fn set_operators(&mut self, used: Pin, listed: &BTreeSet<Pin>) {
        if *listed != self.spec.operator_keys {
            self.operators.clear();
        }
        self.operators.insert(used);
        self.operators.extend(listed);
    }
}

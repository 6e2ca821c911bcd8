//! When changes are made that disturb servers.

use serde::{Deserialize, Serialize};

use crate::window::words;

/// When changes are made that need servers to be restarted, one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// When they are applied.
    #[default]
    Immediately,
    /// When the maintenance window is open.
    InWindow,
}

impl Apply {
    /// Whether nothing waits for the window.
    #[must_use]
    pub const fn is_immediately(&self) -> bool {
        matches!(self, Self::Immediately)
    }
}

words!(
    Apply,
    "Time of changes not known",
    "Write \"immediately\" or \"in_window\".",
    "immediately" => Immediately, "in_window" => InWindow
);

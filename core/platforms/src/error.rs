//! What can go wrong with machines, by what the caller can do about it.

/// An error of a platform. The texts are for users: what happened, and in `hint` what to do.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// It is not there (any more).
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// We may not.
    #[error("no permission: {what}")]
    Denied {
        /// What was refused.
        what: String,
        /// What would give the permission.
        hint: String,
    },
    /// There is no room; trying again does not help until somebody frees some.
    #[error("no capacity: {what}")]
    Quota {
        /// What ran out.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Somebody else has it, or is at it at this moment.
    #[error("in use: {what}")]
    Conflict {
        /// What is in use, and by whom.
        what: String,
        /// What to do.
        hint: String,
    },
    /// It does not answer; trying again may help.
    #[error("unreachable: {what}")]
    Unreachable {
        /// What does not answer.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The order cannot be carried out as it is.
    #[error("{what}")]
    Invalid {
        /// Which setting.
        field: String,
        /// What is wrong with it.
        what: String,
        /// What would be right.
        hint: String,
    },
    /// The machine's own software failed.
    #[error("{what}")]
    Failed {
        /// What failed, with the software's own words.
        what: String,
        /// What to do.
        hint: String,
    },
}

impl PlatformError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { .. } => None,
            Self::Denied { hint, .. }
            | Self::Quota { hint, .. }
            | Self::Conflict { hint, .. }
            | Self::Unreachable { hint, .. }
            | Self::Invalid { hint, .. }
            | Self::Failed { hint, .. } => Some(hint),
        }
    }
}

//! How an agent stands to the group that agrees on the Record.

use std::time::Instant;

use justmanage_model::NodeId;

/// How this agent stands to the group. Its copy of the Record is worth as much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has no Record, and nobody told it whom to trust.
    Uninvited,
    /// An operator told it whom to trust; it has not heard of a Record yet.
    Invited,
    /// It votes, and follows. Its copy is as new as the leader's last sign of life, at most half a second as a rule.
    Follower {
        /// Who leads; `None`: for the moment nobody is known to.
        leader: Option<NodeId>,
    },
    /// It votes and leads, and a majority has confirmed that within the last two seconds. There is at most one leader whom
    /// a majority confirms.
    Leader {
        /// Since when.
        since: Instant,
    },
    /// It belongs to the cluster and does not vote; it follows.
    Observer {
        /// Whom it hears from; `None`: nobody answers it, and its copy gets old.
        from: Option<NodeId>,
    },
    /// It votes, and no majority is in reach: nothing can change, and its copy gets old.
    NoMajority {
        /// Since when.
        since: Instant,
    },
    /// It was removed from the cluster: so says the leader, or, where nobody leads, one who knows of a later Record. Its copy is the
    /// last one that it saw, and stays so.
    Removed,
    /// It cannot use its own copy on disk.
    Broken {
        /// Why, and what to do about it.
        why: String,
    },
}

impl Standing {
    /// Whether this agent leads, confirmed by a majority.
    #[must_use]
    pub const fn leads(&self) -> bool {
        matches!(self, Self::Leader { .. })
    }

    /// Whether its copy is as new as the majority's, but for the time that a message takes.
    #[must_use]
    pub const fn hears_the_majority(&self) -> bool {
        matches!(self, Self::Leader { .. } | Self::Follower { leader: Some(_) } | Self::Observer { from: Some(_) })
    }
}

//! The trait that an ephemeral resource's author implements: something that exists for one run, and is in no state.

use std::time::SystemTime;

use async_trait::async_trait;

use crate::context::Cx;
use crate::model::{Model, View};
use crate::{Diagnostic, Diagnostics};

/// A kind of thing that Terraform opens when it needs it and closes afterwards: `ephemeral "NAME_TYPE"`, which needs
/// Terraform 1.10. What it results in is never stored; it reaches provider blocks, other ephemeral resources and write-only
/// attributes.
///
/// One run opens it several times: `terraform apply` does while it plans and again while it applies. Nothing promises that
/// it is closed: Terraform 1.11 does not when what depends on it fails, and may be killed. So it must also end by itself.
#[async_trait]
pub trait Ephemeral: Send + Sync + 'static {
    /// The attributes: what is wanted, and the result (computed).
    type Model: Model;
    /// What the provider's `connect` makes.
    type Client: Send + Sync + 'static;

    /// The type's name without the provider's.
    const TYPE: &'static str;

    /// Checks what one attribute alone cannot say. Called without a client, and with unknown values.
    fn validate(&self, config: &View<Self::Model>, report: &mut Diagnostics) {
        let _ = (config, report);
    }

    /// Opens it: the configuration comes in, all known, with defaults in it and with computed attributes unknown, and goes
    /// out completed. Keep with [`Cx::set_private`] what `renew` and `close` need: they get nothing else.
    ///
    /// # Errors
    /// It is not open. Terraform does not call `close` then, so whatever was begun must be undone before.
    async fn open(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        config: Self::Model,
    ) -> Result<Opened<Self::Model>, Diagnostics>;

    /// Keeps it open, and says when to do it again; `None`: not again. Terraform calls up to a minute before the time that it
    /// was given.
    ///
    /// # Errors
    /// It could not be kept open. What still uses it fails.
    async fn renew(&self, cx: &Cx<Self::Client, Self::Model>) -> Result<Option<SystemTime>, Diagnostics> {
        let _ = cx;
        Err(Diagnostic::error("Renewal not supported", "This type of ephemeral resource is never renewed.").into())
    }

    /// Ends it; already ended is `Ok`. Of private data it has what `open` kept: Terraform 1.11 does not pass on what `renew`
    /// kept.
    ///
    /// # Errors
    /// It may still be open.
    async fn close(&self, cx: &Cx<Self::Client, Self::Model>) -> Result<(), Diagnostics> {
        let _ = cx;
        Ok(())
    }
}

/// An ephemeral resource that is open.
#[derive(Debug)]
pub struct Opened<M> {
    pub(crate) result: M,
    pub(crate) renew_at: Option<SystemTime>,
}

impl<M> Opened<M> {
    /// Open until it is closed.
    pub fn new(result: M) -> Self {
        Self { result, renew_at: None }
    }

    /// Open, and to be renewed by this time. Give it more than a minute: Terraform renews a minute early, and what is due by
    /// then at once.
    #[must_use]
    pub fn renew_at(mut self, time: SystemTime) -> Self {
        self.renew_at = Some(time);
        self
    }
}

impl<M> From<M> for Opened<M> {
    fn from(result: M) -> Self {
        Self::new(result)
    }
}

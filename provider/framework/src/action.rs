//! The trait that an action's author implements: something that is done when Terraform is told to, and that leaves no state.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::Diagnostics;
use crate::context::Cx;
use crate::model::{Model, View};

/// A kind of thing that can be done: `action "NAME_TYPE"`, for Terraform 1.14 and newer. Register it with
/// [`crate::Provider::action`].
#[async_trait]
pub trait Action: Send + Sync + 'static {
    /// The configuration. Nothing in it is computed; defaults are filled in.
    type Model: Model;
    /// What the provider's `connect` makes.
    type Client: Send + Sync + 'static;

    /// The type's name without the provider's.
    const TYPE: &'static str;

    /// Checks what one attribute alone cannot say. Called without a client, and with unknown values.
    fn validate(&self, config: &View<Self::Model>, report: &mut Diagnostics) {
        let _ = (config, report);
    }

    /// Looks, while Terraform plans, whether it could be done. Values may be unknown; nothing is to be done yet.
    ///
    /// # Errors
    /// It could not be done.
    async fn plan(&self, cx: &Cx<Self::Client, Self::Model>, config: &View<Self::Model>) -> Result<(), Diagnostics> {
        let _ = (cx, config);
        Ok(())
    }

    /// Does it, and says on the way how far it is. Watch [`Cx::cancelled`]: the user may stop Terraform, or Terraform may go.
    ///
    /// # Errors
    /// It was not done, or not wholly; say how things stand now.
    async fn invoke(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        config: Self::Model,
        progress: &Progress,
    ) -> Result<(), Diagnostics>;
}

/// Where an action says how far it is. After its end, nobody is told by the clones that are left.
#[derive(Clone, Debug)]
pub struct Progress(
    /// Lines; nothing is the end of them.
    pub(crate) mpsc::Sender<Option<String>>,
);

impl Progress {
    /// Shows a line to the user. Waits while Terraform is slow to read; when it is gone, nobody is told.
    pub async fn say(&self, message: impl Into<String>) {
        // The cancelled token tells the author that nobody listens.
        let _ = self.0.send(Some(message.into())).await;
    }
}

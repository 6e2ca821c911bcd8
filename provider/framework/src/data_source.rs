//! The trait that a data source's author implements.

use async_trait::async_trait;

use crate::Diagnostics;
use crate::context::Cx;
use crate::model::{Model, View};

/// A kind of thing that is looked up, not managed: `data "NAME_TYPE"`.
///
/// While its configuration has unknown values, Terraform does not read it.
#[async_trait]
pub trait DataSource: Send + Sync + 'static {
    /// The attributes: what to look for, and what was found (computed).
    type Model: Model;
    /// What the provider's `connect` makes.
    type Client: Send + Sync + 'static;

    /// The type's name without the provider's.
    const TYPE: &'static str;

    /// Checks what one attribute alone cannot say. Called without a client, and with unknown values.
    fn validate(&self, config: &View<Self::Model>, report: &mut Diagnostics) {
        let _ = (config, report);
    }

    /// Looks it up: the configuration comes in, with defaults in it, and goes out completed.
    ///
    /// # Errors
    /// It was not found, or could not be looked up.
    async fn read(&self, cx: &Cx<Self::Client, Self::Model>, config: Self::Model) -> Result<Self::Model, Diagnostics>;
}

//! The trait that a list's author implements: existing things of a type, for `terraform query`.

use async_trait::async_trait;

use crate::context::Cx;
use crate::identity::Identified;
use crate::model::{Model, View};
use crate::resource::Resource;
use crate::serve::list::Sink;
use crate::{Diagnostic, Diagnostics};

/// A way to find existing things of a type that has an identity: `list "NAME_TYPE"`, for Terraform 1.14 and newer. Register
/// it with [`crate::Provider::list`].
#[async_trait]
pub trait ListResource: Send + Sync + 'static {
    /// The type whose things it finds.
    type Resource: Identified;
    /// What to look for. Nothing in it is computed; defaults are filled in.
    type Config: Model;

    /// Checks what one attribute alone cannot say. Called without a client, and with unknown values.
    fn validate(&self, config: &View<Self::Config>, report: &mut Diagnostics) {
        let _ = (config, report);
    }

    /// Finds things, and hands each to `found` as soon as it is there. `found` says when it is enough: pass that on with `?`.
    ///
    /// # Errors
    /// Things could not be looked for, or not all of them; what was handed over before is shown.
    async fn list(
        &self,
        cx: &Cx<<Self::Resource as Resource>::Client, Self::Config>,
        config: Self::Config,
        found: &Listing<Self::Resource>,
    ) -> Result<(), ListEnd>;
}

/// Why a list ends before all was listed.
#[derive(Debug)]
pub enum ListEnd {
    /// Nobody wants more: the limit is reached, or Terraform is gone. No error.
    Enough,
    /// It failed.
    Failed(Diagnostics),
}

impl From<Diagnostics> for ListEnd {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Failed(diagnostics)
    }
}

impl From<Diagnostic> for ListEnd {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Failed(diagnostic.into())
    }
}

/// Where a list puts what it finds.
pub struct Listing<R: Identified> {
    pub(crate) sink: Sink,
    pub(crate) of: std::marker::PhantomData<fn(R)>,
}

impl<R: Identified> Listing<R> {
    /// Whether the whole object is wanted too. If not, finding it out would be wasted.
    pub fn wants_objects(&self) -> bool {
        self.sink.wants_objects()
    }

    /// Hands over one thing: a name for people, its identity, and its state as a read would give it, if that is wanted and
    /// known.
    ///
    /// # Errors
    /// [`ListEnd::Enough`] when nobody wants more, [`ListEnd::Failed`] when the thing breaks a rule.
    pub async fn add(
        &self,
        name: impl Into<String> + Send,
        identity: R::Identity,
        object: Option<R::Model>,
    ) -> Result<(), ListEnd> {
        let object = object.map(|object| crate::Value::Object(object.encode()));
        self.sink.add(name.into(), crate::Value::Object(identity.encode()), object).await
    }
}

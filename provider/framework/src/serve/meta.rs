//! `provider_meta`: what the author of a module says to the provider.

use tfkit_proto::tfplugin6::DynamicValue;

use super::codec::value_in;
use super::run::run_sync;
use super::{Inner, mend};
use crate::{Diagnostics, Value};

impl Inner {
    /// What came with a call, with defaults in it; null: nothing. Terraform has no call to check it, so it is checked here.
    pub(super) fn meta(&self, message: Option<&DynamicValue>) -> Result<Value, Diagnostics> {
        let Some(schema) = &self.meta else { return Ok(Value::Null) };
        let meta = value_in(message, &schema.object_type())?;
        if meta.is_null() {
            return Ok(meta);
        }
        let wrong = run_sync(|| schema.validate(&meta))?;
        if wrong.has_errors() {
            // The paths lead into another block than the one that the call is about.
            return Err(wrong.into_iter().map(|one| one.at(crate::Path::root())).collect());
        }
        Ok(mend::with_defaults(schema, &meta))
    }
}

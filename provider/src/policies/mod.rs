//! Value resources: they check what the user wrote, and say it again as one text that a cluster takes. They exist in
//! Terraform's state alone.

mod backup;
mod pool;
mod reader;
mod window;

use tfkit::model::View;
use tfkit::{Attr, Diagnostics, Model, Path, PlanChange};

pub(crate) use backup::BackupPolicies;
pub(crate) use pool::{ServerPools, label_of};
pub(crate) use window::MaintenanceWindows;

/// The attributes of a value resource.
trait Definition: Model {
    /// What the attributes say together, as its one text; `None` while something is not known.
    ///
    /// # Errors
    /// What is wrong, each fault at its attribute.
    fn define(view: &View<Self>) -> Result<Option<String>, Diagnostics>;

    /// The id and the definition.
    fn computed(view: &mut View<Self>) -> (&mut Attr<String>, &mut Attr<String>);

    /// Plans what is computed: known as soon as what it is made of is.
    fn plan(change: &mut PlanChange<Self>) -> Result<(), Diagnostics> {
        let definition = Self::define(&change.planned)?;
        Self::put(&mut change.planned, definition);
        Ok(())
    }

    /// The same with everything that is computed. What it is made of is known by now.
    ///
    /// # Errors
    /// As [`Definition::define`], for values that were not known in the plan.
    fn settled(&self) -> Result<Self, Diagnostics> {
        let mut view = <View<Self> as Model>::decode(&self.encode(), &Path::root())?;
        let definition = Self::define(&view)?;
        Self::put(&mut view, definition);
        Ok(Self::from_view(&view)?)
    }

    /// Sets what is computed. An id stays for life.
    fn put(view: &mut View<Self>, definition: Option<String>) {
        let (id, place) = Self::computed(view);
        if !id.is_known() {
            *id = definition.as_deref().map_or_else(Attr::unknown, |text| justmanage_model::label(text).into());
        }
        *place = definition.map_or_else(Attr::unknown, Attr::Known);
    }
}

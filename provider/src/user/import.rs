//! Import of users, by id and by identity.
//!
//! The password of an imported user stays what it is: nobody can read it, and the configuration's is set only when
//! `password_wo_version` changes. The cluster keeps that number, and whatever else of the configuration no server needs
//! ([`justmanage_model::user::Given`]), so that a matching configuration shows no difference.

use justmanage_core::Locator;
use justmanage_core::manager::Observed;
use justmanage_model::{Record, UserName};
use tfkit::{Attr, Diagnostic, Diagnostics, Identified, Model, async_trait};

use super::{Context, User, Users};
use crate::diagnostics;

/// What tells users apart.
#[derive(Clone, Debug, Model)]
pub(crate) struct UserIdentity {
    /// `id` of the cluster, such as `local/cache/jmc0123456789abcdef`; or its platform and name, `local/cache`.
    #[tf(required, validate = cluster, says = "`id` of a cluster")]
    pub(crate) cluster_id: String,
    /// Name of the user.
    #[tf(required, validate = super::name, says = "a name without spaces; not `default`")]
    pub(crate) name: String,
}

#[async_trait]
impl Identified for Users {
    type Identity = UserIdentity;

    fn identity(&self, state: &User) -> Option<UserIdentity> {
        Some(UserIdentity { cluster_id: state.cluster_id.clone(), name: state.name.clone() })
    }

    fn import_id(&self, identity: UserIdentity) -> Result<String, Diagnostics> {
        Ok(format!("{}/{}", identity.cluster_id, identity.name))
    }

    /// The cluster stays spelt as it was asked for.
    async fn import_identity(&self, cx: &Context, identity: UserIdentity) -> Result<User, Diagnostics> {
        let found = import(cx, &self.import_id(identity.clone())?).await?;
        Ok(User { id: super::id_of(&identity.cluster_id, &identity.name), cluster_id: identity.cluster_id, ..found })
    }
}

/// The user of an id such as `local/cache/app`, or as the state has it: `local/cache/jmc0123456789abcdef/app`.
pub(super) async fn import(cx: &Context, id: &str) -> Result<User, Diagnostics> {
    let (locator, name) = parse(id)?;
    let view = match cx
        .client()?
        .manager(&locator)?
        .observe(&locator)
        .await
        .map_err(|failure| diagnostics::error(&failure))?
    {
        Observed::Here(view) => view,
        Observed::Gone => return Err(not_found(&format!("There is no cluster {locator} here."))),
        Observed::Unreachable(failure) => return Err(diagnostics::error(&failure).into()),
    };
    let Some(record) = &view.record else {
        return Err(not_found(&format!("The cluster {locator} could not be read: {}.", view.waiting_on.join("; "))));
    };
    let Some(user) = record.users.get(&name) else {
        return Err(not_found(&format!("The cluster {locator} has no user \"{name}\"; {}.", those_of(record))));
    };
    let cluster_id = view.id.to_string();
    Ok(User {
        id: super::id_of(&cluster_id, name.as_str()),
        cluster_id,
        name: name.to_string(),
        acl: user.acl.to_string(),
        password_wo: None,
        password_wo_version: user.given.version,
        password_sha256: user.password().filter(|_| user.given.hashed).map(|hash| hash.to_string()),
        password_grace: user.given.grace.map(|grace| grace.to_string()),
        previous_password_valid_until: Attr::Null,
    }
    .seen(user))
}

fn parse(id: &str) -> Result<(Locator, UserName), Diagnostics> {
    let invalid = |why: &dyn std::fmt::Display| {
        let detail = format!("{why}\n\nThe id of a user is its cluster's and its name: local/cache/app.");
        Diagnostics::from(Diagnostic::error("Import id not valid", detail))
    };
    let (cluster, name) = id.rsplit_once('/').ok_or_else(|| invalid(&format!("\"{id}\" has one part only.")))?;
    let locator =
        cluster.parse().map_err(|error: justmanage_core::locator::LocatorError| invalid(&format!("{error}.")))?;
    Ok((locator, name.parse().map_err(|error: justmanage_model::failure::Invalid| invalid(&error))?))
}

/// "it has app, worker"
fn those_of(record: &Record) -> String {
    let names: Vec<&str> = record.users.keys().map(UserName::as_str).collect();
    if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }
}

fn not_found(why: &str) -> Diagnostics {
    Diagnostic::error("User cannot be imported", why).into()
}

fn cluster(text: &str) -> Result<(), String> {
    text.parse::<Locator>().map(|_| ()).map_err(|error| format!("{error}."))
}

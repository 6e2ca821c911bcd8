//! `justmanage_redis_user`: who may log in to a cluster, and what they may do.

mod import;

use justmanage_core::Locator;
use justmanage_core::manager::{Observed, hash_password};
use justmanage_model::{AclRules, Failure, FieldPath, PasswordHash, Secret, UserName};
use tfkit::model::View;
use tfkit::{Attr, Cx, Diagnostic, Diagnostics, Failed, Model, Path, Plan, PlanChange, Resource, Value, async_trait};

use crate::diagnostics;
use crate::settings::Client;

/// A database user of a cluster. The password is write-only: it is in the configuration and nowhere else; the cluster
/// keeps its SHA-256, as the servers themselves do.
#[derive(Clone, Debug, Model)]
pub(crate) struct User {
    /// The cluster's id and the user's name.
    #[tf(computed, keep)]
    id: Attr<String>,
    /// `id` of the cluster.
    #[tf(required, replace)]
    cluster_id: String,
    /// Name to log in with. `default` and names that begin with `justmanage-` are taken.
    #[tf(required, replace, validate = name, says = "a name without spaces; not `default`")]
    name: String,
    /// What the user may do, as ACL rules of Redis: `~app:* +@all -@dangerous` means all keys that begin with `app:`, all
    /// commands but the dangerous ones. Passwords are not given here.
    #[tf(required, validate = acl, says = "ACL rules without passwords")]
    acl: String,
    /// The password. Give a long random one: the servers keep a plain SHA-256 of it, which short passwords do not survive.
    #[tf(required, sensitive, write_only, validate = password, says = "not empty")]
    password_wo: Option<String>,
    /// Any number; another number than before sets the password anew. (Terraform cannot see that a write-only value changed.)
    #[tf(optional)]
    password_wo_version: Option<i64>,
}

/// The resource type.
pub(crate) struct Users;

type Context = Cx<Client, User>;

#[async_trait]
impl Resource for Users {
    type Model = User;
    type Client = Client;
    const TYPE: &'static str = "redis_user";

    async fn modify_plan(&self, _cx: &Context, change: &mut PlanChange<User>) -> Result<(), Diagnostics> {
        // The id is known as soon as its parts are.
        if let (Some(cluster), Some(name)) = (change.planned.cluster_id.known(), change.planned.name.known()) {
            change.planned.id = Attr::Known(format!("{cluster}/{name}"));
        }
        Ok(())
    }

    async fn create(&self, cx: &Context, plan: Plan<User>) -> Result<User, Failed<User>> {
        let wanted = justmanage_model::User { acl: plan.rules()?, passwords: vec![password_of(&plan.config)?] };
        let (locator, name) = (plan.locator()?, plan.user_name()?);
        let manager = &cx.client()?.manager;
        match existing(cx, &locator, &name).await? {
            // An earlier apply made it and was killed before Terraform could save that.
            Some(found) if found == wanted => {}
            Some(_) => return Err(taken(&name).into()),
            None => {}
        }
        let mut state = plan.planned;
        state.id = format!("{}/{}", state.cluster_id, state.name).into();
        match manager.put_user(&locator, &name, &wanted, cx.cancelled()).await {
            Ok(()) => Ok(state),
            Err(failure) => Err(Failed::with_state(diagnostics::error(&failure), state)),
        }
    }

    async fn read(&self, cx: &Context, mut state: User) -> Result<Option<User>, Diagnostics> {
        let locator = state.locator()?;
        let name = state.user_name()?;
        match cx.client()?.manager.observe(&locator).await.map_err(|failure| diagnostics::error(&failure))? {
            Observed::Gone => Ok(None),
            Observed::Unreachable(failure) => {
                cx.report(diagnostics::warning(&failure.next("The state stays as it was last seen.")));
                Ok(Some(state))
            }
            Observed::Here(view) => match &view.record {
                None => Ok(Some(state)),
                Some(record) => Ok(record.users.get(&name).map(|user| {
                    if state.rules().ok().as_ref() != Some(&user.acl) {
                        state.acl = user.acl.to_string();
                    }
                    state
                })),
            },
        }
    }

    async fn update(&self, cx: &Context, prior: User, plan: Plan<User>) -> Result<User, Failed<User>> {
        let (locator, name) = (plan.locator()?, plan.user_name()?);
        let current = existing(cx, &locator, &name).await?;
        let passwords = match current {
            Some(user) if prior.password_wo_version == plan.password_wo_version => user.passwords,
            _ => vec![password_of(&plan.config)?],
        };
        let wanted = justmanage_model::User { acl: plan.rules()?, passwords };
        match cx.client()?.manager.put_user(&locator, &name, &wanted, cx.cancelled()).await {
            Ok(()) => Ok(plan.planned),
            Err(failure) => Err(diagnostics::error(&failure).into()),
        }
    }

    async fn delete(&self, cx: &Context, state: User) -> Result<(), Failed<User>> {
        let (locator, name) = (state.locator()?, state.user_name()?);
        let removed = cx.client()?.manager.remove_user(&locator, &name, cx.cancelled()).await;
        Ok(removed.map_err(|failure| diagnostics::error(&failure))?)
    }

    async fn import(&self, cx: &Context, id: &str) -> Result<User, Diagnostics> {
        import::import(cx, id).await
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        let rules = |value: &Value| match value {
            Value::String(text) => text.parse::<AclRules>().ok(),
            _ => None,
        };
        *path == Path::attribute("acl") && rules(one).is_some() && rules(one) == rules(other)
    }
}

impl User {
    fn locator(&self) -> Result<Locator, Diagnostics> {
        self.cluster_id.parse().map_err(|error: justmanage_core::locator::LocatorError| {
            Diagnostic::error(
                "Cluster id not valid",
                format!("{error}.\n\nUse the `id` of a justmanage_redis_cluster."),
            )
            .at(Path::attribute("cluster_id"))
            .into()
        })
    }

    fn user_name(&self) -> Result<UserName, Diagnostics> {
        self.name.parse().map_err(|error| invalid("name", error))
    }

    fn rules(&self) -> Result<AclRules, Diagnostics> {
        self.acl.parse().map_err(|error| invalid("acl", error))
    }
}

fn invalid(attribute: &str, error: justmanage_model::failure::Invalid) -> Diagnostics {
    diagnostics::error(&error.at(FieldPath::of(attribute))).into()
}

/// The user of that name in the cluster, if there is one.
async fn existing(
    cx: &Context,
    locator: &Locator,
    name: &UserName,
) -> Result<Option<justmanage_model::User>, Diagnostics> {
    let failed = |failure: Failure| Diagnostics::from(diagnostics::error(&failure));
    match cx.client()?.manager.observe(locator).await.map_err(failed)? {
        Observed::Here(view) => Ok(view.record.and_then(|record| record.users.get(name).cloned())),
        Observed::Gone => Err(failed(Failure::at(
            FieldPath::of("cluster_id"),
            "Cluster not found",
            format!("There is no cluster {locator}."),
        ))),
        Observed::Unreachable(failure) => Err(failed(failure)),
    }
}

fn taken(name: &UserName) -> Diagnostic {
    Diagnostic::error(
        "User exists already",
        format!(
            "The cluster has a user \"{name}\" with other rules or another password, and this configuration did not make \
             it.\n\nChoose another name, or find out who made it. Nothing was changed."
        ),
    )
    .at(Path::attribute("name"))
}

/// The password as the configuration has it; only its hash goes on.
fn password_of(config: &View<User>) -> Result<PasswordHash, Diagnostics> {
    match config.password_wo.known() {
        Some(password) => Ok(hash_password(&Secret::new(password.clone()))),
        None => Err(Diagnostic::error(
            "No password",
            "The password is not known at this point, or it is null.\n\nGive password_wo a value that is known when \
             Terraform applies.",
        )
        .at(Path::attribute("password_wo"))
        .into()),
    }
}

fn name(text: &str) -> Result<(), String> {
    text.parse::<UserName>().map(|_| ()).map_err(|error| error.to_string())
}

fn acl(text: &str) -> Result<(), String> {
    text.parse::<AclRules>().map(|_| ()).map_err(|error| error.to_string())
}

fn password(text: &str) -> Result<(), String> {
    if text.is_empty() {
        Err("The password is empty. Give one of at least 20 random characters.".into())
    } else {
        Ok(())
    }
}

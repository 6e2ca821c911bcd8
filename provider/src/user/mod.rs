//! `justmanage_redis_user`: who may log in to a cluster, and what they may do.

mod import;
mod password;

use justmanage_core::manager::{Observed, UserOrder};
use justmanage_core::{ClusterView, Locator, Manager};
use justmanage_model::{AclRules, Failure, FieldPath, Interval, UserName, user};
use justmanage_steps::step;
use tfkit::model::View;
use tfkit::{Attr, Cx, Diagnostic, Diagnostics, Failed, Model, Path, Plan, PlanChange, Resource, Value, async_trait};

use crate::diagnostics;
use crate::meaning::same;
use crate::settings::Client;
use crate::ways;

/// A database user of a cluster.
///
/// The password is given in one of two ways: `password_wo` is in the configuration and nowhere else; `password_sha256` is its
/// hash, for tools without write-only values. The cluster keeps the hash in either case, as the servers themselves do.
///
/// A new password leaves the one before it valid for `password_grace`, so that clients can move over one by one. The cluster's
/// agents end it when its time is over; nobody has to run Terraform for that, and no plan shows it.
///
/// Removing the user cuts its sessions on every node. The end of a password does not: who is logged in stays so, and only new
/// logins are refused, as Redis and Valkey have it. To be rid of somebody who has a password, make the user anew:
/// `terraform apply -replace=...`.
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
    /// commands but the dangerous ones. Passwords are not given here. Clients that know clusters have to ask where the slots are:
    /// with `+@read +@write` alone they get nowhere, and the plan warns. (On Redis 6.2, where `-@dangerous` takes that along,
    /// `+cluster|slots +cluster|nodes` are added unless the rules have `-cluster`.)
    #[tf(required, validate = acl, says = "ACL rules without passwords")]
    acl: String,
    /// The password; not in state or plan. Give a long random one: the servers keep a plain SHA-256 of it, which short passwords
    /// do not survive. Either this or `password_sha256`.
    #[tf(optional, sensitive, write_only, validate = password::not_empty, says = "not empty")]
    password_wo: Option<String>,
    /// Any number; another number than before sets the password anew. (Terraform cannot see that a write-only value changed.)
    #[tf(optional)]
    password_wo_version: Option<i64>,
    /// SHA-256 of the password as 64 lowercase hexadecimal digits, such as `sha256(...)` makes them, for tools without write-only
    /// values. It is saved in the state: whoever reads it there cannot log in with it, but can try passwords against it for as
    /// long as they like, so it must be the hash of a long random one.
    #[tf(optional, sensitive, validate = password::hash, says = "64 lowercase hexadecimal digits")]
    password_sha256: Option<String>,
    /// How long the password before it stays valid when the password changes, such as `24h` (the default), `90m` or `7d`; at most
    /// `90d`. `0s`: not at all. It is counted from the apply that changes the password. A shorter one given later ends an earlier
    /// password sooner; a longer one holds from the next change on. At most three passwords are valid at once: with a third change
    /// within the time, the oldest goes.
    #[tf(optional, validate = password::grace, says = "a span of time such as `24h`, at most `90d`")]
    password_grace: Option<String>,
    /// Until when a password before this one is valid, if one is. The agents end it within some seconds after that.
    #[tf(computed)]
    previous_password_valid_until: Attr<String>,
}

/// The resource type.
pub(crate) struct Users;

type Context = Cx<Client, User>;

#[async_trait]
impl Resource for Users {
    type Model = User;
    type Client = Client;
    const TYPE: &'static str = "redis_user";

    fn validate(&self, config: &View<User>, report: &mut Diagnostics) {
        password::one_way(config, report);
    }

    async fn modify_plan(&self, cx: &Context, change: &mut PlanChange<User>) -> Result<(), Diagnostics> {
        if let Some(warning) = change.planned.acl.known().and_then(|acl| lost_client(change, acl)) {
            cx.report(warning);
        }
        // The id is known as soon as its parts are.
        if let (Some(cluster), Some(name)) = (change.planned.cluster_id.known(), change.planned.name.known()) {
            change.planned.id = id_of(cluster, name);
            // A plan sees the cluster, an apply in which nothing happens to it does not.
            if let (false, Ok(locator)) = (cx.provider_config_unknown(), locator(cluster)) {
                ways::keep(cx, cx.client()?, &locator);
            }
        }
        Ok(())
    }

    async fn create(&self, cx: &Context, plan: Plan<User>) -> Result<User, Failed<User>> {
        let order = plan.order(Some(password::of(&plan)?))?;
        let (locator, name) = (plan.locator()?, plan.user_name()?);
        let manager = ways::manager(cx, &locator)?;
        match existing(cx, &locator, &name).await? {
            // An earlier apply made it and was killed before Terraform could save that.
            Some(found) if found.acl == order.acl && found.password() == order.password => {}
            Some(_) => return Err(taken(&name).into()),
            None => {}
        }
        let mut state = plan.planned;
        state.id = id_of(&state.cluster_id, &state.name);
        step!("user.create: about to begin");
        let put = manager.put_user(&locator, &name, &order, cx.cancelled()).await;
        step!("user.create: about to be answered");
        match put {
            Ok(user) => Ok(state.seen(&user)),
            Err(failure) => match existing(cx, &locator, &name).await {
                // Nothing was made, so there is nothing to be saved, tainted and made anew.
                Ok(None) => Err(diagnostics::error(&failure).into()),
                Ok(Some(_)) | Err(_) => Err(Failed::with_state(diagnostics::error(&failure), state)),
            },
        }
    }

    async fn read(&self, cx: &Context, state: User) -> Result<Option<User>, Diagnostics> {
        let locator = state.locator()?;
        let name = state.user_name()?;
        match ways::manager(cx, &locator)?.observe(&locator).await.map_err(|failure| diagnostics::error(&failure))? {
            Observed::Gone => Ok(None),
            Observed::Unreachable(failure) => {
                cx.report(diagnostics::warning(&failure.next("The state stays as it was last seen.")));
                Ok(Some(state))
            }
            Observed::Here(view) => match &view.record {
                None => Ok(Some(state)),
                Some(record) => Ok(record.users.get(&name).map(|user| state.seen(user))),
            },
        }
    }

    async fn update(&self, cx: &Context, prior: User, plan: Plan<User>) -> Result<User, Failed<User>> {
        let (locator, name) = (plan.locator()?, plan.user_name()?);
        // Without it there is no password to keep.
        let password = match existing(cx, &locator, &name).await? {
            Some(_) => password::change(&prior, &plan)?,
            None => Some(password::of(&plan)?),
        };
        let order = plan.order(password)?;
        step!("user.update: about to begin");
        let put = ways::manager(cx, &locator)?.put_user(&locator, &name, &order, cx.cancelled()).await;
        step!("user.update: about to be answered");
        match put {
            Ok(user) => Ok(plan.planned.seen(&user)),
            Err(failure) => Err(diagnostics::error(&failure).into()),
        }
    }

    async fn delete(&self, cx: &Context, state: User) -> Result<(), Failed<User>> {
        let (locator, name) = (state.locator()?, state.user_name()?);
        step!("user.delete: about to begin");
        let removed = ways::manager(cx, &locator)?.remove_user(&locator, &name, cx.cancelled()).await;
        step!("user.delete: about to be answered");
        Ok(removed.map_err(|failure| diagnostics::error(&failure))?)
    }

    async fn import(&self, cx: &Context, id: &str) -> Result<User, Diagnostics> {
        import::import(cx, id).await
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        (*path == Path::attribute("acl") && same::<AclRules>(one, other))
            || (*path == Path::attribute("password_grace") && same::<Interval>(one, other))
    }
}

impl User {
    fn locator(&self) -> Result<Locator, Diagnostics> {
        locator(&self.cluster_id)
    }

    fn user_name(&self) -> Result<UserName, Diagnostics> {
        self.name.parse().map_err(|error| invalid("name", error))
    }

    fn rules(&self) -> Result<AclRules, Diagnostics> {
        self.acl.parse().map_err(|error| invalid("acl", error))
    }

    fn order(&self, password: Option<justmanage_model::PasswordHash>) -> Result<UserOrder, Diagnostics> {
        let grace = self.password_grace.as_deref().map(str::parse::<Interval>).transpose();
        let grace = grace.map_err(|error| invalid("password_grace", error))?;
        let given = user::Given { version: self.password_wo_version, grace, hashed: self.password_sha256.is_some() };
        Ok(UserOrder { acl: self.rules()?, password, grace: grace.unwrap_or(password::GRACE).duration(), given })
    }

    /// The state of a user that the cluster has so. Of a password whose hash the state does not know, nothing is to be seen.
    fn seen(mut self, user: &user::User) -> Self {
        if self.rules().ok().as_ref() != Some(&user.acl) {
            self.acl = user.acl.to_string();
        }
        if self.password_sha256.is_some() {
            self.password_sha256 = user.password().map(|hash| hash.to_string());
        }
        self.previous_password_valid_until = user.last_end().map(|until| until.to_string()).into();
        self
    }
}

/// Says, when rules are chosen, that clients that know clusters will get nowhere with them.
fn lost_client(change: &PlanChange<User>, acl: &str) -> Option<Diagnostic> {
    let chosen = change.prior.as_ref().is_none_or(|prior| prior.acl.known().map(String::as_str) != Some(acl));
    let rules: AclRules = acl.parse().ok().filter(|_| chosen)?;
    (!rules.finds_cluster()).then(|| {
        Diagnostic::warning(
            "Clients cannot ask where the slots are",
            format!(
                "These rules allow none of CLUSTER SLOTS, CLUSTER SHARDS and CLUSTER NODES. Clients that know clusters ask one of \
                 them when they connect, and get no further.\n\nAdd \"{}\", which shows nothing but addresses, or leave it \
                 where the user's client knows a single server only.",
                user::CLIENT_RULES
            ),
        )
        .at(Path::attribute("acl"))
    })
}

/// The id of a user.
fn id_of(cluster_id: &str, name: &str) -> Attr<String> {
    format!("{cluster_id}/{name}").into()
}

/// The cluster that a `cluster_id` means.
pub(crate) fn locator(text: &str) -> Result<Locator, Diagnostics> {
    text.parse().map_err(|error: justmanage_core::locator::LocatorError| {
        let detail = format!("{error}.\n\nUse the `id` of a justmanage_redis_cluster.");
        Diagnostic::error("Cluster id not valid", detail).at(Path::attribute("cluster_id")).into()
    })
}

/// A value that is none, at its attribute.
pub(crate) fn invalid(attribute: &str, error: justmanage_model::failure::Invalid) -> Diagnostics {
    diagnostics::error(&error.at(FieldPath::of(attribute))).into()
}

/// The user of that name in the cluster, if there is one.
async fn existing(cx: &Context, locator: &Locator, name: &UserName) -> Result<Option<user::User>, Diagnostics> {
    let view = cluster(&ways::manager(cx, locator)?, locator).await?;
    Ok(view.record.and_then(|record| record.users.get(name).cloned()))
}

/// The cluster that `cluster_id` names, which has to be there.
pub(crate) async fn cluster(manager: &Manager, locator: &Locator) -> Result<ClusterView, Diagnostics> {
    let failed = |failure: Failure| Diagnostics::from(diagnostics::error(&failure));
    match manager.observe(locator).await.map_err(failed)? {
        Observed::Here(view) => Ok(*view),
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

fn name(text: &str) -> Result<(), String> {
    text.parse::<UserName>().map(|_| ()).map_err(|error| error.to_string())
}

pub(crate) fn acl(text: &str) -> Result<(), String> {
    text.parse::<AclRules>().map(|_| ()).map_err(|error| error.to_string())
}

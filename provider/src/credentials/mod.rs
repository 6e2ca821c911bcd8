//! `justmanage_redis_credentials`: a user of one's own for as long as Terraform runs.

use std::time::SystemTime;

use justmanage_core::Locator;
use justmanage_model::{AclRules, Failure, Interval, UserName};
use tfkit::{Attr, Cx, Diagnostic, Diagnostics, Ephemeral, Model, Opened, async_trait};

use crate::diagnostics;
use crate::settings::Client;
use crate::user::{acl, cluster, invalid, locator};
use crate::ways;

/// A temporary user of a cluster, for whatever Terraform has to do in it: another provider's block, a test, a migration. It needs
/// Terraform 1.10 or OpenTofu 1.11.
///
/// The user is made when Terraform opens this resource (while it plans, and again while it applies), and removed with all of its
/// sessions when Terraform closes it. Neither name nor password is saved anywhere. If Terraform is killed, the cluster's agents
/// remove the user when its `ttl` is over.
#[derive(Model)]
pub(crate) struct Credentials {
    /// `id` of the cluster.
    #[tf(required)]
    cluster_id: String,
    /// What the user may do, as ACL rules of Redis. By default everything in the data, and nothing that is dangerous: neither
    /// `KEYS`, `FLUSHALL` or `CONFIG` nor the administration of the cluster.
    #[tf(default = "~* &* +@all -@dangerous", validate = acl, says = "ACL rules without passwords")]
    acl: String,
    /// How long the user lives without Terraform, from `5m` to `24h`. As long as Terraform needs it, it is renewed.
    #[tf(default = "1h", validate = ttl, says = "a span of time from `5m` to `24h`")]
    ttl: String,
    /// The name to log in with.
    #[tf(computed)]
    username: Attr<String>,
    /// The password.
    #[tf(computed, sensitive)]
    password: Attr<String>,
    /// Where clients reach the servers, as `address:port`, over TLS. A client may begin with any of them.
    #[tf(computed)]
    endpoints: Attr<Vec<String>>,
    /// The address of the first endpoint, for whoever takes a single one.
    #[tf(computed)]
    host: Attr<String>,
    /// The port of the first endpoint.
    #[tf(computed)]
    port: Attr<i64>,
    /// Certificate (PEM) of the cluster's own authority: what clients trust.
    #[tf(computed)]
    ca_certificate: Attr<String>,
}

/// The type of ephemeral resource.
pub(crate) struct Temporary;

type Context = Cx<Client, Credentials>;

/// Shortest life: Terraform renews when half of it is over, and a minute early.
const TTL_MIN: Interval = Interval::seconds(5 * 60);
/// Longest life of a user whom nobody holds any more.
const TTL_MAX: Interval = Interval::seconds(24 * 3600);

#[async_trait]
impl Ephemeral for Temporary {
    type Model = Credentials;
    type Client = Client;
    const TYPE: &'static str = "redis_credentials";

    async fn open(&self, cx: &Context, mut wanted: Credentials) -> Result<Opened<Credentials>, Diagnostics> {
        let locator = locator(&wanted.cluster_id)?;
        let acl: AclRules = wanted.acl.parse().map_err(|error| invalid("acl", error))?;
        let ttl: Interval = wanted.ttl.parse().map_err(|error| invalid("ttl", error))?;
        let manager = ways::manager(cx, &locator)?;
        let view = cluster(&manager, &locator).await?;
        let endpoints = view.endpoints();
        let opened = manager.open_credentials(&locator, &acl, ttl.duration(), cx.cancelled()).await.map_err(failed)?;
        // What renewing and closing need; no secret is in it.
        let kept = [("cluster", locator.to_string()), ("user", opened.user.to_string()), ("ttl", ttl.to_string())];
        kept.into_iter().for_each(|(name, value)| cx.set_private(name, value));
        wanted.username = opened.user.to_string().into();
        wanted.password = opened.password.expose().clone().into();
        let first = endpoints.first().and_then(|endpoint| endpoint.rsplit_once(':'));
        wanted.host = first.map(|(host, _)| host.trim_matches(['[', ']']).to_owned()).into();
        wanted.port = first.and_then(|(_, port)| port.parse::<i64>().ok()).into();
        wanted.endpoints = endpoints.into();
        wanted.ca_certificate = view.record.and_then(|record| record.ca_certificate).into();
        Ok(Opened::new(wanted).renew_at(half_way(ttl)))
    }

    async fn renew(&self, cx: &Context) -> Result<Option<SystemTime>, Diagnostics> {
        let (locator, user, ttl) = kept(cx)?;
        ways::manager(cx, &locator)?.renew_credentials(&locator, &user, ttl.duration()).await.map_err(failed)?;
        Ok(Some(half_way(ttl)))
    }

    async fn close(&self, cx: &Context) -> Result<(), Diagnostics> {
        let (locator, user, _) = kept(cx)?;
        ways::manager(cx, &locator)?.close_credentials(&locator, &user).await.map_err(failed)
    }
}

/// When half of its life is over: one renewal may fail, and the next is still in time.
fn half_way(ttl: Interval) -> SystemTime {
    SystemTime::now() + ttl.duration() / 2
}

fn kept(cx: &Context) -> Result<(Locator, UserName, Interval), Diagnostics> {
    let text = |name: &str| {
        let kept = cx.private(name).and_then(|bytes| String::from_utf8(bytes).ok());
        kept.ok_or_else(|| lost(&format!("Its {name} is not there.")))
    };
    let user = UserName::parse_temporary(&text("user")?).map_err(|error| lost(&error.to_string()))?;
    let ttl = text("ttl")?.parse::<Interval>().map_err(|error| lost(&error.to_string()))?;
    Ok((locator(&text("cluster")?)?, user, ttl))
}

fn lost(why: &str) -> Diagnostics {
    let detail = format!(
        "What was kept of the temporary user when it was opened cannot be read. {why}\n\nThe user ends by itself when its ttl is over."
    );
    Diagnostic::error("Temporary user lost", detail).into()
}

fn failed(failure: Failure) -> Diagnostics {
    diagnostics::error(&failure).into()
}

fn ttl(text: &str) -> Result<(), String> {
    let ttl = text.parse::<Interval>().map_err(|error| error.to_string())?;
    if ttl < TTL_MIN || ttl > TTL_MAX {
        return Err(format!("A temporary user lives from {TTL_MIN} to {TTL_MAX}; {text:?} is not in between."));
    }
    Ok(())
}

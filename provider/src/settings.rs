//! The provider block: what it says, and what it connects to.

mod agents;
mod aws;
mod managers;
mod ssh;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use justmanage_core::artefacts::{Artefacts, Source};
use justmanage_core::{Locator, Manager, OperatorKey};
use justmanage_model::pool::Pool;
use justmanage_model::{Engine, Failure, FieldPath, Testing, Version};
use justmanage_prices::PriceList;
use tfkit::model::View;
use tfkit::{ConfigureCx, Diagnostic, Diagnostics, Model, Path};

use crate::diagnostics;
use crate::servers::OverSsh;
use agents::AgentSource;
use aws::{Access, AwsSettings};
use managers::Parts;
use ssh::SshSettings;

pub(crate) use agents::machine;
pub(crate) use managers::Managers;
pub(crate) use ssh::Logins;

/// Names the agent's program, for those who keep it elsewhere than beside the provider.
const AGENT_ENVIRONMENT: &str = "JUSTMANAGE_AGENT";

/// Just Manage makes Redis and Valkey clusters on your own machines, and the clusters run themselves.
///
/// Where a cluster lives is written at the cluster: exactly one platform block, such as `local = {}` for this machine.
#[derive(Model)]
pub(crate) struct Settings {
    /// The operator key: who may tell the clusters' agents what to do, like an SSH key. Either the path of a private key
    /// (Ed25519, PEM) or the key itself. Without it, the environment variable `JUSTMANAGE_OPERATOR_KEY` is used (a path or
    /// a key, too), then the file `~/.config/justmanage/operator.key`. For clusters on this machine, that file is made when
    /// it is first needed. Keep it: it is what gives access to your clusters.
    #[tf(optional, sensitive)]
    operator_key: Option<String>,
    /// Where server programs (`redis-server`, `valkey-server`) come from, besides the search path. Each entry is either a
    /// `directory`, a `url` with `sha256`, `engine` and `version`, or `distribution = true`.
    #[tf(optional)]
    artifacts: Option<Vec<Artifact>>,
    /// Settings of clusters on this machine (`local = {}`).
    #[tf(optional)]
    local: Option<LocalSettings>,
    /// How servers of your own are reached: keys to log in with, and which hosts are known. Several ways to log in may be given; they are
    /// tried one after the other. Without it they are reached as `ssh` would reach them. None of it is stored anywhere.
    #[tf(optional)]
    ssh: Option<SshSettings>,
    /// Settings of clusters on servers of your own.
    #[tf(optional)]
    servers: Option<ServersSettings>,
    /// How AWS is asked, for clusters on instances of EC2.
    #[tf(optional)]
    aws: Option<AwsSettings>,
    /// Where machines of a cloud fetch their agent at their first boot, for each processor that they may have: several addresses of one
    /// are tried in their order. Without it, the agent that came with this provider is fetched from its release.
    #[tf(optional)]
    agents: Option<Vec<AgentSource>>,
    /// The path of a price list, in place of the one that comes with this provider: newer prices, or those that you pay. Its format is
    /// [described with the list](https://github.com/justmanage/terraform-provider-justmanage/tree/main/core/prices/data).
    #[tf(optional)]
    price_list: Option<String>,
    /// Switches for tests of Just Manage itself. Each weakens something; none is for a cluster that anybody needs.
    #[tf(optional)]
    testing: Option<TestingSettings>,
}

/// A source of server programs.
#[derive(Model)]
pub(crate) struct Artifact {
    /// The package of the servers' own distribution (Debian, Ubuntu and their like), for clusters on servers of your own. `true`: of all servers
    /// that can have a node, the newest version of `redis-tools` or `valkey-tools` that `version` of the cluster admits and each has in
    /// its package index, exactly, is installed on those that get one, and held there; what runs is a copy, which no upgrade of packages
    /// changes. With `engine` it is for that engine alone. Clusters on this machine run what is installed.
    #[tf(optional)]
    distribution: Option<bool>,
    /// A directory that holds server programs: directly, in its `bin`, or the same one level down.
    #[tf(optional)]
    directory: Option<String>,
    /// Address (`https://`, `http://` or `file://`) of a `.tar.gz` archive that holds a server program, or of the program itself.
    #[tf(optional)]
    url: Option<String>,
    /// SHA-256 of what is at `url`, in hexadecimal. Nothing else is ever run.
    #[tf(optional, validate = sha256, says = "64 hexadecimal digits")]
    sha256: Option<String>,
    /// What is at `url`, or which package is meant: `redis` or `valkey`.
    #[tf(optional, validate = engine, says = "`redis` or `valkey`")]
    engine: Option<String>,
    /// The exact version of what is at `url`, such as `7.0.15`.
    #[tf(optional, validate = version, says = "a version such as `7.0.15`")]
    version: Option<String>,
}

/// Settings of clusters on this machine.
#[derive(Model)]
pub(crate) struct LocalSettings {
    /// Where the clusters keep their data. Default: `$XDG_DATA_HOME/justmanage`, which is `~/.local/share/justmanage`
    /// where `XDG_DATA_HOME` is not set. Clusters are found here, so it must stay what it was when they were made.
    #[tf(optional)]
    directory: Option<String>,
}

/// Settings of clusters on servers of your own (`servers = { ... }`).
#[derive(Model)]
pub(crate) struct ServersSettings {
    /// The definition of a pool (`definition` of a `justmanage_server_pool` that somebody else keeps, or such a text written out). By it
    /// clusters are found of which a resource or data source knows no more than the id, as users do. Without it, the hosts in the id are
    /// called, and have to stand in `known_hosts`.
    #[tf(required, validate = pool, says = "a definition of a server pool")]
    pool: String,
}

/// Switches for tests of Just Manage itself.
#[derive(Model)]
pub(crate) struct TestingSettings {
    /// Servers speak without TLS, and server programs that were built without it are used.
    #[tf(default = false)]
    plaintext: bool,
    /// Releases before Redis 7.0 are made.
    #[tf(default = false)]
    old_releases: bool,
    /// How long to wait without any progress before an apply is given up, instead of a minute.
    #[tf(optional)]
    patience_seconds: Option<u16>,
}

/// What all calls share.
pub(crate) struct Client {
    pub(crate) managers: Managers,
    pub(crate) testing: Testing,
    /// Servers of pools, which the data source asks.
    pub(crate) servers: Arc<OverSsh>,
    /// What machines cost.
    pub(crate) prices: Cow<'static, PriceList>,
    /// The processors for which there is an agent.
    pub(crate) machines: Vec<&'static str>,
}

impl Client {
    /// Who knows a cluster by its id.
    pub(crate) fn manager(&self, locator: &Locator) -> Result<Manager, Diagnostics> {
        self.managers.of(locator, None).map_err(|failure| diagnostics::error(&failure).into())
    }
}

/// Checks what one attribute alone cannot say.
pub(crate) fn validate(settings: &View<Settings>, report: &mut Diagnostics) {
    let switches = settings.testing.known();
    let on = switches.into_iter().flat_map(|testing| {
        [("plaintext", &testing.plaintext), ("old_releases", &testing.old_releases)]
            .into_iter()
            .filter(|(_, switch)| switch.known() == Some(&true))
    });
    for (switch, _) in on {
        report.push(
            Diagnostic::warning(
                "Test switch is on",
                format!(
                    "`testing.{switch}` weakens every cluster of this provider, and what is made with it is not supported.\n\n\
                     Take it out of the provider block, unless this is a test of Just Manage itself."
                ),
            )
            .at(Path::attribute("testing").attr(switch)),
        );
    }
    if let Some(settings) = settings.ssh.known() {
        ssh::validate(settings, report);
    }
    if let Some(settings) = settings.aws.known() {
        aws::validate(settings, report);
    }
    agents::validate(settings.agents.known().map(Vec::as_slice).unwrap_or_default(), report);
    let entries = settings.artifacts.known().map(Vec::as_slice).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        if let Some(problem) = entry.known().and_then(faulty) {
            report.push(
                Diagnostic::error("Source of server programs not valid", problem)
                    .at(Path::attribute("artifacts").index(index)),
            );
        }
    }
}

/// What an entry of `artifacts` is.
const WHICH: &str = "Give `directory`, or `url` with `sha256`, `engine` and `version`, or `distribution = true`.";

/// What is wrong with an entry of `artifacts`, as far as it is known.
fn faulty(entry: &View<Artifact>) -> Option<String> {
    let of_url = [("sha256", &entry.sha256), ("engine", &entry.engine), ("version", &entry.version)];
    if !entry.distribution.is_null() {
        if entry.distribution.known() == Some(&false) {
            return Some("`distribution = false` says nothing. Leave the entry out.".into());
        }
        let others = [
            ("directory", &entry.directory),
            ("url", &entry.url),
            ("sha256", &entry.sha256),
            ("version", &entry.version),
        ];
        let more = others.iter().find(|(_, value)| !value.is_null())?.0;
        return Some(format!(
            "An entry with `distribution` takes no `{more}`: which version it is follows from the cluster's. Make two entries of it."
        ));
    }
    if !entry.directory.is_null() {
        let more = of_url.iter().chain(&[("url", &entry.url)]).find(|(_, value)| !value.is_null())?.0;
        return Some(format!("An entry with `directory` takes no `{more}`. Make two entries of it."));
    }
    if entry.url.is_null() {
        return Some(WHICH.into());
    }
    let missing = of_url.iter().find(|(_, value)| value.is_null())?.0;
    Some(format!(
        "An entry with `url` needs `{missing}`, so that a plan knows what it would get and nothing but that is ever run."
    ))
}

/// Makes the client. Touches neither network nor disk: keys, directories and programs are looked at when they are needed.
pub(crate) async fn connect(settings: Settings, _cx: ConfigureCx) -> Result<Client, Diagnostics> {
    let operator = OperatorKey::resolve(settings.operator_key.as_deref())
        .map_err(|failure| diagnostics::error(&failure).at(Path::attribute("operator_key")))?;
    let mut sources = Vec::new();
    for (index, entry) in settings.artifacts.into_iter().flatten().enumerate() {
        let at = Path::attribute("artifacts").index(index);
        sources.push(
            source(entry)
                .map_err(|problem| Diagnostic::error("Source of server programs not valid", problem).at(at))?,
        );
    }
    let directory = settings.local.and_then(|local| local.directory);
    let root = root(directory)
        .map_err(|failure| diagnostics::error(&failure).at(Path::attribute("local").attr("directory")))?;
    let servers = Arc::new(OverSsh::new(Logins::new(settings.ssh)?));
    let agent = agent_program().map_err(|failure| diagnostics::error(&failure))?;
    let known = settings.servers.map(|servers| servers.pool.parse::<Pool>()).transpose();
    let known = known.map_err(|invalid| diagnostics::error(&invalid.at(FieldPath::of("servers").attribute("pool"))))?;
    let (mut testing, mut patience) = (Testing::default(), None);
    if let Some(switches) = settings.testing {
        testing = Testing { plaintext: switches.plaintext, old_releases: switches.old_releases };
        patience = switches.patience_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    }
    let (artefacts, operator) = (Artefacts::new(sources), Arc::new(operator));
    let prices = prices(settings.price_list.as_deref())?;
    let (aws, agents) = (Access::from(settings.aws), settings.agents.unwrap_or_default());
    let machines = agents::machines(&agents);
    let parts = Parts { root, agent, artefacts, operator, patience, known, servers: servers.clone(), aws, agents };
    let managers = Managers::new(parts);
    Ok(Client { managers, testing, servers, prices, machines })
}

fn source(entry: Artifact) -> Result<Source, String> {
    match entry {
        Artifact { distribution: Some(true), directory: None, url: None, engine, .. } => {
            let engine = engine.map(|engine| engine.parse::<Engine>()).transpose();
            Ok(Source::Distribution { engine: engine.map_err(|error| error.to_string())? })
        }
        Artifact { distribution: None, directory: Some(directory), url: None, .. } => {
            Ok(Source::Directory(PathBuf::from(directory)))
        }
        Artifact {
            distribution: None,
            directory: None,
            url: Some(url),
            sha256: Some(sha256),
            engine: Some(engine),
            version: Some(version),
        } => {
            let engine = engine.parse::<Engine>().map_err(|error| error.to_string())?;
            let version = version.parse::<Version>().map_err(|error| error.to_string())?;
            Ok(Source::Url { url, sha256, engine, version })
        }
        _ => Err(WHICH.into()),
    }
}

/// The price list that is meant.
fn prices(path: Option<&str>) -> Result<Cow<'static, PriceList>, Diagnostic> {
    let Some(path) = path else { return Ok(Cow::Borrowed(PriceList::embedded())) };
    let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let list = read.and_then(|text| PriceList::read(&text).map_err(|error| error.to_string()));
    list.map(Cow::Owned).map_err(|why| {
        Diagnostic::error("Price list not usable", format!("{path}: {why}.")).at(Path::attribute("price_list"))
    })
}

/// The directory of local clusters.
fn root(setting: Option<String>) -> Result<PathBuf, Failure> {
    if let Some(setting) = setting {
        return std::path::absolute(&setting)
            .map_err(|error| Failure::new("Directory not usable", format!("\"{setting}\": {error}.")));
    }
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .map(|data| data.join("justmanage"))
        .ok_or_else(|| {
            Failure::new("No place for data", "Neither HOME nor XDG_DATA_HOME is set.")
                .hint("Say where local clusters are to live: local = { directory = \"/var/lib/justmanage\" }.")
        })
}

/// The agent's program: named by the environment, or beside the provider's own.
fn agent_program() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os(AGENT_ENVIRONMENT) {
        return Ok(PathBuf::from(named));
    }
    let own = std::env::current_exe()
        .map_err(|error| Failure::new("Agent not found", format!("This program's own place is unknown: {error}.")))?;
    Ok(own.with_file_name("justmanage-agent"))
}

fn sha256(text: &str) -> Result<(), String> {
    let valid = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid {
        Ok(())
    } else {
        Err(format!("{text:?} is not a SHA-256: 64 hexadecimal digits, as sha256sum prints them."))
    }
}

fn engine(text: &str) -> Result<(), String> {
    text.parse::<Engine>().map(|_| ()).map_err(|error| error.to_string())
}

fn version(text: &str) -> Result<(), String> {
    text.parse::<Version>().map(|_| ()).map_err(|error| error.to_string())
}

fn pool(text: &str) -> Result<(), String> {
    text.parse::<Pool>().map(|_| ()).map_err(|error| error.to_string())
}

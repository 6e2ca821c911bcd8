//! A provider process, and a stage of agents for it to talk to.

use std::collections::BTreeMap;

use justmanage_model::{Engine, Release};
use justmanage_simulated::Stage;
use tfkit::testing::{Applied, Change, Host, HostError, State};
use tfkit::{Diagnostic, Diagnostics, Path, Severity, Value};

use crate::provider;

pub(crate) const CLUSTER: &str = "justmanage_redis_cluster";
pub(crate) const USER: &str = "justmanage_redis_user";

/// Terraform, its provider and the agents.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) host: Host,
    /// Last, so that it goes last.
    home: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With more settings of the provider.
    pub(crate) async fn with(more: &[(&str, Value)]) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let stage = Stage::new(home.path()).expect("a stage");
        // A package whose known holes are all closed: a plan warns of others.
        stage.add_program(debian("5:7.0.15-1~deb12u10"), true).expect("a program");
        let mut world = Self { host: start(&stage, home.path()).await, stage, home };
        world.configure(more).await.expect("configure");
        world
    }

    /// Another run of Terraform.
    pub(crate) async fn restart(&mut self, more: &[(&str, Value)]) {
        self.host = start(&self.stage, self.home.path()).await;
        self.configure(more).await.expect("configure");
    }

    /// The provider is killed when it passes this step for the first time.
    pub(crate) async fn dies_at(&mut self, step: &str) {
        let steps = self.home.path().join("steps");
        std::fs::create_dir_all(&steps).expect("a directory");
        std::fs::write(steps.join("kill"), format!("self 1 terraform-provider-justmanage: {step}")).expect("an order");
        let _ = std::fs::remove_file(steps.join("killed"));
        self.restart(&[]).await;
    }

    /// Whether it was, and another run of Terraform follows.
    pub(crate) async fn has_died(&mut self) -> bool {
        let killed = self.home.path().join("steps/killed").exists();
        self.restart(&[]).await;
        killed
    }

    pub(crate) async fn configure(&mut self, more: &[(&str, Value)]) -> Result<Diagnostics, HostError> {
        let programs = self.stage.programs();
        let clusters = self.stage.clusters();
        let text = |path: &std::path::Path| Value::from(path.to_str().expect("UTF-8"));
        let mut settings: BTreeMap<String, Value> = BTreeMap::from([
            ("artifacts".to_owned(), Value::list([Value::object([("directory", text(&programs))])])),
            ("local".to_owned(), Value::object([("directory", text(&clusters))])),
            ("testing".to_owned(), Value::object([("patience_seconds", 3.into())])),
        ]);
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        self.host.configure(&Value::object(settings)).await
    }

    pub(crate) async fn plan(&mut self, prior: Option<&State>, config: &Value) -> Result<Change, HostError> {
        self.host.plan(CLUSTER, prior, config).await
    }

    /// The errors of a configuration, as path and text.
    pub(crate) async fn errors(&mut self, kind: &str, config: &Value) -> Vec<(String, String)> {
        let said = self.host.validate(kind, config).await.expect("an answer");
        let errors = said.iter().filter(|one| one.severity == Severity::Error);
        errors.map(|one| (one.path.to_string(), one.detail.clone())).collect()
    }

    /// Plans and applies; the plan must be good.
    pub(crate) async fn apply(&mut self, prior: Option<&State>, config: &Value) -> Applied {
        let change = self.host.plan(CLUSTER, prior, config).await.expect("plan");
        self.host.apply(&change).await.expect("lawful answers")
    }

    /// A cluster, made as it should be.
    pub(crate) async fn made(&mut self, config: &Value) -> State {
        self.host.create(CLUSTER, config).await.expect("create")
    }

    /// A refresh, with its warnings.
    pub(crate) async fn refresh(&mut self, state: &State) -> (Option<State>, Diagnostics) {
        self.host.refresh(CLUSTER, state).await.expect("refresh")
    }

    /// A refresh of something that is there, without a warning.
    pub(crate) async fn refreshed(&mut self, state: &State) -> State {
        let (state, warnings) = self.refresh(state).await;
        assert!(warnings.is_empty(), "{warnings:?}");
        state.expect("it is there")
    }
}

/// Redis 7.0.15 as Debian packages it.
pub(crate) fn debian(package: &str) -> Release {
    let package = Some(package.parse().expect("a revision"));
    Release { package, ..Release::new(Engine::Redis, "7.0.15".parse().expect("a version")) }
}

async fn start(stage: &Stage, home: &std::path::Path) -> Host {
    let launch = provider()
        .env("HOME", home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .env("JUSTMANAGE_AGENT", stage.agent())
        .env("JUSTMANAGE_OPERATOR_KEY", stage.operator_key());
    let steps = home.join("steps");
    let launch = if steps.exists() { launch.env("JUSTMANAGE_STEPS", steps) } else { launch };
    launch.start().await.expect("the provider starts")
}

/// A cluster of three shards with a replica each, changed or completed by `more`.
pub(crate) fn cluster(more: &[(&str, Value)]) -> Value {
    let mut attributes: BTreeMap<String, Value> = [
        ("name", "cache".into()),
        ("engine", "redis".into()),
        ("version", "7.0".into()),
        ("shards", 3.into()),
        ("replicas_per_shard", 1.into()),
        ("memory", "64MiB".into()),
        ("local", Value::object::<&str>([])),
    ]
    .map(|(name, value): (&str, Value)| (name.to_owned(), value))
    .into();
    attributes.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::object(attributes)
}

/// The attribute `resources` with what is said, and the rest null.
pub(crate) fn resources(said: &[(&'static str, Value)]) -> Value {
    object(&["cpu", "memory", "io"], said)
}

/// `io` of the attribute `resources` with one thing that is said.
pub(crate) fn io(name: &'static str, value: Value) -> Value {
    object(&["read_bandwidth", "write_bandwidth", "read_iops", "write_iops", "weight"], &[(name, value)])
}

fn object(names: &[&'static str], said: &[(&'static str, Value)]) -> Value {
    let of = |name: &&'static str| {
        said.iter().find(|(other, _)| other == name).map_or(Value::Null, |(_, value)| value.clone())
    };
    Value::object(names.iter().map(|name| (*name, of(name))))
}

/// An attribute of a state or a plan.
pub(crate) fn get<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(&Path::attribute(name)).unwrap_or_else(|| panic!("no {name} in {value:?}"))
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    get(value, name).as_str().unwrap_or_else(|| panic!("{name} is no text in {value:?}"))
}

/// The texts of a list.
pub(crate) fn texts(value: &Value, name: &str) -> Vec<String> {
    let elements = get(value, name).as_elements().unwrap_or_else(|| panic!("{name} is no list in {value:?}"));
    elements.iter().map(|element| element.as_str().expect("a text").to_owned()).collect()
}

/// The error that a call answered with.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, HostError>) -> Diagnostic {
    match answer {
        Err(HostError::Diagnostics(diagnostics)) => one(&diagnostics, Severity::Error),
        other => panic!("no error, but {other:?}"),
    }
}

/// The only diagnostic of a severity.
pub(crate) fn one(diagnostics: &Diagnostics, severity: Severity) -> Diagnostic {
    let mut found = diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity);
    let first = found.next().unwrap_or_else(|| panic!("no {severity:?} among {diagnostics:?}"));
    assert_eq!(found.next(), None, "one of them");
    first.clone()
}

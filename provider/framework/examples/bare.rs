//! A provider without the typed layer: it echoes, and misbehaves on request. For the tests of the plugin process.
//!
//! `bare_thing` has `text` (required) and `note` (optional). A word in `text` says what goes wrong, and where:
//! `panic-in-validate`, `panic-elsewhere`, `crash`, `print`, `flood`, `log`, `wait`, `block`, `env`.

use std::{io::Write, process::ExitCode, time::Duration};

use bytes::Bytes;
use tfkit::plugin::{self, Options, Stop};
use tfkit_proto::tfplugin6::{
    AttributePath, Diagnostic, DynamicValue, Schema, ServerCapabilities, apply_resource_change, configure_provider,
    diagnostic::Severity, get_provider_schema, plan_resource_change, provider_server::Provider, read_resource, schema,
    stop_provider, upgrade_resource_state, validate_provider_config, validate_resource_config,
};
use tonic::{Request, Response, Status, async_trait};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let stop = Stop::new();
    let options = Options::new("example.test/acme/bare").debug(arguments == ["--debug"]).stop(stop.clone());
    plugin::serve(Bare { stop }, options)
}

struct Bare {
    stop: Stop,
}

type Answer<T> = Result<Response<T>, Status>;

fn has(value: Option<&DynamicValue>, word: &str) -> bool {
    value.is_some_and(|v| v.msgpack.windows(word.len()).any(|part| part == word.as_bytes()))
}

fn error(summary: &str) -> Vec<Diagnostic> {
    let (severity, detail) = (Severity::Error.into(), String::new());
    vec![Diagnostic { severity, summary: summary.into(), detail, attribute: None::<AttributePath> }]
}

fn string(name: &str, required: bool) -> schema::Attribute {
    let r#type = Bytes::from_static(b"\"string\"");
    schema::Attribute { name: name.into(), r#type, required, optional: !required, ..Default::default() }
}

fn object(attributes: Vec<schema::Attribute>) -> Schema {
    Schema { version: 0, block: Some(schema::Block { attributes, ..Default::default() }) }
}

#[async_trait]
impl Provider for Bare {
    async fn get_provider_schema(
        &self,
        _: Request<get_provider_schema::Request>,
    ) -> Answer<get_provider_schema::Response> {
        let thing = object(vec![string("note", false), string("text", true)]);
        Ok(Response::new(get_provider_schema::Response {
            provider: Some(object(vec![])),
            resource_schemas: [("bare_thing".to_owned(), thing)].into(),
            server_capabilities: Some(ServerCapabilities { get_provider_schema_optional: true, ..Default::default() }),
            ..Default::default()
        }))
    }

    async fn validate_provider_config(
        &self,
        _: Request<validate_provider_config::Request>,
    ) -> Answer<validate_provider_config::Response> {
        Ok(Response::new(validate_provider_config::Response { diagnostics: vec![] }))
    }

    async fn configure_provider(
        &self,
        _: Request<configure_provider::Request>,
    ) -> Answer<configure_provider::Response> {
        Ok(Response::new(configure_provider::Response { diagnostics: vec![] }))
    }

    async fn validate_resource_config(
        &self,
        request: Request<validate_resource_config::Request>,
    ) -> Answer<validate_resource_config::Response> {
        let config = request.into_inner().config;
        let asked = |word| has(config.as_ref(), word);
        if asked("panic-in-validate") {
            panic!("asked to panic\nin two lines");
        }
        if asked("panic-elsewhere") {
            tokio::spawn(async { panic!("nobody caught me") });
        }
        if asked("crash") {
            let crashed = std::thread::Builder::new().name("worker".into()).spawn(|| panic!("fell over"));
            let _ = crashed.map(std::thread::JoinHandle::join);
            std::process::abort();
        }
        if asked("print") {
            let mut out = std::io::stdout();
            out.write_all(b"a forgotten print\n").and_then(|()| out.flush())?;
        }
        if asked("flood") {
            std::io::stdout().write_all(&vec![b'x'; 1 << 20])?;
        }
        if asked("log") {
            let step = tracing::info_span!("step", node = "jmn1");
            step.in_scope(|| tracing::warn!(number = 4, "a warning"));
            tracing::trace!("{}", "x".repeat(200_000));
        }
        let diagnostics = if asked("env") { error(&format!("pid {}", std::process::id())) } else { vec![] };
        Ok(Response::new(validate_resource_config::Response { diagnostics }))
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<upgrade_resource_state::Request>,
    ) -> Answer<upgrade_resource_state::Response> {
        let json = request.into_inner().raw_state.unwrap_or_default().json;
        let upgraded_state = Some(DynamicValue { json, msgpack: Bytes::new() });
        Ok(Response::new(upgrade_resource_state::Response { upgraded_state, diagnostics: vec![] }))
    }

    async fn read_resource(&self, request: Request<read_resource::Request>) -> Answer<read_resource::Response> {
        let request = request.into_inner();
        let (new_state, private) = (request.current_state, request.private);
        Ok(Response::new(read_resource::Response { new_state, private, ..Default::default() }))
    }

    async fn plan_resource_change(
        &self,
        request: Request<plan_resource_change::Request>,
    ) -> Answer<plan_resource_change::Response> {
        let request = request.into_inner();
        let (planned_state, planned_private) = (request.proposed_new_state, request.prior_private);
        Ok(Response::new(plan_resource_change::Response { planned_state, planned_private, ..Default::default() }))
    }

    async fn apply_resource_change(
        &self,
        request: Request<apply_resource_change::Request>,
    ) -> Answer<apply_resource_change::Response> {
        let request = request.into_inner();
        let mut diagnostics = vec![];
        if has(request.config.as_ref(), "block") {
            // What must not be done, and must not keep others from being heard.
            std::thread::sleep(Duration::from_secs(3));
        }
        if has(request.config.as_ref(), "wait") {
            let token = self.stop.token();
            tracing::info!("waiting");
            token.cancelled().await;
            diagnostics = error("stopped");
        }
        let (new_state, private) = (request.planned_state, request.planned_private);
        Ok(Response::new(apply_resource_change::Response { new_state, private, diagnostics, ..Default::default() }))
    }

    async fn stop_provider(&self, _: Request<stop_provider::Request>) -> Answer<stop_provider::Response> {
        self.stop.stop();
        Ok(Response::new(stop_provider::Response { error: String::new() }))
    }
}

//! One provider process and the clients of its services.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    time::{Duration, Instant},
};

use tfkit_proto::{
    health::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient},
    plugin::{
        ConnInfo, Empty, grpc_broker_client::GrpcBrokerClient, grpc_controller_client::GrpcControllerClient,
        grpc_stdio_client::GrpcStdioClient,
    },
    tfplugin6::{get_provider_schema, get_resource_identity_schemas, provider_client::ProviderClient, stop_provider},
};
use tokio::time::timeout;
use tonic::{Status, Streaming, transport::Channel};

use super::{Output, Process, Schemas, dial, identities, launch::DEADLINE};
use crate::{Diagnostics, check::Violation, schema::Schema, value::Mismatch, wire::DecodeError};

/// Greatest schema that core takes.
const SCHEMA_LIMIT: usize = 64 << 20;

/// Greatest message of any other kind that core takes.
const MESSAGE_LIMIT: usize = i32::MAX as usize;

/// Why a test host could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The process could not be started, or not be waited for.
    #[error("the provider process")]
    Start(#[source] io::Error),
    /// The first line was none, or none of a plugin.
    #[error("Unrecognized remote plugin message: {0}")]
    Handshake(String),
    /// There is no connection.
    #[error("no connection to the provider")]
    Connect(#[source] io::Error),
    /// A call failed as such.
    #[error("{0} failed")]
    Call(&'static str, #[source] Box<Status>),
    /// Something did not happen within half a minute.
    #[error("too late: {0}")]
    Late(&'static str),
    /// The provider did not write what was waited for; this is what it wrote.
    #[error("not written; instead: {0}")]
    Output(String),
    /// A schema of the provider is bad.
    #[error("the schema of {0} is bad: {1}")]
    Schema(String, String),
    /// The provider has no such type.
    #[error("the provider has no {0}")]
    NoSuchType(String),
    /// The test gave a value that is not of the schema's type.
    #[error("the test's value is not of the schema's type")]
    Value(#[from] Mismatch),
    /// The provider answered with bytes that are no value of the schema's type.
    #[error("{0} answered with a bad value")]
    Decode(&'static str, #[source] DecodeError),
    /// The provider answered without a value where there must be one.
    #[error("{0} answered without a value")]
    Absent(&'static str),
    /// A function failed: the text, and the position of the argument that is to blame.
    #[error("{0}")]
    Function(String, Option<usize>),
    /// The second call of a function with the same arguments had another result.
    #[error("function {0} is not pure")]
    Impure(String),
    /// The provider answered with errors.
    #[error("{0:?}")]
    Diagnostics(Diagnostics),
    /// The answer breaks core's rules; core would say "Provider produced ..." and stop.
    #[error("Provider produced an invalid answer to {0}: {1:?}")]
    Violations(&'static str, Vec<Violation>),
}

/// A provider process and a connection to it; the process is killed when this is dropped.
#[derive(Debug)]
pub struct Host {
    process: Option<Process>,
    channel: Channel,
    output: Output,
    schemas: Option<std::sync::Arc<Schemas>>,
    _broker: Option<Streaming<ConnInfo>>,
}

impl Host {
    /// Connects as the host does that started the process.
    pub(super) async fn connect(process: Process) -> Result<Self, HostError> {
        let channel = timeout(DEADLINE, process.channel()).await.map_err(|_| HostError::Late("the connection"))??;
        let output = process.output.clone();
        Self::over(channel, output, Some(process)).await
    }

    /// Connects without the two streams that go-plugin's client opens at once, so that nobody reads what is printed.
    ///
    /// # Errors
    /// When the connection is refused.
    pub async fn silent(process: Process) -> Result<Self, HostError> {
        let channel = process.channel().await?;
        let output = process.output.clone();
        Ok(Self { process: Some(process), channel, output, schemas: None, _broker: None })
    }

    /// Attaches to a process in debug mode, as Terraform does with TF_REATTACH_PROVIDERS.
    ///
    /// # Errors
    /// When nobody listens, or the services of go-plugin are not there.
    pub async fn attach(socket: &Path) -> Result<Self, HostError> {
        Self::over(dial::plain(socket).await?, Output::default(), None).await
    }

    /// Opens the two streams that go-plugin's client opens at once.
    async fn over(channel: Channel, output: Output, process: Option<Process>) -> Result<Self, HostError> {
        let opened = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await;
        let mut stdio = opened.map_err(|s| HostError::Call("StreamStdio", s.into()))?.into_inner();
        let sink = output.clone();
        tokio::spawn(async move {
            while let Ok(Some(piece)) = stdio.message().await {
                sink.add_stray(&piece.data);
            }
        });
        let opened = GrpcBrokerClient::new(channel.clone()).start_stream(tokio_stream::pending()).await;
        let broker = opened.map_err(|s| HostError::Call("StartStream", s.into()))?.into_inner();
        Ok(Self { process, channel, output, schemas: None, _broker: Some(broker) })
    }

    /// A client for the raw calls.
    pub fn client(&self) -> ProviderClient<Channel> {
        ProviderClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT)
    }

    /// The connection, for other services.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The process, unless this is attached to one that somebody else started.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// What the provider has written.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// The provider's schemas; asked for once.
    ///
    /// # Errors
    /// When the call fails, the answer is greater than core takes, or a schema is bad.
    pub async fn schemas(&mut self) -> Result<std::sync::Arc<Schemas>, HostError> {
        if let Some(schemas) = &self.schemas {
            return Ok(schemas.clone());
        }
        let mut client = self.client().max_decoding_message_size(SCHEMA_LIMIT);
        let answer = client.get_provider_schema(get_provider_schema::Request {}).await;
        let answer = answer.map_err(|s| HostError::Call("GetProviderSchema", s.into()))?.into_inner();
        let mut schemas = Schemas::try_from(answer)?;
        schemas.identities = self.identities().await?;
        let schemas = std::sync::Arc::new(schemas);
        self.schemas = Some(schemas.clone());
        Ok(schemas)
    }

    /// The schemas of identities; none of a provider that has not heard of them.
    async fn identities(&self) -> Result<BTreeMap<String, Schema>, HostError> {
        const CALL: &str = "GetResourceIdentitySchemas";
        let request = get_resource_identity_schemas::Request {};
        match self.client().get_resource_identity_schemas(request).await {
            Err(status) if status.code() == tonic::Code::Unimplemented => Ok(BTreeMap::new()),
            Err(status) => Err(HostError::Call(CALL, status.into())),
            Ok(answer) => {
                let all = answer.into_inner().identity_schemas.into_iter();
                all.map(|(name, schema)| Ok((name.clone(), identities::read_schema(&name, schema)?))).collect()
            }
        }
    }

    /// Whether the health service says that this service serves; none: it knows no such service.
    ///
    /// # Errors
    /// When the call fails otherwise.
    pub async fn healthy(&self, service: &str) -> Result<Option<bool>, HostError> {
        let request = HealthCheckRequest { service: service.to_owned() };
        match HealthClient::new(self.channel.clone()).check(request).await {
            Ok(answer) => Ok(Some(answer.get_ref().status() == ServingStatus::Serving)),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(HostError::Call("Check", status.into())),
        }
    }

    /// StopProvider, as at Ctrl-C.
    ///
    /// # Errors
    /// When the call fails, or the provider answers with an error.
    pub async fn stop(&self) -> Result<(), HostError> {
        let answer = self.client().stop_provider(stop_provider::Request {}).await;
        let error = answer.map_err(|s| HostError::Call("StopProvider", s.into()))?.into_inner().error;
        if error.is_empty() { Ok(()) } else { Err(HostError::Output(error)) }
    }

    /// Asks for the end, waits for it, and says how long it took.
    ///
    /// # Errors
    /// When the provider does not end, or not with success. Terraform would kill it after two seconds.
    pub async fn shutdown(mut self) -> Result<Duration, HostError> {
        let begin = Instant::now();
        // An answer may be lost in the end that it announces; Go's is.
        let asked = GrpcControllerClient::new(self.channel.clone()).shutdown(Empty {}).await;
        let Some(process) = &mut self.process else { return Ok(begin.elapsed()) };
        let status = process.wait().await?;
        match (status.success(), asked) {
            (true, _) => Ok(begin.elapsed()),
            (false, Err(status)) => Err(HostError::Call("Shutdown", status.into())),
            (false, Ok(_)) => Err(HostError::Output(format!("{status}: {}", self.output.text()))),
        }
    }
}

/// Looks something up by its type name.
pub(super) fn named<'a, T>(all: &'a BTreeMap<String, T>, name: &str) -> Result<&'a T, HostError> {
    all.get(name).ok_or_else(|| HostError::NoSuchType(name.to_owned()))
}

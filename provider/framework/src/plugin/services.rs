//! go-plugin's own services: end of the process, broker, printed text, and health.
//!
//! The host opens the streams of broker and printed text at once and never closes them. A server that shuts down
//! gracefully would wait for them, and Terraform kills it after two seconds; so they end when the process ends.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use tfkit_proto::{
    health::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server::Health},
    plugin::{
        ConnInfo, Empty, StdioData, grpc_broker_server::GrpcBroker, grpc_controller_server::GrpcController,
        grpc_stdio_server::GrpcStdio, stdio_data::Channel,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::stdout::Stray;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Ends the process on request.
pub(super) struct Controller {
    /// None in debug mode, where the process belongs to the one who started it.
    pub(super) ending: Option<CancellationToken>,
}

#[async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        if let Some(ending) = &self.ending {
            tracing::debug!("shutdown asked for");
            ending.cancel();
        }
        Ok(Response::new(Empty {}))
    }
}

/// Listens to the host's offers of further connections, and takes none: a provider has no use for them.
pub(super) struct Broker {
    pub(super) ending: CancellationToken,
}

#[async_trait]
impl GrpcBroker for Broker {
    async fn start_stream(&self, request: Request<Streaming<ConnInfo>>) -> Result<Response<Answers<ConnInfo>>, Status> {
        let ending = self.ending.clone();
        let listen = async move {
            let mut offers = request.into_inner();
            let drain = async { while let Some(Ok(_)) = offers.next().await {} };
            tokio::select! { () = ending.cancelled() => {}, () = drain => {} }
        };
        Ok(Response::new(Box::pin(stream::once(listen).filter_map(|()| std::future::ready(None)))))
    }
}

/// Passes printed text on.
pub(super) struct Stdio {
    /// None in debug mode, where it goes to the terminal.
    pub(super) stray: Option<Arc<Stray>>,
    pub(super) ending: CancellationToken,
}

#[async_trait]
impl GrpcStdio for Stdio {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Answers<StdioData>>, Status> {
        let Some(stray) = self.stray.clone() else {
            return Ok(Response::new(Box::pin(stream::pending().take_until(self.ending.clone().cancelled_owned()))));
        };
        // Ends by itself, once what was printed before the end has been passed on.
        let pieces = stream::unfold(stray, |stray| async {
            let data = stray.next().await?;
            Some((Ok(StdioData { channel: Channel::Stdout.into(), data }), stray))
        });
        Ok(Response::new(Box::pin(pieces)))
    }
}

/// Says that the process is well.
pub(super) struct Healthy {
    pub(super) ending: CancellationToken,
}

/// The name under which go-plugin asks.
const SERVICE: &str = "plugin";

impl Healthy {
    fn status(request: &HealthCheckRequest) -> Option<ServingStatus> {
        (request.service.is_empty() || request.service == SERVICE).then_some(ServingStatus::Serving)
    }
}

#[async_trait]
impl Health for Healthy {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match Self::status(request.get_ref()) {
            Some(status) => Ok(Response::new(HealthCheckResponse { status: status.into() })),
            None => Err(Status::not_found("unknown service")),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Answers<HealthCheckResponse>>, Status> {
        let status = Self::status(request.get_ref()).unwrap_or(ServingStatus::ServiceUnknown);
        let now = stream::once(std::future::ready(Ok(HealthCheckResponse { status: status.into() })));
        let until_the_end = now.chain(stream::pending()).take_until(self.ending.clone().cancelled_owned());
        Ok(Response::new(Box::pin(until_the_end)))
    }
}

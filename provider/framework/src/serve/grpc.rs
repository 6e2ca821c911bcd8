//! The generated service trait: unpack, call, answer. What is not here answers UNIMPLEMENTED.

use tfkit_proto::tfplugin6::{self as proto, provider_server};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};
use tracing::info_span;

use super::Service;
use super::answer::answer;

#[tonic::async_trait]
impl provider_server::Provider for Service {
    async fn get_metadata(
        &self,
        _: Request<proto::get_metadata::Request>,
    ) -> Result<Response<proto::get_metadata::Response>, Status> {
        answer(info_span!("call", tf_rpc = "GetMetadata"), async { Ok(self.0.metadata()) }).await
    }

    async fn get_provider_schema(
        &self,
        _: Request<proto::get_provider_schema::Request>,
    ) -> Result<Response<proto::get_provider_schema::Response>, Status> {
        answer(info_span!("call", tf_rpc = "GetProviderSchema"), async { Ok(self.0.schemas()) }).await
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<proto::get_resource_identity_schemas::Request>,
    ) -> Result<Response<proto::get_resource_identity_schemas::Response>, Status> {
        let span = info_span!("call", tf_rpc = "GetResourceIdentitySchemas");
        answer(span, async { Ok(self.0.identity_schemas()) }).await
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<proto::upgrade_resource_identity::Request>,
    ) -> Result<Response<proto::upgrade_resource_identity::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "UpgradeResourceIdentity", tf_resource_type = request.type_name);
        answer(span, async { self.0.upgrade_identity(&request) }).await
    }

    async fn move_resource_state(
        &self,
        request: Request<proto::move_resource_state::Request>,
    ) -> Result<Response<proto::move_resource_state::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "MoveResourceState", tf_resource_type = request.target_type_name);
        answer(span, async { self.0.move_state(&request) }).await
    }

    async fn generate_resource_config(
        &self,
        request: Request<proto::generate_resource_config::Request>,
    ) -> Result<Response<proto::generate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "GenerateResourceConfig", tf_resource_type = request.type_name);
        answer(span, async { self.0.generate_config(&request) }).await
    }

    async fn validate_provider_config(
        &self,
        request: Request<proto::validate_provider_config::Request>,
    ) -> Result<Response<proto::validate_provider_config::Response>, Status> {
        let request = request.into_inner();
        answer(info_span!("call", tf_rpc = "ValidateProviderConfig"), async { self.0.validate_provider(&request) })
            .await
    }

    async fn validate_resource_config(
        &self,
        request: Request<proto::validate_resource_config::Request>,
    ) -> Result<Response<proto::validate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ValidateResourceConfig", tf_resource_type = request.type_name);
        answer(span, async { self.0.validate_resource(&request) }).await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<proto::validate_data_resource_config::Request>,
    ) -> Result<Response<proto::validate_data_resource_config::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ValidateDataResourceConfig", tf_data_source_type = request.type_name);
        answer(span, async { self.0.validate_data_source(&request) }).await
    }

    async fn configure_provider(
        &self,
        request: Request<proto::configure_provider::Request>,
    ) -> Result<Response<proto::configure_provider::Response>, Status> {
        answer(info_span!("call", tf_rpc = "ConfigureProvider"), self.0.configure(request.into_inner())).await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<proto::upgrade_resource_state::Request>,
    ) -> Result<Response<proto::upgrade_resource_state::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!(
            "call",
            tf_rpc = "UpgradeResourceState",
            tf_resource_type = request.type_name,
            version = request.version
        );
        answer(span, async { self.0.upgrade(&request) }).await
    }

    async fn read_resource(
        &self,
        request: Request<proto::read_resource::Request>,
    ) -> Result<Response<proto::read_resource::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ReadResource", tf_resource_type = request.type_name);
        answer(span, self.0.read(request)).await
    }

    async fn plan_resource_change(
        &self,
        request: Request<proto::plan_resource_change::Request>,
    ) -> Result<Response<proto::plan_resource_change::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "PlanResourceChange", tf_resource_type = request.type_name);
        answer(span, self.0.plan(request)).await
    }

    async fn apply_resource_change(
        &self,
        request: Request<proto::apply_resource_change::Request>,
    ) -> Result<Response<proto::apply_resource_change::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ApplyResourceChange", tf_resource_type = request.type_name);
        // Whatever fails before the author's code ran, or in ours: what was there is still there.
        let (prior, private) = (request.prior_state.clone(), request.planned_private.clone());
        let identity = request.planned_identity.clone();
        let mut response = answer(span, self.0.apply(request)).await?;
        if response.get_ref().new_state.is_none() {
            response.get_mut().new_state = prior;
            response.get_mut().private = private;
            response.get_mut().new_identity = identity;
        }
        Ok(response)
    }

    async fn import_resource_state(
        &self,
        request: Request<proto::import_resource_state::Request>,
    ) -> Result<Response<proto::import_resource_state::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ImportResourceState", tf_resource_type = request.type_name);
        answer(span, self.0.import(request)).await
    }

    async fn validate_list_resource_config(
        &self,
        request: Request<proto::validate_list_resource_config::Request>,
    ) -> Result<Response<proto::validate_list_resource_config::Response>, Status> {
        lacks("lists", self.0.has_lists())?;
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ValidateListResourceConfig", tf_list_resource_type = request.type_name);
        answer(span, async { self.0.validate_list(&request) }).await
    }

    async fn list_resource(
        &self,
        request: Request<proto::list_resource::Request>,
    ) -> Result<Response<BoxStream<proto::list_resource::Event>>, Status> {
        lacks("lists", self.0.has_lists())?;
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ListResource", tf_list_resource_type = request.type_name);
        Ok(Response::new(span.in_scope(|| self.list_resource(request))))
    }

    async fn validate_action_config(
        &self,
        request: Request<proto::validate_action_config::Request>,
    ) -> Result<Response<proto::validate_action_config::Response>, Status> {
        lacks("actions", self.0.has_actions())?;
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ValidateActionConfig", tf_action_type = request.type_name);
        answer(span, async { self.0.validate_action(&request) }).await
    }

    async fn plan_action(
        &self,
        request: Request<proto::plan_action::Request>,
    ) -> Result<Response<proto::plan_action::Response>, Status> {
        lacks("actions", self.0.has_actions())?;
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "PlanAction", tf_action_type = request.action_type);
        answer(span, self.0.plan_action(request)).await
    }

    async fn invoke_action(
        &self,
        request: Request<proto::invoke_action::Request>,
    ) -> Result<Response<BoxStream<proto::invoke_action::Event>>, Status> {
        lacks("actions", self.0.has_actions())?;
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "InvokeAction", tf_action_type = request.action_type);
        Ok(Response::new(span.in_scope(|| self.invoke_action(request))))
    }

    async fn read_data_source(
        &self,
        request: Request<proto::read_data_source::Request>,
    ) -> Result<Response<proto::read_data_source::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "ReadDataSource", tf_data_source_type = request.type_name);
        answer(span, self.0.read_data_source(request)).await
    }

    /// Terraform asks for the functions of every provider: none is an answer, UNIMPLEMENTED would be a log line.
    async fn get_functions(
        &self,
        _: Request<proto::get_functions::Request>,
    ) -> Result<Response<proto::get_functions::Response>, Status> {
        answer(info_span!("call", tf_rpc = "GetFunctions"), async { Ok(self.0.functions()) }).await
    }

    async fn call_function(
        &self,
        request: Request<proto::call_function::Request>,
    ) -> Result<Response<proto::call_function::Response>, Status> {
        let request = request.into_inner();
        let span = info_span!("call", tf_rpc = "CallFunction", tf_function_name = request.name);
        answer(span, async { self.0.call_function(&request) }).await
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<proto::validate_ephemeral_resource_config::Request>,
    ) -> Result<Response<proto::validate_ephemeral_resource_config::Response>, Status> {
        let request = request.into_inner();
        let (rpc, name) = ("ValidateEphemeralResourceConfig", &request.type_name);
        let span = info_span!("call", tf_rpc = rpc, tf_ephemeral_resource_type = name);
        answer(span, async { self.0.validate_ephemeral(&request) }).await
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<proto::open_ephemeral_resource::Request>,
    ) -> Result<Response<proto::open_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let (rpc, name) = ("OpenEphemeralResource", &request.type_name);
        answer(info_span!("call", tf_rpc = rpc, tf_ephemeral_resource_type = name), self.0.open(request)).await
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<proto::renew_ephemeral_resource::Request>,
    ) -> Result<Response<proto::renew_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let (rpc, name) = ("RenewEphemeralResource", &request.type_name);
        answer(info_span!("call", tf_rpc = rpc, tf_ephemeral_resource_type = name), self.0.renew(request)).await
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<proto::close_ephemeral_resource::Request>,
    ) -> Result<Response<proto::close_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let (rpc, name) = ("CloseEphemeralResource", &request.type_name);
        answer(info_span!("call", tf_rpc = rpc, tf_ephemeral_resource_type = name), self.0.close(request)).await
    }

    async fn stop_provider(
        &self,
        _: Request<proto::stop_provider::Request>,
    ) -> Result<Response<proto::stop_provider::Response>, Status> {
        tracing::info!("asked to stop: telling all calls in flight");
        self.0.stop.stop();
        Ok(Response::new(proto::stop_provider::Response::default()))
    }
}

/// A provider that has none of a kind answers as one that has never heard of it.
fn lacks(kind: &str, there: bool) -> Result<(), Status> {
    if there { Ok(()) } else { Err(Status::unimplemented(format!("this provider has no {kind}"))) }
}

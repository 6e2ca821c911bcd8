//! How each kind of answer says that it failed, and the guard around each call.

use std::future::Future;
use std::time::Instant;

use tfkit_proto::tfplugin6 as proto;
use tonic::{Response, Status};
use tracing::{Instrument, Span};

use super::call_function;
use super::codec::diagnostics_out;
use super::run::{panicked, with_an_error};
use crate::plugin::catch_panic;
use crate::{Diagnostics, Severity};

/// An answer that can say that the call failed.
pub(super) trait Answer {
    /// An answer that has these diagnostics, at least one of them an error, and nothing else.
    fn failed(diagnostics: Diagnostics) -> Self;
}

macro_rules! answers {
    ($($module:ident),* $(,)?) => {$(
        impl Answer for proto::$module::Response {
            // Some answers have nothing else.
            #[allow(clippy::needless_update)]
            fn failed(diagnostics: Diagnostics) -> Self {
                Self { diagnostics: diagnostics_out(diagnostics), ..Self::default() }
            }
        }
    )*};
}

answers!(
    get_metadata,
    get_provider_schema,
    get_resource_identity_schemas,
    validate_provider_config,
    validate_resource_config,
    validate_data_resource_config,
    configure_provider,
    upgrade_resource_state,
    read_resource,
    plan_resource_change,
    apply_resource_change,
    import_resource_state,
    upgrade_resource_identity,
    move_resource_state,
    generate_resource_config,
    validate_list_resource_config,
    validate_action_config,
    plan_action,
    read_data_source,
    get_functions,
    validate_ephemeral_resource_config,
    open_ephemeral_resource,
    renew_ephemeral_resource,
    close_ephemeral_resource,
);

impl Answer for proto::call_function::Response {
    /// There is room for one error, and none for warnings.
    fn failed(diagnostics: Diagnostics) -> Self {
        let text = diagnostics.iter().find(|one| one.severity == Severity::Error).map(|one| one.detail.clone());
        let text = text.unwrap_or_else(|| "the call failed without saying why".to_owned());
        call_function::failed(proto::FunctionError { text, function_argument: None })
    }
}

/// Runs one call in its span, whose fields have the names that Terraform's own framework gives them in logs. A panic, here of the framework's own code, is a diagnostic too.
pub(super) async fn answer<A: Answer>(
    span: Span,
    work: impl Future<Output = Result<A, Diagnostics>>,
) -> Result<Response<A>, Status> {
    let work = async {
        tracing::debug!("called");
        let began = Instant::now();
        let result = catch_panic(work).await.unwrap_or_else(|panic| Err(panicked(&panic).into()));
        tracing::debug!(tf_req_duration_ms = began.elapsed().as_secs_f64() * 1000.0, "answered");
        result
    };
    let result = work.instrument(span).await;
    Ok(Response::new(result.unwrap_or_else(|failure| A::failed(with_an_error(failure)))))
}

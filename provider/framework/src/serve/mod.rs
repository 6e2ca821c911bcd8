//! The gRPC service: wire -> typed calls -> wire.

pub(crate) mod any;
pub(crate) mod config;
pub(crate) mod data_source;
mod run;
pub(crate) mod typed;

use std::collections::BTreeMap;
use std::sync::Arc;

use any::{AnyConfig, AnyDataSource, AnyResource};

/// A schema that Terraform would not accept.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Two resources or two data sources have this name.
    #[error("the type {0} is registered twice")]
    Repeated(String),
}

/// The service of one provider.
#[derive(Clone)]
pub struct Service(#[allow(dead_code)] Arc<Inner>);

struct Inner {}

impl Service {
    pub(crate) fn new(
        _config: Box<dyn AnyConfig>,
        _resources: BTreeMap<String, Arc<dyn AnyResource>>,
        _data_sources: BTreeMap<String, Arc<dyn AnyDataSource>>,
        _repeated: Vec<String>,
    ) -> Result<Self, ServiceError> {
        Ok(Self(Arc::new(Inner {})))
    }
}

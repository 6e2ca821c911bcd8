//! The SDK's client.
//!
//! With ring, the only crypto provider of this house (docs/decisions/0002-one-crypto-provider.md), and without retries of the SDK's own: it
//! repeats a lack of capacity in the same zone as if it were a broken connection, and hides how often.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::settings::AwsSettings;

/// Longest time for a connection, and for one call: EC2 answers within a few seconds, also to many at once.
const CONNECT: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(60);

/// A client for these settings. Credentials are looked for at its first call.
pub(crate) async fn client(settings: &AwsSettings) -> Client {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(CALL).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    if let Some(keys) = &settings.keys {
        let session = keys.session.as_ref().map(|session| session.expose().clone());
        loader =
            loader.credentials_provider(Credentials::new(&keys.id, keys.secret.expose(), session, None, "settings"));
    }
    let config = loader.load().await;
    let mut config = aws_sdk_ec2::config::Builder::from(&config);
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

//! HTTP: one call at a time, pages one after the other, and what time it is there.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use justmanage_platform_cloud::ApiError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Response};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::refusal::{Refused, refusal};
use crate::settings::DigitalOceanSettings;

/// Where the API answers.
const ENDPOINT: &str = "https://api.digitalocean.com";
/// Longest time for a connection, and for one call: the API answers within a few seconds.
const CONNECT: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(60);
/// Items of a page: as many as there can be.
const PAGE: usize = 200;
/// Most pages: a list that does not end is no list.
const PAGES: usize = 1000;

/// What stands in an address as it is: tags have colons.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

/// An answer, and when it was given.
#[derive(Clone, Debug)]
pub(crate) struct Dated<T> {
    pub(crate) is: T,
    /// By the server's clock; `None`: it did not say.
    pub(crate) at: Option<Timestamp>,
}

/// Whoever calls the API.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// A client for these settings. Nobody is asked yet.
    pub(crate) fn new(settings: &DigitalOceanSettings) -> Result<Self, ApiError> {
        let mut token = HeaderValue::from_str(&format!("Bearer {}", settings.token.expose()))
            .map_err(|_| ApiError::Denied("the token has characters that none has".to_owned()))?;
        token.set_sensitive(true);
        let headers: HeaderMap = [(AUTHORIZATION, token), (CONTENT_TYPE, HeaderValue::from_static("application/json"))]
            .into_iter()
            .collect();
        let builder = reqwest::Client::builder()
            .use_preconfigured_tls(tls()?)
            .default_headers(headers)
            .user_agent(concat!("justmanage/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(CALL)
            // The token is for this server, and for no other.
            .redirect(Policy::none());
        let builder = if settings.endpoint.is_some() { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| ApiError::Other(format!("no client can be made: {error}")))?;
        Ok(Self { http, base: settings.endpoint.clone().unwrap_or_else(|| ENDPOINT.to_owned()) })
    }

    /// What is at a path, in the member of this name.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, member: &str) -> Result<Dated<T>, ApiError> {
        let Dated { mut is, at } = self.call(Method::GET, path, None).await?;
        Ok(Dated { is: read(is[member].take())?, at })
    }

    /// A whole list; `query`: `name=value`, and so on, encoded.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        member: &str,
        query: &str,
    ) -> Result<Dated<Vec<T>>, ApiError> {
        let mut found = Vec::new();
        for page in 1..=PAGES {
            let path = format!("{path}?page={page}&per_page={PAGE}{}{query}", if query.is_empty() { "" } else { "&" });
            let Dated { mut is, at } = self.call(Method::GET, &path, None).await?;
            found.extend(read::<Vec<T>>(is[member].take())?);
            // By the number, and never by the address that is given there: the token goes nowhere else.
            if is["links"]["pages"]["next"].is_null() {
                return Ok(Dated { is: found, at });
            }
        }
        Err(ApiError::Other(format!("the list at {path} has more than {PAGES} pages")))
    }

    /// Makes something; `member`: of the answer.
    pub(crate) async fn make<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Value,
        member: &str,
    ) -> Result<Dated<T>, ApiError> {
        let Dated { mut is, at } = self.call(Method::POST, path, Some(body)).await?;
        Ok(Dated { is: read(is[member].take())?, at })
    }

    /// Tells it something, whose answer says nothing more.
    pub(crate) async fn tell(&self, method: Method, path: &str, body: Option<Value>) -> Result<(), ApiError> {
        self.call(method, path, body).await.map(|_| ())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Dated<Value>, ApiError> {
        let is_delete = method == Method::DELETE;
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.map_err(lost)?;
        let (status, at) = (response.status().as_u16(), date(&response));
        let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse::<u32>().ok();
        let (retry_after, reset) = (number("retry-after").map(u64::from), number("ratelimit-reset").map(i64::from));
        let text = response.text().await.map_err(lost)?;
        if !(200..300).contains(&status) {
            let now = at.map(Timestamp::as_second);
            return Err(refusal(&Refused { status, text: &text, is_delete, retry_after, reset, now }));
        }
        let is = match text.trim() {
            "" => Value::Null,
            text => {
                serde_json::from_str(text).map_err(|error| ApiError::Lost(format!("the answer is none: {error}")))?
            }
        };
        Ok(Dated { is, at })
    }
}

/// A part of a path, or a value in a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// What is gone already is gone.
pub(crate) fn gone(answer: Result<(), ApiError>) -> Result<(), ApiError> {
    match answer {
        Err(ApiError::NotFound(_)) => Ok(()),
        answer => answer,
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|error| ApiError::Lost(format!("the answer is not as it is to be: {error}")))
}

/// Nobody knows what was done: a connection that was never made is told from one that broke by nobody here; both can be tried again.
fn lost(error: reqwest::Error) -> ApiError {
    // Without its address, which is the same for all; with its cause, which is what matters.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    ApiError::Lost(text)
}

fn date(response: &Response) -> Option<Timestamp> {
    let text = response.headers().get(DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// TLS with ring (docs/decisions/0002-one-crypto-provider.md) and the authorities that this computer trusts, read once.
fn tls() -> Result<ClientConfig, ApiError> {
    static CONFIG: OnceLock<Result<ClientConfig, String>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    });
    config.clone().map_err(|error| ApiError::Other(format!("TLS cannot be used: {error}")))
}

//! Where a program comes from: a URL of the user's, or whoever calls.

use std::fmt;
use std::io::Read;
use std::str::FromStr;
use std::time::Duration;

use justmanage_model::Secret;
use ureq::http::Uri;

use super::ArrivalError;

/// How much is read at once.
const BLOCK: usize = 1 << 18;
/// How long a source may take for the connection, the handshake of TLS included, and for the head of its answer.
const BEGIN_LIMIT: Duration = Duration::from_secs(30);
/// Longest time for all of it: a source that gives a byte now and then is not waited for for ever.
const WHOLE_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// A program's content, piece by piece, on a thread that may wait.
pub trait Content {
    /// The next bytes; `None`: that was all.
    ///
    /// # Errors
    /// Nothing more comes.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ArrivalError>;

    /// Where it comes from, for messages: without credentials.
    fn from(&self) -> String;
}

/// An address of a mirror. It may have a password or a token in it: what is shown has neither user nor query.
#[derive(Clone)]
pub struct SourceUrl {
    text: Secret<String>,
    shown: String,
}

impl FromStr for SourceUrl {
    type Err = ArrivalError;

    fn from_str(text: &str) -> Result<Self, ArrivalError> {
        // Not repeated: it may have a password in it.
        let invalid = || ArrivalError::Invalid("the URL is none that begins with http:// or https://".to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme)).ok_or_else(invalid)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        let shown = format!("{scheme}://{host}{port}{}", uri.path());
        Ok(Self { text: Secret::new(text.to_owned()), shown })
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The content at a URL. Blocks.
///
/// # Errors
/// [`ArrivalError::Source`].
pub(crate) fn fetched(url: &SourceUrl, stall: Duration) -> Result<Box<dyn Content>, ArrivalError> {
    Ok(Box::new(Fetched::ask(url, stall)?))
}

/// The content at a URL. Certificates are judged by the roots that come with this program, as in the provider.
pub(super) struct Fetched {
    url: SourceUrl,
    reader: Box<dyn Read>,
}

impl Fetched {
    /// Asks for it.
    ///
    /// # Errors
    /// The source does not give it.
    pub(super) fn ask(url: &SourceUrl, stall: Duration) -> Result<Self, ArrivalError> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(WHOLE_LIMIT))
            .timeout_connect(Some(BEGIN_LIMIT))
            .timeout_recv_response(Some(BEGIN_LIMIT))
            .timeout_per_read(Some(stall))
            .build()
            .into();
        let answer = agent.get(url.text.expose()).call();
        let answer = answer.map_err(|error| ArrivalError::Source { from: url.to_string(), why: why(&error, stall) })?;
        Ok(Self { url: url.clone(), reader: Box::new(answer.into_body().into_reader()) })
    }
}

impl Content for Fetched {
    fn next(&mut self) -> Result<Option<Vec<u8>>, ArrivalError> {
        let mut block = vec![0; BLOCK];
        loop {
            match self.reader.read(&mut block) {
                Ok(0) => return Ok(None),
                Ok(read) => {
                    block.truncate(read);
                    return Ok(Some(block));
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ureq::Error>());
                    let why = match cause {
                        Some(ureq::Error::Timeout(_)) => "it has given nothing more for too long".to_owned(),
                        Some(cause) => format!("it broke off: {}", why(cause, BEGIN_LIMIT)),
                        None => format!("it broke off: {error}"),
                    };
                    return Err(ArrivalError::Source { from: self.url.to_string(), why });
                }
            }
        }
    }

    fn from(&self) -> String {
        self.url.to_string()
    }
}

/// What happened, without what the library repeats of addresses.
fn why(error: &ureq::Error, stall: Duration) -> String {
    match error {
        ureq::Error::StatusCode(404) => "there is nothing (status 404). Check its path".to_owned(),
        ureq::Error::StatusCode(code @ (401 | 403)) => {
            format!("it does not give this away (status {code}). Check user, password or token of the URL")
        }
        ureq::Error::StatusCode(code) => format!("it answers with status {code}"),
        ureq::Error::HostNotFound => {
            "this machine does not know its host. Check the name, and this machine's DNS".to_owned()
        }
        ureq::Error::Timeout(_) => {
            format!(
                "it does not answer within {} s. Check that this machine may reach it",
                stall.min(BEGIN_LIMIT).as_secs()
            )
        }
        ureq::Error::Io(error) => format!("it cannot be reached: {error}"),
        ureq::Error::Tls(why) => format!("it cannot prove who it is: {why}"),
        ureq::Error::Rustls(error) => format!("it cannot prove who it is: {error}"),
        ureq::Error::ConnectionFailed => "it cannot be reached".to_owned(),
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            "it leads elsewhere, and never to a file".to_owned()
        }
        _ => "it does not answer as HTTP has it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_url_has_no_credentials_in_it() {
        for (url, shown) in [
            ("https://mirror.example/redis/redis-server", "https://mirror.example/redis/redis-server"),
            ("http://user:secret@10.0.0.1:8080/a%20b?token=secret", "http://10.0.0.1:8080/a%20b"),
            ("https://secret@[::1]:1/x?secret#secret", "https://[::1]:1/x"),
            ("https://mirror.example", "https://mirror.example/"),
        ] {
            let url: SourceUrl = url.parse().expect("a URL");
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
        }
        for wrong in
            ["", "secret", "file:///secret", "ftp://secret/x", "https://", "/secret", "http:// secret", "mailto:secret"]
        {
            let refused = wrong.parse::<SourceUrl>().expect_err("none").to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}

//! `connection_uri`: an address as clients of Redis and Valkey take it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv6Addr;

use justmanage_model::UserName;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tfkit::{Function, FunctionError, Model};

/// What a client needs to know.
#[derive(Model)]
pub(crate) struct Connection {
    /// One of a cluster's `endpoints`: `address:port`, an IPv6 address in brackets.
    #[tf(required)]
    endpoint: String,
    /// Name of a `justmanage_redis_user`.
    #[tf(required)]
    user: String,
    /// The user's password, or null to leave it out and give it to the client by another way. With a password the result is
    /// as secret as it is: Terraform treats it so when the password is a sensitive or ephemeral value.
    #[tf(required)]
    password: Option<String>,
    /// Options of the client's own, as maps, such as `{ protocol = "3" }`. Of several maps, a later one wins.
    #[tf(variadic)]
    options: Vec<BTreeMap<String, String>>,
}

/// The function.
pub(crate) struct ConnectionUri;

impl Function for ConnectionUri {
    type Parameters = Connection;
    type Return = String;
    const NAME: &'static str = "connection_uri";
    const SUMMARY: &'static str = "The address of a cluster as clients take it";
    const DESCRIPTION: &'static str = "`rediss://user:password@address:port?option=value`, with everything percent-encoded that has to \
        be. It says TLS; which certificate to trust (`ca_certificate` of the cluster) is told to the client by its own means.\n\n\
        **With a password, the result is a secret.** Where the password is not marked as sensitive, neither is the result, and it \
        is shown and stored where it is used; an ephemeral variable, or null for the password, keeps it out of the state.";

    fn call(&self, given: Connection) -> Result<String, FunctionError> {
        check_endpoint(&given.endpoint).map_err(|why| FunctionError::at("endpoint", why))?;
        if given.user.is_empty() {
            return Err(FunctionError::at(
                "user",
                "It is empty, and there is no default user: name a justmanage_redis_user.",
            ));
        }
        given.user.parse::<UserName>().map_err(|invalid| FunctionError::at("user", invalid.to_string()))?;
        // Writing to a String cannot fail.
        let mut uri = format!("rediss://{}", encoded(&given.user));
        if let Some(password) = &given.password {
            if password.is_empty() {
                return Err(FunctionError::at("password", "It is empty. Give null to leave it out."));
            }
            let _ = write!(uri, ":{}", encoded(password));
        }
        uri.push('@');
        uri.push_str(&given.endpoint);
        let options: BTreeMap<String, String> = given.options.into_iter().flatten().collect();
        for (index, (name, value)) in options.iter().enumerate() {
            let sign = if index == 0 { '?' } else { '&' };
            let _ = write!(uri, "{sign}{}={}", encoded(name), encoded(value));
        }
        Ok(uri)
    }
}

/// Everything but the unreserved characters of [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.3) as `%` and two digits.
fn encoded(text: &str) -> impl std::fmt::Display {
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &RESERVED)
}

/// `name:port`, `1.2.3.4:port` or `[::1]:port`.
fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let usual = "Give one of the cluster's endpoints, such as \"127.0.0.1:21000\" or \"[::1]:21000\".";
    if endpoint.contains("://") || endpoint.contains('@') {
        return Err(format!("It is more than address and port. {usual}"));
    }
    if endpoint.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("An IPv6 address stands in brackets, with a port behind. {usual}"));
    }
    let Some((host, port)) = endpoint.rsplit_once(':') else {
        return Err(format!("{endpoint:?} has no port. {usual}"));
    };
    if !port.bytes().all(|b| b.is_ascii_digit()) || !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(format!("{port:?} is not a port. {usual}"));
    }
    let valid = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'),
    };
    if valid { Ok(()) } else { Err(format!("{host:?} is not an address. {usual}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(
        endpoint: &str,
        user: &str,
        password: Option<&str>,
        options: &[&[(&str, &str)]],
    ) -> Result<String, FunctionError> {
        let map =
            |pairs: &&[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (endpoint, user, password) = (endpoint.to_owned(), user.to_owned(), password.map(str::to_owned));
        ConnectionUri.call(Connection { endpoint, user, password, options: options.iter().map(map).collect() })
    }

    #[test]
    fn everything_is_where_clients_look_for_it() {
        for (endpoint, user, password, options, expected) in [
            ("127.0.0.1:21000", "app", None, &[][..], "rediss://app@127.0.0.1:21000"),
            ("[::1]:6379", "app", Some("secret"), &[], "rediss://app:secret@[::1]:6379"),
            (
                "cache-1.example.com:6379",
                "a@b",
                Some("p@ss:w/o?#%& ü"),
                &[],
                "rediss://a%40b:p%40ss%3Aw%2Fo%3F%23%25%26%20%C3%BC@cache-1.example.com:6379",
            ),
            (
                "127.0.0.1:1",
                "app",
                None,
                &[&[("protocol", "2"), ("client name", "a&b=c")][..], &[("protocol", "3")]],
                "rediss://app@127.0.0.1:1?client%20name=a%26b%3Dc&protocol=3",
            ),
        ] {
            assert_eq!(uri(endpoint, user, password, options).expect("an address"), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_blamed_on_its_argument_and_no_secret_is_repeated() {
        for (endpoint, user, password, parameter) in [
            ("127.0.0.1", "app", None, "endpoint"),
            ("127.0.0.1:0", "app", None, "endpoint"),
            ("127.0.0.1:+1", "app", None, "endpoint"),
            ("127.0.0.1:65536", "app", None, "endpoint"),
            ("::1", "app", None, "endpoint"),
            ("::1:6379", "app", None, "endpoint"),
            ("[fe80::1%eth0]:1", "app", None, "endpoint"),
            (":6379", "app", None, "endpoint"),
            ("a b:1", "app", None, "endpoint"),
            ("rediss://me:hunter2@host:1", "app", None, "endpoint"),
            ("127.0.0.1:1", "", None, "user"),
            ("127.0.0.1:1", "default", None, "user"),
            ("127.0.0.1:1", "app", Some(""), "password"),
        ] {
            let error = uri(endpoint, user, password, &[]).expect_err(endpoint);
            assert_eq!(error, FunctionError::at(parameter, error.to_string()), "{endpoint} {user}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

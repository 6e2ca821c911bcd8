//! The metadata service: it tells machines by their addresses, and says nothing to whoever has not fetched a token first (version 2,
//! [IMDSv2](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html)).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use justmanage_played_http::{self as http, Message};
use tokio::net::TcpListener;

use super::metadata::Metadata;

/// Where it answers, for everybody.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

const TOKEN: &str = "x-aws-ec2-metadata-token";
const SECONDS: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// What it knows.
#[derive(Debug, Default)]
struct Known {
    machines: BTreeMap<Ipv4Addr, Metadata>,
    /// Whose each token is.
    tokens: BTreeMap<String, Ipv4Addr>,
}

/// The service of one network.
#[derive(Debug, Clone, Default)]
pub(super) struct Imds(Arc<Mutex<Known>>);

impl Imds {
    /// Answers from now on, as long as the runtime does that this is called on.
    ///
    /// # Panics
    /// When this network has not the address.
    pub(super) async fn serve(&self) {
        let listener = TcpListener::bind((ADDRESS, 80)).await.expect("the metadata service's address");
        let own = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move {
                    if let Ok(Some(question)) = http::read(&mut stream).await {
                        // Whoever asks may be gone when the answer comes.
                        let _ = http::write(&mut stream, &own.answer(from, &question)).await;
                    }
                });
            }
        });
    }

    /// From now on this is what a machine is told.
    pub(super) fn put(&self, address: Ipv4Addr, metadata: Metadata) {
        self.known().machines.insert(address, metadata);
    }

    /// From now on it is told nothing.
    pub(super) fn forget(&self, address: Ipv4Addr) {
        let mut known = self.known();
        known.machines.remove(&address);
        known.tokens.retain(|_, whose| *whose != address);
    }

    fn answer(&self, from: SocketAddr, question: &Message) -> Message {
        let mut known = self.known();
        let IpAddr::V4(from) = from.ip() else { return said(403, b"") };
        let Some(metadata) = known.machines.get(&from).cloned() else { return said(404, b"") };
        let mut words = question.first.split(' ');
        match (words.next(), words.next()) {
            (Some("PUT"), Some("/latest/api/token")) if question.header(SECONDS).is_some() => {
                let token = format!("token-{from}-{}", known.tokens.len());
                known.tokens.insert(token.clone(), from);
                let mut answer = said(200, token.as_bytes());
                answer.headers.push((SECONDS.to_owned(), question.header(SECONDS).unwrap_or_default().to_owned()));
                answer
            }
            (Some("PUT"), _) => said(400, b""),
            (Some("GET"), Some(path)) => {
                let is_known = question.header(TOKEN).and_then(|token| known.tokens.get(token)) == Some(&from);
                match metadata.get(path) {
                    _ if !is_known => said(401, b""),
                    Some(value) => said(200, &value),
                    None => said(404, b""),
                }
            }
            _ => said(405, b""),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn said(status: u16, body: &[u8]) -> Message {
    Message {
        first: format!("HTTP/1.1 {status} -"),
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: body.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::instance::tests::instance;
    use super::*;

    fn asked(imds: &Imds, from: [u8; 4], first: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let question = Message { first: format!("{first} HTTP/1.1"), headers, body: Vec::new() };
        let answer = imds.answer((from, 40_000).into(), &question);
        (answer.status(), answer.text())
    }

    #[test]
    fn nobody_is_told_anything_without_a_token_of_their_own() {
        let imds = Imds::default();
        let (own, other) = ([10, 99, 0, 68], [10, 99, 0, 69]);
        let metadata = Metadata::of(&instance("running", 1), None);
        imds.put(own.into(), metadata.clone());
        imds.put(other.into(), metadata);
        let id = "GET /latest/meta-data/instance-id";
        assert_eq!(asked(&imds, own, id, &[]).0, 401);
        assert_eq!(asked(&imds, own, "PUT /latest/api/token", &[]).0, 400);
        let (status, token) = asked(&imds, own, "PUT /latest/api/token", &[(SECONDS, "60")]);
        assert_eq!(status, 200);
        assert_eq!(asked(&imds, own, id, &[(TOKEN, &token)]), (200, "i-0123456789abcdef0".to_owned()));
        assert_eq!(asked(&imds, own, "GET /latest/nothing", &[(TOKEN, &token)]).0, 404);
        assert_eq!(asked(&imds, other, id, &[(TOKEN, &token)]).0, 401);
        assert_eq!(asked(&imds, [10, 99, 0, 70], id, &[(TOKEN, &token)]).0, 404, "no machine of ours");
        imds.forget(own.into());
        assert_eq!(asked(&imds, own, id, &[(TOKEN, &token)]).0, 404);
    }
}

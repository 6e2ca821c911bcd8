//! Moto and the proxy before it, as a test has them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use justmanage_played_http::{self as http, Message};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use crate::answer::refusal;
use crate::moto::Moto;
use crate::real::{Call, Fate, Real};
use crate::wrong::Wrong;
use crate::xml;

/// The region that it plays, if nobody says another.
pub const REGION: &str = "eu-central-1";

/// EC2 of one test's own. It ends with the value.
#[derive(Debug)]
pub struct Ec2 {
    inside: Arc<Inside>,
    port: u16,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Inside {
    moto: Moto,
    real: Mutex<Real>,
    /// Held for reading while moto makes an instance: it can be seen before its disks are there, and nobody who looks from behind is to.
    making: RwLock<()>,
    /// The calls that came, with their parameters.
    calls: Mutex<Vec<Call>>,
    /// Where moto itself failed.
    broken: Mutex<Vec<String>>,
}

impl Ec2 {
    /// A new one, with the default network and nothing in it.
    ///
    /// # Panics
    /// Moto is not in the cache (`cargo xtask clients`), or does not come up.
    pub async fn start() -> Self {
        let moto = Moto::start().await;
        let inside = Arc::new(Inside {
            moto,
            real: Mutex::default(),
            making: RwLock::default(),
            calls: Mutex::default(),
            broken: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(serve(listener, inside.clone()));
        Self { inside, port, serving }
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on this goes wrong.
    pub fn inject(&self, wrong: Wrong) {
        let mut real = self.real();
        (real.wrong, real.calls, real.struck) = (Some(wrong), 0, 0);
    }

    /// From now on nothing does any more. How often something did.
    #[must_use]
    pub fn heal(&self) -> usize {
        self.real().heal()
    }

    /// From now on only what is granted may be called, as IAM writes it (`ec2:RunInstances`).
    pub fn grant(&self, actions: impl IntoIterator<Item = String>) {
        self.real().granted = Some(actions.into_iter().collect());
    }

    /// The calls so far, each by its parameters; and forgets them.
    #[must_use]
    pub fn calls(&self) -> Vec<BTreeMap<String, String>> {
        std::mem::take(&mut self.inside.calls.lock().expect("nobody panics inside"))
    }

    /// Where moto failed itself, by the calls: then nothing that a test has seen counts.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.inside.broken.lock().expect("nobody panics inside").clone()
    }

    /// Asks moto, past the proxy and whatever goes wrong there: what is really there. Its answer as text.
    ///
    /// # Panics
    /// It does not answer well.
    pub async fn ask(&self, parameters: &[(&str, &str)]) -> String {
        let call: Call = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self.inside.forward(&call, &[]).await.expect("moto answers");
        assert!(answer.status() < 300, "{call:?}: {}", answer.text());
        answer.text()
    }

    /// Asks as anybody does, with whatever goes wrong at the time. Its answer as text.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn call(&self, parameters: &[(&str, &str)]) -> io::Result<String> {
        let call = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(http::call(self.port, &question(&call, &[])).await?.text())
    }

    /// Instances as they really are, and whole: the item of each, as EC2 writes it, with the stage that is shown of it.
    pub async fn instances(&self) -> Vec<(String, String)> {
        let _whole = self.inside.making.write().await;
        let text = self.ask(&[("Action", "DescribeInstances")]).await;
        let mut found = Vec::new();
        for reservation in xml::items(&text, "reservationSet").into_iter().map(|at| &text[at]) {
            for item in xml::items(reservation, "instancesSet").into_iter().map(|at| &reservation[at]) {
                let id = xml::value(item, "instanceId").unwrap_or_default();
                let state = xml::value(item, "instanceState").and_then(|state| xml::value(state, "name"));
                let shown = self.real().stage(id).or(state).unwrap_or_default().to_owned();
                found.push((item.to_owned(), shown));
            }
        }
        found
    }

    /// The items of a list of moto's.
    pub async fn list(&self, action: &str, name: &str) -> Vec<String> {
        let text = self.ask(&[("Action", action)]).await;
        xml::items(&text, name).into_iter().map(|at| text[at].to_owned()).collect()
    }

    /// How often an instance was booted.
    #[must_use]
    pub fn boots(&self, id: &str) -> u64 {
        self.real().boots.get(id).copied().unwrap_or(1)
    }

    /// From now on this file is what an instance has written to its console.
    pub fn has_console(&self, id: &str, file: PathBuf) {
        self.real().consoles.insert(id.to_owned(), file);
    }

    fn real(&self) -> MutexGuard<'_, Real> {
        self.inside.real.lock().expect("nobody panics inside")
    }
}

/// What stands in the first element of this name.
#[must_use]
pub fn value<'a>(item: &'a str, name: &str) -> Option<&'a str> {
    xml::value(item, name)
}

/// The tags of an item.
#[must_use]
pub fn tags(item: &str) -> BTreeMap<String, String> {
    let of =
        |tag: &str| Some((xml::value(tag, "key")?.to_owned(), xml::value(tag, "value").unwrap_or_default().to_owned()));
    xml::items(item, "tagSet").into_iter().filter_map(|at| of(&item[at])).collect()
}

impl Drop for Ec2 {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, inside: Arc<Inside>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inside = inside.clone();
        tokio::spawn(async move {
            // Whoever asks may be gone when the answer comes.
            let _ = inside.serve(stream).await;
        });
    }
}

impl Inside {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let Some(question) = http::read(&mut stream).await? else { return Ok(()) };
        let asked = parameters(&question.text());
        self.calls.lock().expect("nobody panics inside").push(asked.clone());
        let fate = self.real.lock().expect("nobody panics inside").fate();
        let answer = match fate {
            Fate::Cut => return Ok(()),
            Fate::TurnedAway => refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
            Fate::Carried | Fate::Unanswered => self.answer(asked, &question.headers).await?,
        };
        if fate == Fate::Unanswered {
            return Ok(());
        }
        http::write(&mut stream, &answer).await
    }

    async fn answer(&self, asked: Call, headers: &[(String, String)]) -> io::Result<Message> {
        let mut call = asked.clone();
        let groups = match call.get("Action").map(String::as_str) {
            Some("DeleteSecurityGroup") => self.groups_in_use().await?,
            _ => BTreeSet::new(),
        };
        let refused = self.real.lock().expect("nobody panics inside").before(&mut call, &groups);
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let answer = self.forward(&call, headers).await?;
        if answer.status() >= 500 || answer.text().contains("<!doctype html>") {
            self.broken.lock().expect("nobody panics inside").push(format!("{call:?}"));
            return Ok(refusal(400, "EmulatorFailed", "moto failed"));
        }
        Ok(self.real.lock().expect("nobody panics inside").after(&asked, answer))
    }

    /// The security groups of instances that are not gone, as it is shown.
    async fn groups_in_use(&self) -> io::Result<BTreeSet<String>> {
        let call = Call::from([("Action".to_owned(), "DescribeInstances".to_owned())]);
        let text = self.forward(&call, &[]).await?.text();
        let real = self.real.lock().expect("nobody panics inside");
        let mut found = BTreeSet::new();
        for reservation in xml::items(&text, "reservationSet").into_iter().map(|at| &text[at]) {
            let id = xml::value(reservation, "instanceId").unwrap_or_default();
            let is_gone = reservation.contains("<name>terminated</name>") && real.stage(id).is_none();
            let groups = reservation.split("<groupId>").skip(1).filter_map(|rest| rest.split('<').next());
            found.extend(groups.filter(|_| !is_gone).map(str::to_owned));
        }
        Ok(found)
    }

    async fn forward(&self, call: &Call, headers: &[(String, String)]) -> io::Result<Message> {
        let is_making = call.get("Action").is_some_and(|action| action == "RunInstances");
        let _making = if is_making { Some(self.making.read().await) } else { None };
        http::call(self.moto.port, &question(call, headers)).await
    }
}

/// A call as EC2 takes it, signed as in these headers.
fn question(call: &Call, headers: &[(String, String)]) -> Message {
    let mut call = call.clone();
    call.entry("Version".to_owned()).or_insert_with(|| "2016-11-15".to_owned());
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = call.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    // By this moto knows which service and region is meant; it checks no signature.
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/ec2/aws4_request, SignedHeaders=host, Signature=0");
    let mut all = vec![
        ("host".to_owned(), format!("ec2.{REGION}.amazonaws.com")),
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
    ];
    let own = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).cloned();
    all.push(own.unwrap_or(("authorization".to_owned(), scope)));
    Message { first: "POST / HTTP/1.1".to_owned(), headers: all, body: pairs.join("&").into_bytes() }
}

/// The parameters of a form.
fn parameters(text: &str) -> Call {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

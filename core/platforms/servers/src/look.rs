//! A look at all servers of a pool: what each is made of, whose it is, and what runs there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use justmanage_model::node::{AgentInfo, NodeOrder, NodeStatus};
use justmanage_model::pool::{Host, Pool, Server};
use justmanage_model::{NodeId, Version};
use justmanage_platforms::PlatformError;
use tokio::sync::Mutex;

use crate::facts::{self, Facts, Missing, State, Words};
use crate::shell::Shell;
use crate::trouble::{self, Kind, Trouble, on_the_way};

/// How many hosts are spoken to at the same time. Mostly it is waiting: a pool of 500 is asked in some seconds.
const HANDS: usize = 32;
/// The same behind jump hosts: of more than ten logins at once, sshd refuses some (`MaxStartups`, 10:30:100 unless somebody has
/// said otherwise).
const HANDS_BEHIND: usize = 8;
/// Longest time for a host to tell its facts: half a second, and ten for an agent that hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// What was seen of a server.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The order that its claim is.
    pub(crate) order: Option<NodeOrder>,
    /// Its agent, if that runs.
    pub(crate) agent: Option<AgentInfo>,
    /// The version of the agent's program that is installed.
    pub(crate) program: Option<Version>,
    /// The agent was being replaced, and whoever did it has not come to the end.
    pub(crate) upgrading: bool,
    /// An address that is its own.
    pub(crate) address: Option<IpAddr>,
    /// All addresses that it has; none: it does not say.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// What it is made of, or why it can have no node.
    pub(crate) facts: Result<Facts, String>,
}

impl Seen {
    /// Whether it can have a node and has none.
    pub(crate) fn is_free(&self) -> bool {
        self.facts.as_ref().is_ok_and(|facts| facts.state == State::Free)
    }
}

/// All servers of a pool, in its order, as they were at one time.
#[derive(Debug)]
pub(crate) struct Look {
    begun: Instant,
    care: Care,
    pub(crate) servers: Vec<Result<Seen, Trouble>>,
}

impl Look {
    #[cfg(test)]
    pub(crate) fn at(begun: Instant, servers: Vec<Result<Seen, Trouble>>) -> Self {
        Self { begun, care: Care::Everybody, servers }
    }

    /// That every server has said whose it is: a node that is on none then is nowhere.
    pub(crate) fn whole(&self) -> Result<(), PlatformError> {
        let troubles: Vec<Trouble> = self.servers.iter().filter_map(|seen| seen.as_ref().err().cloned()).collect();
        trouble::all(&troubles, self.servers.len()).map_or(Ok(()), Err)
    }

    /// The servers that have a claim, with their positions in the pool.
    pub(crate) fn claimed(&self) -> impl Iterator<Item = (usize, &NodeOrder, &Seen)> {
        let seen = self.servers.iter().enumerate().filter_map(|(at, seen)| Some((at, seen.as_ref().ok()?)));
        seen.filter_map(|(at, seen)| Some((at, seen.order.as_ref()?, seen)))
    }

    /// Where a node is.
    pub(crate) fn of(&self, node: NodeId) -> Option<(usize, &Seen)> {
        self.claimed().find(|(_, order, _)| order.claim.node == node).map(|(at, _, seen)| (at, seen))
    }
}

/// Looks at a pool's servers, and remembers the last look.
pub(crate) struct Looks {
    pool: Arc<Pool>,
    shell: Arc<dyn Shell>,
    last: Mutex<Option<Arc<Look>>>,
    /// Servers that were waited for in vain, and when that was.
    silent: StdMutex<BTreeMap<usize, (Instant, Trouble)>>,
}

/// How a look is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Care {
    /// Who did not answer lately is not waited for again: enough to see the rest.
    Lately,
    /// Everybody is asked.
    Everybody,
}

/// For how long nobody is asked again who did not answer, where that is enough.
const LATELY: Duration = Duration::from_secs(60);
/// A failure that came sooner (a connection that broke, a host that refuses) may be over by now, and asking again costs no waiting.
const WAITED: Duration = Duration::from_secs(1);

impl Looks {
    pub(crate) fn new(pool: Arc<Pool>, shell: Arc<dyn Shell>) -> Self {
        Self { pool, shell, last: Mutex::default(), silent: StdMutex::default() }
    }

    /// A look at everybody that was begun then, or later. Many who ask at the same time get the same one.
    pub(crate) async fn since(&self, then: Instant) -> Arc<Look> {
        self.with_care(Care::Everybody, then).await
    }

    /// A look that was begun then, or later, made so or with more care.
    pub(crate) async fn with_care(&self, care: Care, then: Instant) -> Arc<Look> {
        let mut last = self.last.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.begun >= then && look.care >= care) {
            return look.clone();
        }
        let begun = Instant::now();
        let asked = self.pool.servers.iter().enumerate().map(|(at, server)| self.look_at(at, server, care)).collect();
        let servers = together(&self.pool, asked).await;
        let look = Arc::new(Look { begun, care, servers });
        *last = Some(look.clone());
        look
    }

    /// What is to be seen at one server; of one that is in the pool no more, and does not answer, that nobody is there: it is not asked
    /// again either.
    async fn look_at(&self, at: usize, server: &Server, care: Care) -> Result<Seen, Trouble> {
        let silent = || self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let known = silent().get(&at).cloned();
        let known = known.filter(|(when, _)| server.former || care == Care::Lately && when.elapsed() < LATELY);
        let answer = match known {
            Some((_, trouble)) => Err(trouble),
            None => {
                let asked = Instant::now();
                let answer = self.ask(server).await;
                let waited = asked.elapsed() >= WAITED;
                match &answer {
                    Err(trouble) if server.former || waited && trouble.kind == Kind::Unreachable => {
                        drop(silent().insert(at, (Instant::now(), trouble.clone())));
                    }
                    _ => drop(silent().remove(&at)),
                }
                answer
            }
        };
        answer.or_else(|trouble| match server.former {
            true => {
                let facts = Err(trouble.what);
                Ok(Seen {
                    order: None,
                    agent: None,
                    program: None,
                    upgrading: false,
                    address: None,
                    addresses: BTreeSet::new(),
                    facts,
                })
            }
            false => Err(trouble),
        })
    }

    /// A look at one server alone.
    pub(crate) async fn ask(&self, server: &Server) -> Result<Seen, Trouble> {
        let host = &server.host;
        let answer = self.shell.carry_out(host, &facts::script(), LIMIT).await;
        let answer = answer.map_err(|error| on_the_way(&error))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let printed = String::from_utf8_lossy(&answer.stdout);
        match read(host, &printed, i64::try_from(now).unwrap_or_default()) {
            // What is not our script's answer has perhaps said why on the other channel.
            Err(_) if !answer.succeeded() => Err(trouble::refused(host, "looking at it", &answer)),
            seen => seen,
        }
    }
}

/// Does things on many servers of a pool at a time, as many as their sshd let in at once, and answers in their order.
pub async fn together<F: Future>(pool: &Pool, work: Vec<F>) -> Vec<F::Output> {
    let behind = pool.servers.iter().any(|server| server.host.jump.is_some());
    futures_util::stream::iter(work).buffered(if behind { HANDS_BEHIND } else { HANDS }).collect().await
}

/// What a host printed. An error is a host of which nobody knows whose it is.
fn read(host: &Host, printed: &str, now_s: i64) -> Result<Seen, Trouble> {
    let failed =
        |kind, what: &str, hint: &str| Trouble { kind, what: format!("{host}: {what}"), hint: hint.to_owned() };
    let sentences = |Missing(sentences): Missing| sentences.join(" ");
    let words = Words::read(printed).map_err(|missing| {
        let hint = "`ssh` with a command has to print what the command prints, and nothing else.";
        failed(Kind::Failed, &sentences(missing), hint)
    })?;
    words.root().map_err(|user| {
        let what = format!("{user} is not root and may not use sudo without a password");
        failed(Kind::Denied, &what, &trouble::sudo(user))
    })?;
    let state = words.state();
    let order = state.claim().map(serde_json::from_str::<NodeOrder>).transpose().map_err(|error| {
        failed(
            Kind::Invalid,
            &format!("/var/lib/justmanage/node/order.json is damaged: {error}"),
            "This file says whose node it is. If you know that its data are not needed, stop justmanage-agent and \
             justmanage-server there, and remove /var/lib/justmanage/node.",
        )
    })?;
    let status = words.get("status").and_then(|status| serde_json::from_str::<NodeStatus>(status).ok());
    Ok(Seen {
        agent: order.as_ref().and_then(|_| status?.agent),
        order,
        program: words.get("agent").and_then(|said| said.split_whitespace().last()?.parse().ok()),
        upgrading: words.get("upgrade").is_some(),
        address: words.get("address").and_then(|address| address.parse().ok()),
        addresses: words
            .get("addresses")
            .map(|said| said.split_whitespace().filter_map(|address| address.parse().ok()).collect())
            .unwrap_or_default(),
        facts: Facts::of(&words, now_s).map_err(sentences),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = concat!(
        r#"{"claim":{"cluster":"jmc0000000000000000","name":"cache","node":"jmn0000000000000001","#,
        r#""seat":{"shard":0,"ordinal":1}},"operators":[],"address":"10.0.0.1"}"#
    );
    const SIZES: &str = "machine x86_64\nclock 0\nprocessors 4\nmemory_kib 8000000\ndisk_kib 40000000\n\
                         disk_free_kib 30000000\nsystemd 252\n";

    fn seen(more: &str) -> Result<Seen, Trouble> {
        let host = Host::new("db1", "admin");
        read(&host, &format!("facts 1\nuser admin\nroot yes\n{SIZES}{more}end yes\n"), 0)
    }

    #[test]
    fn a_server_says_whose_it_is_and_what_it_is_made_of() {
        let free = seen("address 10.0.0.1\n").expect("whole");
        assert!(free.order.is_none() && free.agent.is_none() && free.facts.is_ok(), "{free:?}");
        assert_eq!(free.address, Some("10.0.0.1".parse().expect("an address")));
        let claimed = seen(&format!("claim {ORDER}\nagent justmanage-agent 0.1.0\n")).expect("whole");
        assert_eq!(claimed.order.expect("a claim").claim.name.as_str(), "cache");
        assert_eq!((claimed.program, claimed.agent), (Some(Version::new(0, 1, 0)), None));
    }

    #[test]
    fn a_server_that_lacks_something_still_says_whose_it_is() {
        let lacks = seen(&format!("without gzip\nclaim {ORDER}\n")).expect("whole");
        assert!(lacks.order.is_some() && lacks.facts.is_err_and(|why| why.contains("no gzip")));
    }

    #[test]
    fn whoever_cannot_say_whose_it_is_is_nobody_of_whom_that_is_known() {
        for (printed, kind, words) in [
            ("Welcome!\n".to_owned(), Kind::Failed, "login shell"),
            ("facts 1\nuser admin\nroot no\nend yes\n".to_owned(), Kind::Denied, "admin is not root"),
            ("facts 1\nuser admin\nroot yes\n".to_owned(), Kind::Failed, "in the middle"),
            ("facts 1\nuser admin\nroot yes\nclaim {\nend yes\n".to_owned(), Kind::Invalid, "damaged"),
        ] {
            let trouble = read(&Host::new("db1", "admin"), &printed, 0).expect_err("nobody knows");
            assert_eq!(trouble.kind, kind, "{trouble:?}");
            assert!(trouble.what.starts_with("db1: ") && trouble.what.contains(words), "{trouble:?}");
        }
    }
}

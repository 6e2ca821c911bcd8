//! Moving, round after round: each looks at the servers, and goes on from what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use justmanage_engine::acl::REPLICATION_USER;
use justmanage_engine::bus::BusNode;
use justmanage_engine::migrate::{Healed, MoveError, MoveOrder, Mover, Target, heal};
use justmanage_engine::{CallError, Connection, Login};
use justmanage_identity::seal::SealError;
use justmanage_model::{BusId, Generation, Grant, Record, SlotSet};
use tokio::sync::watch;
use tracing::{debug, info};

use super::Tools;
use super::orders::{Head, heads, left, wanted};
use super::remote::Remote;
use super::tally::Teller;

/// How long a turn of the mover opens further slots. After each the Record is looked at, and who is the primary where.
const TURN: Duration = Duration::from_millis(300);
/// Pause after a round in which nothing moved and something failed; doubled each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Longest time for one answer of our own server. It moves slots, and may have much else to do.
const ANSWER: Duration = Duration::from_secs(5);

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing is left to do by its grant.
    NothingLeft,
    /// The server is no primary any more.
    NoPrimary,
    /// It is granted no more, or was told to end.
    Stopped,
}

/// Moves what one grant says.
pub(super) struct Task {
    tools: Tools,
    given: Generation,
    teller: Teller,
    source: Option<Connection>,
    /// By the shard that gets.
    movers: BTreeMap<u16, Mover>,
    /// What has begun to go over, by the shard that it goes to.
    go_on: BTreeMap<u16, SlotSet>,
    /// With whom what somebody may have left half-way was looked for, and nothing has failed since.
    healed: BTreeSet<(u16, BusId)>,
    pause: Duration,
}

/// What a round came to.
enum Round {
    Ended(End),
    /// At once again.
    GoesOn,
    /// After a pause.
    Hindered,
}

/// Whether anything moved in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Some,
    Nothing,
}

/// Why nothing can be done with our own server.
#[derive(Debug, thiserror::Error)]
enum OwnError {
    #[error("{0}")]
    Server(#[from] CallError),
    #[error("{0}")]
    Secrets(#[from] SealError),
}

impl Task {
    pub(super) fn new(tools: Tools, given: Generation, teller: Teller) -> Self {
        Self {
            tools,
            given,
            teller,
            source: None,
            movers: BTreeMap::new(),
            go_on: BTreeMap::new(),
            healed: BTreeSet::new(),
            pause: FIRST_PAUSE,
        }
    }

    /// Moves until nothing is left, or it is not to.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> End {
        let end = self.rounds(&mut stop).await;
        info!(given = %self.given, ?end, "moving slots has ended");
        self.teller.rests();
        end
    }

    async fn rounds(&mut self, stop: &mut watch::Receiver<bool>) -> End {
        loop {
            let record = self.tools.store.get();
            let ours =
                |record: &Record| record.reshard_of(self.tools.own).filter(|grant| grant.given == self.given).cloned();
            let Some((record, grant)) = record.and_then(|record| ours(&record).map(|grant| (record, grant))) else {
                return End::Stopped;
            };
            if *stop.borrow() {
                return End::Stopped;
            }
            match self.round(&record, &grant).await {
                Round::Ended(end) => return end,
                Round::GoesOn => self.pause = FIRST_PAUSE,
                Round::Hindered => {
                    let _ = tokio::time::timeout(self.pause, stop.wait_for(|stop| *stop)).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn round(&mut self, record: &Record, grant: &Grant) -> Round {
        let Some(shard) = record.shard_of(self.tools.own) else { return Round::Ended(End::Stopped) };
        let looked = self.look(record).await;
        let (mut source, nodes, login) = match looked {
            Ok(looked) => looked,
            Err(error) => {
                self.healed.clear();
                self.fails(shard, told(&error));
                return Round::Hindered;
            }
        };
        let Some(myself) = nodes.iter().find(|node| node.myself).filter(|node| !node.replica) else {
            return Round::Ended(End::NoPrimary);
        };
        self.teller.unhindered(shard);
        let place = Place { record, grant, shard, heads: heads(record, grant, shard, &nodes) };
        let healed = self.heal(&place, &mut source, myself).await;
        let left = left(grant, shard, &self.go_on, &myself.slots);
        for (to, _) in self.healed.iter().filter(|(to, _)| !left.contains_key(to)) {
            self.teller.unhindered(*to);
        }
        self.teller.looks(left.values().map(|slots| u64::from(slots.len())).sum());
        let (progress, well) = self.turns(&place, &mut source, &login, &left).await;
        if healed && well {
            self.source = Some(source);
        }
        match (left.is_empty(), progress, self.teller.is_hindered()) {
            (true, _, false) => Round::Ended(End::NothingLeft),
            (_, Progress::Nothing, true) => Round::Hindered,
            _ => Round::GoesOn,
        }
    }

    /// A connection to our server, what it sees of the others, and as whom it logs in there.
    async fn look(&mut self, record: &Record) -> Result<(Connection, Vec<BusNode>, Login), OwnError> {
        let password = self.tools.secrets.of(record)?.replication_password;
        let login = Login { user: REPLICATION_USER.to_owned(), password };
        let mut source = match self.source.take() {
            Some(source) => source,
            None => self.tools.access.connect(record).await?,
        };
        source.set_limit(ANSWER);
        let nodes = source.cluster_nodes().await?;
        Ok((source, nodes, login))
    }

    /// Puts right what somebody has left half-way between our server and those with which that was not done yet; whether it could be.
    async fn heal(&mut self, place: &Place<'_>, source: &mut Connection, myself: &BusNode) -> bool {
        let mut all = true;
        for (to, head) in
            place.heads.iter().filter(|(to, head)| !self.healed.contains(&(**to, head.id))).collect::<Vec<_>>()
        {
            match self.heal_one(place, (*to, head), source, myself).await {
                Ok(stranded) if stranded.is_empty() => {
                    self.healed.insert((*to, head.id));
                    self.teller.healed(*to);
                }
                Ok(stranded) => {
                    let at = head.node;
                    self.fails(
                        *to,
                        format!("node {at} holds keys of slots {stranded}, and owns them as little as this node does"),
                    );
                }
                Err(error) => {
                    self.fails(*to, told(&error));
                    all = false;
                }
            }
        }
        all
    }

    /// What is at the other server, and is neither its own nor ours.
    async fn heal_one(
        &mut self,
        place: &Place<'_>,
        (to, head): (u16, &Head),
        source: &mut Connection,
        myself: &BusNode,
    ) -> Result<SlotSet, MoveError> {
        let wanted = wanted(place.grant, place.shard, to);
        let mut target = place.remote(&self.tools, head);
        let mover = self.movers.entry(to).or_default();
        mover.cancel_unwanted(source, &mut target, &wanted).await?;
        let marked = !myself.leaving.is_empty() || !target.side().await?.arriving.is_empty();
        if !marked && wanted.is_empty() {
            return Ok(SlotSet::empty());
        }
        let healed = heal(source, &mut target, &wanted).await?;
        if healed != Healed::default() {
            let Healed { go_on, undone, closed, stranded, inherited } = &healed;
            info!(
                to = %head.node, %go_on, %undone, %closed, %stranded, %inherited,
                "slots that were left half-way are put right"
            );
        }
        self.go_on.insert(to, healed.go_on);
        Ok(healed.stranded)
    }

    /// A turn for each shard that gets something, until one has more to get; and whether the connection to our server is well.
    async fn turns(
        &mut self,
        place: &Place<'_>,
        source: &mut Connection,
        login: &Login,
        left: &BTreeMap<u16, SlotSet>,
    ) -> (Progress, bool) {
        let (mut progress, mut well) = (Progress::Nothing, true);
        for (to, slots) in left {
            let Some(head) = place.heads.get(to) else {
                self.fails(*to, format!("shard {to} has no primary that takes slots"));
                continue;
            };
            if !self.healed.contains(&(*to, head.id)) {
                continue;
            }
            let turn = self.turn(place, (*to, head), (source, login), slots).await;
            let moved = self.teller.turn_is_over();
            if moved {
                progress = Progress::Some;
            }
            if moved || turn.is_ok() {
                self.teller.unhindered(*to);
            }
            match turn {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    well = false;
                    self.teller.turn_failed(*to);
                    let ours = matches!(error, MoveError::Source(_));
                    self.fails(*to, told(&error));
                    if ours {
                        break;
                    }
                }
            }
        }
        (progress, well)
    }

    /// One turn; whether nothing is left of these slots.
    async fn turn(
        &mut self,
        place: &Place<'_>,
        (to, head): (u16, &Head),
        (source, login): (&mut Connection, &Login),
        slots: &SlotSet,
    ) -> Result<bool, MoveError> {
        let order = MoveOrder { slots, to: head.id, at: head.member.client, login };
        let mut target = place.remote(&self.tools, head);
        let (mover, teller) = (self.movers.entry(to).or_default(), &mut self.teller);
        let until = Instant::now() + TURN;
        let moved = mover.turn(source, &mut target, &order, until, |moved| teller.progress(moved)).await?;
        self.teller.progress(&moved);
        Ok(moved.done)
    }

    /// Something failed: after that, nobody knows what is half-way.
    fn fails(&mut self, shard: u16, what: String) {
        debug!(shard, what, "slots do not move");
        self.healed.retain(|(to, _)| *to != shard);
        self.teller.hindered(shard, what);
    }
}

/// Where a round takes place.
struct Place<'a> {
    record: &'a Record,
    grant: &'a Grant,
    /// Our own.
    shard: u16,
    heads: BTreeMap<u16, Head>,
}

impl Place<'_> {
    fn remote<'a>(&self, tools: &'a Tools, head: &'a Head) -> Remote<'a> {
        let to = (head.node, &head.member);
        Remote { peers: &tools.peers, to, epoch: self.record.epoch, given: self.grant.given }
    }
}

/// An error with its causes, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

//! The library's calls to other voters.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use justmanage_agent_proto::v1::group_client::GroupClient;
use justmanage_agent_proto::v1::{RaftReply, RaftRequest};
use openraft::error::{Fatal, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse};
use openraft::{AnyError, OptionalSend, Snapshot, SnapshotMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::calls::{CallError, Calls};
use crate::types::{RaftId, Types, Vote, Voter};

/// Wait between two calls to somebody who does not answer. The library's own 500 ms would keep an agent that has restarted
/// waiting for longer than it took to restart.
const BACKOFF: Duration = Duration::from_millis(100);

/// Makes clients; all of them share the connections of [`Calls`].
pub(crate) struct Network {
    pub(crate) calls: Arc<Calls>,
}

/// One voter to call.
pub(crate) struct Client {
    calls: Arc<Calls>,
    to: Voter,
}

/// A whole state on its way.
#[derive(Serialize, Deserialize)]
pub(crate) struct WholeState {
    pub(crate) vote: Vote,
    pub(crate) meta: SnapshotMeta<RaftId, Voter>,
    /// JSON inside of JSON: it is sent once in a while, and stays what it is.
    pub(crate) content: String,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Client;

    async fn new_client(&mut self, _id: RaftId, to: &Voter) -> Client {
        Client { calls: self.calls.clone(), to: to.clone() }
    }
}

/// To the library everybody who gives no proper answer is out of reach: it waits a little, and tries again.
fn out_of_reach(why: impl Into<String>) -> Unreachable {
    Unreachable::new(&AnyError::error(why.into()))
}

impl Client {
    async fn ask<Q, A, F, R>(&self, question: &Q, limit: Duration, call: F) -> Result<A, Unreachable>
    where
        Q: Serialize,
        A: DeserializeOwned,
        F: FnOnce(GroupClient<Channel>, RaftRequest) -> R,
        R: Future<Output = Result<Response<RaftReply>, Status>>,
    {
        let body = serde_json::to_vec(question).map_err(|error| out_of_reach(error.to_string()))?;
        let request = RaftRequest { epoch: self.calls.epoch_text(), body };
        let answer = self.calls.ask(&self.to, limit, |client| call(client, request)).await;
        let answer = answer.map_err(|error: CallError| out_of_reach(error.why()))?;
        serde_json::from_slice(&answer.body).map_err(|error| out_of_reach(error.to_string()))
    }
}

impl RaftNetwork<Types> for Client {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<RaftId>, RPCError<RaftId, Voter, RaftError<RaftId>>> {
        let call = |mut client: GroupClient<Channel>, request| async move { client.append_entries(request).await };
        Ok(self.ask(&request, option.hard_ttl(), call).await?)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<RaftId>,
        option: RPCOption,
    ) -> Result<VoteResponse<RaftId>, RPCError<RaftId, Voter, RaftError<RaftId>>> {
        let call = |mut client: GroupClient<Channel>, request| async move { client.vote(request).await };
        Ok(self.ask(&request, option.hard_ttl(), call).await?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<Types>,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<RaftId>, StreamingError<Types, Fatal<RaftId>>> {
        // One call of a few milliseconds: nothing to cancel.
        let content = String::from_utf8_lossy(&snapshot.snapshot).into_owned();
        let state = WholeState { vote, meta: snapshot.meta, content };
        let call = |mut client: GroupClient<Channel>, request| async move { client.install_snapshot(request).await };
        let vote = self.ask(&state, option.hard_ttl(), call).await?;
        Ok(SnapshotResponse { vote })
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(BACKOFF))
    }
}

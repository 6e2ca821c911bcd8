//! Agents as processes of their own, which can be killed and stopped like any other.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use justmanage_agent_proto::v1::WatchRequest;
use justmanage_agent_proto::v1::group_client::GroupClient;
use justmanage_model::Record;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::world::Agent;

/// Where a process finds out whose it is.
const HOME: &str = "JUSTMANAGE_RECORD_TEST_HOME";
const ADDRESS: &str = "JUSTMANAGE_RECORD_TEST_ADDRESS";

/// The agent of a home, in this process, until it is killed. Not a test: this program starts itself with it.
#[test]
#[ignore = "a part of other tests"]
fn an_agent_as_a_process() {
    let (Ok(home), Ok(address)) = (std::env::var(HOME), std::env::var(ADDRESS)) else { return };
    // Whatever becomes of the test, this goes with it.
    set_parent_process_death_signal(Some(Signal::KILL)).expect("a signal");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut agent = Agent::at(&PathBuf::from(home), address.parse::<SocketAddr>().expect("an address"));
        agent.start().await;
        std::future::pending::<()>().await;
    });
}

/// A process that runs an agent. It is killed when this is dropped.
pub(crate) struct Process {
    pub(crate) agent: Agent,
    child: Option<Child>,
}

impl Process {
    pub(crate) async fn started(shard: u16) -> Self {
        let mut process = Self { agent: Agent::new(shard, 0).await, child: None };
        process.start();
        process
    }

    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "process::an_agent_as_a_process", "--ignored", "--nocapture"])
            .env(HOME, &self.agent.home)
            .env(ADDRESS, self.agent.address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        self.child = Some(child.expect("a process"));
    }

    fn pid(&self) -> Pid {
        let child = self.child.as_ref().expect("it runs");
        Pid::from_raw(child.id().try_into().expect("a pid")).expect("a pid")
    }

    /// SIGKILL: it has no time for anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP: it sleeps until it is woken, and knows nothing of it.
    pub(crate) fn sleep(&self) {
        kill_process(self.pid(), Signal::STOP).expect("it is there");
    }

    pub(crate) fn wake(&self) {
        kill_process(self.pid(), Signal::CONT).expect("it is there");
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Its copy of the Record, as another agent is told.
    pub(crate) async fn copy(&self, asks: &Agent, epoch: &str) -> Option<Record> {
        let channel = justmanage_identity::connect(self.agent.address, self.agent.pin(), &asks.key).ok()?;
        let request = WatchRequest { epoch: epoch.to_owned(), seen: 0, wait_ms: 0 };
        let reply = GroupClient::new(channel).watch(request).await.ok()?.into_inner();
        serde_json::from_slice(&reply.record).ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

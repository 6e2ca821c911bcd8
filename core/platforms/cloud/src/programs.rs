//! Server programs on machines that nobody logs in to: their agents keep them, and one machine's agent gives them to another's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use justmanage_host::KEPT;
use justmanage_model::Artefact;
use justmanage_model::node::{AgentInfo, ServerProgram};
use justmanage_platforms::{ClaimQuery, Download, MachineOrder, PlatformError};

use crate::cloud::Cloud;
use crate::look::Look;

/// To how many machines a program is sent at once: each gets all of it, over one line of the operator's.
const AT_ONCE: usize = 4;

/// Programs that this process has: it was given them, or a machine has read them to it.
#[derive(Default)]
pub(crate) struct Given {
    by_digest: Mutex<HashMap<String, Arc<Download>>>,
    /// Held while a machine reads one: of many who need it, one asks.
    reading: tokio::sync::Mutex<()>,
}

impl Given {
    fn keep(&self, program: Download) -> Arc<Download> {
        let mut given = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        given.entry(program.sha256.clone()).or_insert_with(|| Arc::new(program)).clone()
    }

    fn get(&self, sha256: &str) -> Option<Arc<Download>> {
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned()
    }
}

impl Cloud {
    /// As [`justmanage_platforms::Platform::store`]. Machines that are made later get it with their node ([`Cloud::deliver`]).
    pub(crate) async fn keep(
        &self,
        program: &Download,
        cluster: Option<&ClaimQuery>,
    ) -> Result<ServerProgram, PlatformError> {
        let program = self.given.keep(program.clone());
        let mut agents = Vec::new();
        if let Some(cluster) = cluster {
            let look = self.look().await?;
            let there = look.there().filter(|(_, claim)| cluster.matches(claim));
            agents.extend(there.filter_map(|(instance, _)| self.agent_of(instance)));
        }
        let keeping = agents.iter().map(|agent| self.operator.keep(agent, &program));
        let kept: Vec<Result<ServerProgram, PlatformError>> =
            futures_util::stream::iter(keeping.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await;
        let mut kept = kept.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(kept.pop().unwrap_or_else(|| ServerProgram {
            path: Path::new(KEPT).join(&program.sha256).join(&program.file_name),
            release: program.release.clone(),
            // Whether it was built with it the first machine finds out, whose server would not start without.
            tls: true,
            sha256: program.sha256.clone(),
        }))
    }

    /// Has the machine of an order keep the program that it is to run: what this process was given, or what another machine of the
    /// cluster has. What is elsewhere on it came with its image, or with its first boot.
    pub(crate) async fn deliver(
        &self,
        look: &Look,
        order: &MachineOrder,
        agent: &AgentInfo,
    ) -> Result<(), PlatformError> {
        let Some(wanted) = order.program.as_ref().filter(|wanted| wanted.server().starts_with(KEPT)) else {
            return Ok(());
        };
        let is_it = |there: &ServerProgram| there.sha256 == wanted.sha256() && there.path == wanted.server();
        if self.operator.programs(agent).await?.kept.iter().any(is_it) {
            return Ok(());
        }
        let program = self.had(look, order, wanted).await?;
        let there = self.operator.keep(agent, &program).await?;
        if there.release.engine == program.release.engine && there.release.version == program.release.version {
            return Ok(());
        }
        Err(PlatformError::Invalid {
            field: "artifacts".into(),
            what: format!(
                "{} of SHA-256 {} was said to be {}, and {} runs it as {}",
                program.file_name, program.sha256, program.release, agent.claim.node, there.release
            ),
            hint: "Correct `engine`, `version` or `url` of its entry, destroy what was made, and apply again.".into(),
        })
    }

    /// The program, from wherever it can be had.
    async fn had(&self, look: &Look, order: &MachineOrder, wanted: &Artefact) -> Result<Arc<Download>, PlatformError> {
        let _one = self.given.reading.lock().await;
        if let Some(program) = self.given.get(wanted.sha256()) {
            return Ok(program);
        }
        let others = look.of_cluster(order.claim.cluster).filter_map(|instance| self.agent_of(instance));
        let mut silent = Vec::new();
        for other in others.filter(|other| other.claim.node != order.claim.node) {
            match self.read_from(&other, wanted).await {
                Ok(Some(program)) => return Ok(self.given.keep(program)),
                Ok(None) => {}
                Err(error) => silent.push(error.to_string()),
            }
        }
        let silent = silent.iter().map(|why| format!("; {why}")).collect::<String>();
        Err(PlatformError::Invalid {
            field: "artifacts".into(),
            what: format!(
                "the program of SHA-256 {} is on no other machine of {} that answers{silent}",
                wanted.sha256(),
                order.claim.name
            ),
            hint: "Apply again when one of them answers.".into(),
        })
    }

    async fn read_from(&self, other: &AgentInfo, wanted: &Artefact) -> Result<Option<Download>, PlatformError> {
        let kept = self.operator.programs(other).await?.kept;
        match kept.iter().find(|there| there.sha256 == wanted.sha256()) {
            Some(there) => self.operator.read(other, there).await.map(Some),
            None => Ok(None),
        }
    }
}

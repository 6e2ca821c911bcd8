//! The place of its primary taken by a replica, while both live.

use std::time::{Duration, Instant};

use justmanage_engine::{CallError, Connection};
use justmanage_model::{Handover, Record};
use tracing::{debug, warn};

use super::StepError;
use crate::turn::Turn;

/// Longest wait for the stream of the primary: a replica reports once a second.
const STREAM_LIMIT: Duration = Duration::from_millis(1200);
/// How often the server is asked how far it has come.
const LOOK: Duration = Duration::from_millis(5);

impl Turn {
    /// Tells the server to take over, and does not wait: whether it did is seen by everybody. What it was told is remembered
    /// before, so that an attempt that ends badly counts.
    pub(super) async fn take_turn(&mut self, record: &Record) -> Result<(), StepError> {
        let Some(grant) = &record.grant else { return Ok(()) };
        let before = self.memory.handover.take().filter(|before| before.given == grant.given);
        let epoch = match &before {
            Some(before) => before.epoch,
            None => self.memory.last().filter(|last| !last.primary).map(|last| last.config_epoch),
        };
        let tries = before.map_or(0, |before| before.tries) + 1;
        let told = |at| Handover { given: grant.given, tries, at, refused: None, epoch };
        self.memory.handover = Some(told((self.tools.clock)()));
        let mut server = self.server(record).await?;
        await_stream(&mut server).await?;
        let told = told((self.tools.clock)());
        self.memory.handover = Some(told.clone());
        match server.cluster_failover().await {
            Ok(()) => self.put_back(server),
            Err(error) => {
                warn!(error = error.to_string(), "the server does not take over");
                self.memory.handover = Some(Handover { refused: Some(error.to_string()), ..told });
                Ok(())
            }
        }
    }
}

/// Waits until the replica gets what its primary writes.
///
/// After a copy without a file on disk a primary calls the replica online, and sends it nothing before its next report, which comes up to a
/// second later: until then the link is up and the replica falls behind. A handover in that time would hold all writers back until
/// then. Where nobody writes, nothing can be seen to come, and a report has come meanwhile.
async fn await_stream(server: &mut Connection) -> Result<(), CallError> {
    let begun = Instant::now();
    let first = server.info().await?.number("slave_repl_offset");
    while begun.elapsed() < STREAM_LIMIT {
        tokio::time::sleep(LOOK).await;
        if server.info().await?.number("slave_repl_offset") != first {
            debug!(waited_ms = begun.elapsed().as_millis(), "the stream of the primary comes");
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use justmanage_engine::Login;
    use justmanage_model::Secret;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::samples::next_call;

    /// How often a replica was asked that says these offsets, one after the other, and then the last of them.
    async fn asked(offsets: &'static [u64]) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let (mut lines, mut asked) = (BufReader::new(stream).lines(), 0);
            while let Some(call) = next_call(&mut lines).await {
                let answer = match call[0].as_str() {
                    "INFO" => {
                        let offset = offsets[asked.min(offsets.len() - 1)];
                        asked += 1;
                        let text = format!("role:slave\r\nslave_repl_offset:{offset}\r\n");
                        format!("${}\r\n{text}\r\n", text.len())
                    }
                    _ => "+OK\r\n".to_owned(),
                };
                lines.get_mut().write_all(answer.as_bytes()).await.expect("an answer");
            }
            asked
        });
        let login = Login { user: "agent".to_owned(), password: Secret::new(String::new()) };
        let mut server = Connection::open_plaintext(address, &login, STREAM_LIMIT).await.expect("a connection");
        await_stream(&mut server).await.expect("answers");
        drop(server);
        served.await.expect("served")
    }

    #[tokio::test]
    async fn a_replica_takes_over_when_it_gets_what_its_primary_writes() {
        assert_eq!(asked(&[100, 107]).await, 2);
        assert_eq!(asked(&[100, 100, 100, 100, 300]).await, 5);
    }

    #[tokio::test]
    async fn where_nobody_writes_it_waits_no_longer_than_a_report_takes() {
        let begun = Instant::now();
        assert!(asked(&[100]).await > 2);
        assert!(begun.elapsed() >= STREAM_LIMIT, "it may not have reported yet");
    }
}

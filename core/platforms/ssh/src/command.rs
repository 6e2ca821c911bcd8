//! A command on a host: what goes in, what comes out, and how it ended.

use std::time::Duration;

use russh::ChannelMsg;
use russh::client::{Handle, Msg};

use crate::SshError;
use crate::connect::Client;

/// So much of what a command says is kept; the rest is read and dropped.
const KEPT: usize = 4 << 20;
/// The kind of extended data that is standard error (RFC 4254, 5.2).
const STANDARD_ERROR: u32 = 1;

/// What a command said, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; `None`: a signal ended it.
    pub status: Option<u32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it ended well.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status == Some(0)
    }

    /// The last line that it wrote to standard error, or what is known instead.
    #[must_use]
    pub fn last_words(&self) -> String {
        let said = String::from_utf8_lossy(&self.stderr);
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        match (last, self.status) {
            (Some(last), _) => last.to_owned(),
            (None, Some(status)) => format!("it ended with status {status} and said nothing"),
            (None, None) => "a signal ended it".to_owned(),
        }
    }
}

/// Runs a command, by the login shell of the user, with this input.
pub(crate) async fn run(
    session: &Handle<Client>,
    host: &str,
    command: &str,
    input: &[u8],
    limit: Duration,
) -> Result<Output, SshError> {
    let broken = |error: russh::Error| SshError::Broken { host: host.to_owned(), why: error.to_string() };
    let work = async {
        let channel = session.channel_open_session().await.map_err(broken)?;
        channel.exec(true, command).await.map_err(broken)?;
        let (mut says, hears) = channel.split();
        // Both at once: a command that says much before it has read all would wait for us, and we for it.
        let feed = async {
            // A command that does not read its input to the end has its own reason: its status tells.
            let fed = async {
                hears.data(input).await?;
                hears.eof().await
            };
            let _ = fed.await;
            std::future::pending().await
        };
        // What has ended gives no more room for what it did not read.
        let output = tokio::select! {
            output = listen(&mut says) => output,
            () = feed => None,
        };
        output.ok_or_else(|| SshError::Broken { host: host.to_owned(), why: "it ended without a status".into() })
    };
    let late = || SshError::Late { host: host.to_owned(), seconds: limit.as_secs() };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}

/// What comes until the channel ends; `None` when it ends without saying how the command did.
async fn listen(says: &mut russh::ChannelReadHalf) -> Option<Output> {
    let mut output = Output::default();
    let mut ended = false;
    while let Some(message) = says.wait().await {
        match message {
            ChannelMsg::Data { data } => keep(&mut output.stdout, &data),
            ChannelMsg::ExtendedData { data, ext: STANDARD_ERROR } => keep(&mut output.stderr, &data),
            ChannelMsg::ExitStatus { exit_status } => {
                output.status = Some(exit_status);
                ended = true;
            }
            ChannelMsg::ExitSignal { .. } => ended = true,
            ChannelMsg::Close => break,
            ChannelMsg::Failure => {
                // The host refuses to run commands for this user at all.
                output.stderr = b"the host runs no commands for this user".to_vec();
                return Some(Output { status: Some(126), ..output });
            }
            _ => {}
        }
    }
    ended.then_some(output)
}

fn keep(kept: &mut Vec<u8>, data: &[u8]) {
    let room = KEPT.saturating_sub(kept.len());
    kept.extend_from_slice(&data[..data.len().min(room)]);
}

/// A connection of ours through a host, as a stream of bytes.
pub type Tunnel = russh::ChannelStream<Msg>;

/// A connection from the host to an address that it reaches.
pub(crate) async fn tunnel(session: &Handle<Client>, host: &str, to: (&str, u16)) -> Result<Tunnel, SshError> {
    let channel = session.channel_open_direct_tcpip(to.0, to.1.into(), "127.0.0.1", 0).await;
    let unreachable = |error: russh::Error| SshError::Unreachable {
        host: format!("{}:{} through {host}", to.0, to.1),
        why: error.to_string(),
    };
    Ok(channel.map_err(unreachable)?.into_stream())
}

//! What a provider writes, read as Terraform 1.11 reads it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    sync::watch,
    time::timeout,
};

use super::{HostError, launch::DEADLINE};

/// Size of the reader's buffer in go-plugin; a longer line is taken in pieces, as plain text.
const BUFFER: usize = 64 << 10;

/// A line of standard error.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// As it was written.
    pub raw: String,
    /// `trace`, `debug`, `info`, `warn` or `error`; `debug` for what is not JSON of the right form.
    pub level: String,
    /// The message; all of a line that is not JSON of the right form.
    pub message: String,
    /// The other fields; none for a line that is not JSON of the right form.
    pub fields: Option<Map<String, Value>>,
    /// Terraform itself would panic at this line.
    pub kills_terraform: bool,
}

impl LogLine {
    fn parse(raw: String) -> Self {
        let text = |raw: String, kills_terraform| Self {
            level: "debug".into(),
            message: raw.clone(),
            fields: None,
            kills_terraform,
            raw,
        };
        let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(&raw) else { return text(raw, false) };
        if raw.len() > BUFFER {
            return text(raw, false);
        }
        let mut own = [const { String::new() }; 3];
        for (key, slot) in ["@level", "@message", "@timestamp"].iter().zip(&mut own) {
            match fields.remove(*key) {
                None => {}
                Some(Value::String(text)) => *slot = text,
                Some(_) => return text(raw, true),
            }
        }
        let [level, message, time] = own;
        if !time.is_empty() && !is_time(&time) {
            return text(raw, false);
        }
        Self { raw, level, message, fields: Some(fields), kills_terraform: false }
    }
}

/// `2006-01-02T15:04:05.000000Z`: Go's layout takes neither more nor fewer digits.
fn is_time(text: &str) -> bool {
    let pattern = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(c, p)| if p == 'd' { c.is_ascii_digit() } else { c == p })
}

/// What a provider has written so far.
#[derive(Clone, Debug)]
pub struct Output(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    written: Mutex<Written>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Written {
    stderr: Vec<LogLine>,
    stdout: Vec<String>,
    stray: Vec<u8>,
}

impl Default for Output {
    fn default() -> Self {
        Self(Arc::new(Inner { written: Mutex::default(), changed: watch::Sender::new(()) }))
    }
}

impl Output {
    /// The lines of standard error.
    pub fn log(&self) -> Vec<LogLine> {
        self.get(|written| written.stderr.clone())
    }

    /// Standard error as it was written.
    pub fn text(&self) -> String {
        self.get(|written| written.stderr.iter().map(|line| format!("{}\n", line.raw)).collect())
    }

    /// The lines of the real standard output after the handshake; Terraform throws them away.
    pub fn stdout(&self) -> Vec<String> {
        self.get(|written| written.stdout.clone())
    }

    /// What came by way of GRPCStdio; Terraform logs it as a warning.
    pub fn stray(&self) -> String {
        self.get(|written| String::from_utf8_lossy(&written.stray).into_owned())
    }

    /// Waits for a line of standard error, also one that has come already.
    ///
    /// # Errors
    /// When none comes within half a minute.
    pub async fn wait_for_log(&self, wanted: impl Fn(&LogLine) -> bool) -> Result<LogLine, HostError> {
        self.wait_for(DEADLINE, |output| output.log().into_iter().find(|line| wanted(line))).await
    }

    /// Waits until `look` finds something in the output.
    ///
    /// # Errors
    /// When it finds nothing within the time.
    pub async fn wait_for<T>(&self, time: Duration, look: impl Fn(&Self) -> Option<T>) -> Result<T, HostError> {
        let mut changed = self.0.changed.subscribe();
        let found = timeout(time, async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = look(self) {
                    return Some(found);
                }
                changed.changed().await.ok()?;
            }
        });
        match found.await {
            Ok(Some(found)) => Ok(found),
            _ => Err(HostError::Output(format!("{}{}{}", self.text(), self.stdout().join("\n"), self.stray()))),
        }
    }

    pub(super) fn add_stray(&self, data: &[u8]) {
        self.put(|written| written.stray.extend_from_slice(data));
    }

    fn get<T>(&self, read: impl FnOnce(&Written) -> T) -> T {
        read(&self.0.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, write: impl FnOnce(&mut Written)) {
        write(&mut self.0.written.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.changed.send_replace(());
    }
}

/// Where lines come from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Stdout,
    Stderr,
}

/// Reads lines until the end, in a task.
pub(super) fn read(source: Source, from: impl AsyncRead + Unpin + Send + 'static, output: Output) {
    tokio::spawn(async move {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line).await, Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            output.put(|written| match source {
                Source::Stdout => written.stdout.push(text),
                Source::Stderr => written.stderr.push(LogLine::parse(text)),
            });
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::LogLine;

    #[test]
    fn lines_are_read_as_go_plugin_reads_them() {
        let time = r#""@timestamp":"2026-11-21T04:05:06.000007Z""#;
        let table = [
            (format!(r#"{{"@level":"warn","@message":"m","a":1,{time}}}"#), "warn", "m", false),
            (r#"{"@level":"info","@message":"m"}"#.into(), "info", "m", false),
            // Plain text at level debug: not JSON, another form of the time, longer than the buffer.
            ("panic: x".into(), "debug", "panic: x", false),
            (r#"{"@message":"m","@timestamp":"2026-11-21T04:05:06.07Z"}"#.into(), "debug", "{", false),
            (format!(r#"{{"@message":"{}"}}"#, "m".repeat(65 << 10)), "debug", "{", false),
            // What makes Terraform panic.
            (r#"{"@message":5}"#.into(), "debug", "{", true),
            (r#"{"@level":["info"]}"#.into(), "debug", "{", true),
            (r#"{"@timestamp":0.5}"#.into(), "debug", "{", true),
        ];
        for (raw, level, message, kills) in table {
            let line = LogLine::parse(raw.clone());
            assert_eq!((line.level.as_str(), line.kills_terraform), (level, kills), "{raw:.80}");
            assert!(line.message.starts_with(message), "{raw:.80}");
            assert_eq!(line.fields.is_some(), message == "m", "{raw:.80}");
        }
    }
}

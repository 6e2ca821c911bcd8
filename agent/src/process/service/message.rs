//! What agent and launcher tell each other.
//!
//! The launcher is the program of the newest agent on the machine, and the agent may be one build older for the moment of an
//! upgrade: what an order has not is as if it were not wanted, and what it has too much is passed over.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::{Confinement, Launch, Refusal};

/// What to launch: [`Launch`] in words, without control groups, which are the unit's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Order {
    /// Hold a lock on the directory for life, or do not start.
    alone: bool,
    /// Where to work.
    directory: PathBuf,
    /// The program.
    program: PathBuf,
    /// Its arguments.
    arguments: Vec<String>,
    /// How likely the kernel is to end it when there is no memory left; without it, as the unit says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oom_score_adj: Option<i16>,
    /// The file that both of its outputs are appended to; without it, they go where the unit's go. It is the agent's to choose
    /// and not the unit's: the agent shows its end when the server dies, and keeps it short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<PathBuf>,
}

/// What becomes of an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Words", into = "Words")]
pub(super) enum Answer {
    /// The process that answers is about to become the program.
    Becomes {
        /// Its pid.
        pid: u32,
        /// In clock ticks from boot: with it the process is told from another that gets its pid.
        start_time: u64,
    },
    /// It is not.
    Refused {
        /// Why: a sentence.
        why: String,
        /// `false`: another process works in the directory.
        alone: bool,
    },
}

/// An [`Answer`] as it is written: `{"pid": 1, "start_time": 2}` or `{"refused": "...", "alone": false}`.
#[derive(Deserialize, Serialize)]
struct Words {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alone: Option<bool>,
}

impl Order {
    /// To launch this, with a log.
    ///
    /// # Errors
    /// An argument is not UTF-8, and cannot be written in JSON.
    pub(super) fn of(launch: &Launch, log: &Path) -> io::Result<Self> {
        let text = |argument: &OsString| {
            let other = || io::Error::new(io::ErrorKind::InvalidInput, format!("argument {argument:?} is not UTF-8"));
            argument.to_str().map(str::to_owned).ok_or_else(other)
        };
        Ok(Self {
            alone: launch.alone,
            directory: launch.directory.clone(),
            program: launch.program.clone(),
            arguments: launch.arguments.iter().map(text).collect::<io::Result<_>>()?,
            oom_score_adj: launch.confinement.oom_score_adj,
            log: Some(log.to_owned()),
        })
    }
}

impl From<Order> for Launch {
    fn from(order: Order) -> Self {
        let Order { alone, directory, program, arguments, oom_score_adj, log: _ } = order;
        let confinement = Confinement { join: Vec::new(), oom_score_adj };
        let arguments = arguments.into_iter().map(OsString::from).collect();
        Self { alone, confinement, directory, program, arguments }
    }
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused { why: refusal.to_string(), alone: !matches!(refusal, Refusal::NotAlone(_)) }
    }
}

impl TryFrom<Words> for Answer {
    type Error = &'static str;

    fn try_from(words: Words) -> Result<Self, Self::Error> {
        match words {
            Words { refused: Some(why), alone, .. } => Ok(Self::Refused { why, alone: alone.unwrap_or(true) }),
            Words { pid: Some(pid), start_time: Some(start_time), .. } => Ok(Self::Becomes { pid, start_time }),
            _ => Err("neither a process with its start time nor a refusal"),
        }
    }
}

impl From<Answer> for Words {
    fn from(answer: Answer) -> Self {
        let nothing = Self { pid: None, start_time: None, refused: None, alone: None };
        match answer {
            Answer::Becomes { pid, start_time } => Self { pid: Some(pid), start_time: Some(start_time), ..nothing },
            Answer::Refused { why, alone } => Self { refused: Some(why), alone: Some(alone), ..nothing },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn launch() -> Launch {
        let arguments = [OsStr::new("/node/server.conf"), OsStr::new("--port \"0\"")];
        let confinement = Confinement { join: vec!["/sys/fs/cgroup/x".into()], oom_score_adj: Some(-500) };
        let server = Launch::new(Path::new("/node/data"), Path::new("/opt/redis-server"), &arguments);
        Launch { alone: true, confinement, ..server }
    }

    #[test]
    fn an_order_is_what_it_is_made_of_without_groups() {
        let order = Order::of(&launch(), Path::new("/node/server.log")).expect("an order");
        let text = serde_json::to_string(&order).expect("JSON");
        let expected = r#"{"alone":true,"directory":"/node/data","program":"/opt/redis-server","arguments":["/node/server.conf","--port \"0\""],"oom_score_adj":-500,"log":"/node/server.log"}"#;
        assert_eq!(text, expected);
        let read: Order = serde_json::from_str(&text).expect("an order");
        assert_eq!(read, order);
        let confinement = Confinement { join: Vec::new(), oom_score_adj: Some(-500) };
        assert_eq!(Launch::from(read), Launch { confinement, ..launch() });
    }

    #[test]
    fn orders_of_other_builds_are_understood() {
        let least = r#"{"alone": false, "directory": "/d", "program": "/p", "arguments": [], "colour": "red"}"#;
        let order: Order = serde_json::from_str(least).expect("an order");
        assert_eq!(order.log, None);
        assert_eq!(Launch::from(order), Launch::new(Path::new("/d"), Path::new("/p"), &[]));
        let no_word = r#"{"alone": 1, "directory": "/d", "program": "/p", "arguments": []}"#;
        for wrong in ["{}", "[]", r#"{"alone": true}"#, no_word] {
            assert!(serde_json::from_str::<Order>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_json_cannot_say_is_no_order() {
        let strange = Launch::new(Path::new("/d"), Path::new("/p"), &[OsStr::from_bytes(b"\xff")]);
        let error = Order::of(&strange, Path::new("/log")).expect_err("not UTF-8");
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }

    #[test]
    fn answers_as_they_are_written() {
        let busy = Refusal::NotAlone("/d".into());
        let failed = Refusal::Failed("cannot go to \"/d\"".to_owned(), io::ErrorKind::NotFound.into());
        for (answer, text) in [
            (Answer::Becomes { pid: 7, start_time: u64::MAX }, r#"{"pid":7,"start_time":18446744073709551615}"#),
            (Answer::from(&busy), r#"{"refused":"another process works in \"/d\"","alone":false}"#),
            (Answer::from(&failed), r#"{"refused":"cannot go to \"/d\": entity not found","alone":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&answer).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<Answer>(text).expect("an answer"), answer);
        }
        let short: Answer = serde_json::from_str(r#"{"refused": "no"}"#).expect("an answer");
        assert_eq!(short, Answer::Refused { why: "no".to_owned(), alone: true });
        for wrong in ["{}", "7", r#"{"pid": 7}"#, r#"{"start_time": 7}"#, r#"{"pid": -1, "start_time": 7}"#] {
            assert!(serde_json::from_str::<Answer>(wrong).is_err(), "{wrong}");
        }
    }
}

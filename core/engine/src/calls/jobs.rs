//! The calls by which servers move slots as a whole: [Valkey's][1] at the source, Redis's `CLUSTER MIGRATION` at the target.
//!
//! [1]: https://valkey.io/commands/cluster-migrateslots/

use std::collections::BTreeMap;

use justmanage_model::{BusId, SlotSet};

use super::{not_now, unexpected};
use crate::connection::{CallError, Connection};
use crate::migrate::{Job, JobState, Way};
use crate::resp::Reply;

impl Connection {
    /// Starts to give slots as a whole to another server. The answer says that it was begun; [`Connection::jobs`] says the rest.
    ///
    /// # Errors
    /// [`CallError::Refused`] if it does not own one of them, or one is on its way already.
    pub(crate) async fn push_slots(&mut self, slots: &SlotSet, to: BusId) -> Result<(), CallError> {
        let (ends, to) = (ends(slots), to.to_string());
        let words = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"].into_iter().chain(ends.iter().map(String::as_str));
        let words: Vec<&str> = words.chain(["NODE", &to]).collect();
        self.call_named("CLUSTER MIGRATESLOTS", &words).await.map(|_| ())
    }

    /// Starts to get slots as a whole from the server that owns them; the id of the job.
    ///
    /// # Errors
    /// [`CallError::NotNow`] while it gets slots from somebody else: a server does one such job at a time.
    /// [`CallError::Refused`] if several servers own them, or one is on its way already.
    pub(crate) async fn pull_slots(&mut self, slots: &SlotSet) -> Result<String, CallError> {
        let ends = ends(slots);
        let words = ["CLUSTER", "MIGRATION", "IMPORT"].into_iter().chain(ends.iter().map(String::as_str));
        let called = self.call_named("CLUSTER MIGRATION", &words.collect::<Vec<_>>()).await;
        match called.map_err(|error| not_now(error, &["already in progress"]))? {
            Reply::Text(id) => Ok(id),
            other => Err(unexpected("CLUSTER MIGRATION", format!("{other:?}"))),
        }
    }

    /// The jobs that move slots as a whole: those under way and some of late, the newest first.
    ///
    /// # Errors
    /// As every call.
    pub(crate) async fn jobs(&mut self, way: Way) -> Result<Vec<Job>, CallError> {
        let (name, words): (&str, &[&str]) = match way {
            Way::Push => ("CLUSTER GETSLOTMIGRATIONS", &["CLUSTER", "GETSLOTMIGRATIONS"]),
            Way::Pull => ("CLUSTER MIGRATION", &["CLUSTER", "MIGRATION", "STATUS", "ALL"]),
        };
        let reply = self.call_named(name, words).await?;
        parse_jobs(&reply).ok_or_else(|| unexpected(name, format!("{reply:?}")))
    }

    /// Ends all jobs under way; their slots stay where they are.
    pub(crate) async fn cancel_jobs(&mut self, way: Way) -> Result<(), CallError> {
        let words: &[&str] = match way {
            Way::Push => &["CLUSTER", "CANCELSLOTMIGRATIONS", "ALL"],
            Way::Pull => &["CLUSTER", "MIGRATION", "CANCEL", "ALL"],
        };
        self.call_named(&words[..2].join(" "), words).await.map(|_| ())
    }
}

fn ends(slots: &SlotSet) -> Vec<String> {
    slots.ranges().iter().flat_map(|run| [run.first(), run.last()]).map(|slot| slot.to_string()).collect()
}

fn parse_jobs(reply: &Reply) -> Option<Vec<Job>> {
    let Reply::List(jobs) = reply else { return None };
    jobs.iter().map(parse_job).collect()
}

/// Fields as pairs; the two engines name them differently.
fn parse_job(reply: &Reply) -> Option<Job> {
    let Reply::List(fields) = reply else { return None };
    let pair = |pair: &[Reply]| match pair {
        [Reply::Text(name), Reply::Text(value)] => Some((name.clone(), value.clone())),
        [Reply::Text(name), Reply::Number(value)] => Some((name.clone(), value.to_string())),
        _ => None,
    };
    let fields: BTreeMap<String, String> = fields.chunks_exact(2).filter_map(pair).collect();
    let either = |names: [&str; 2]| names.iter().find_map(|name| fields.get(*name)).map(String::as_str);
    Some(Job {
        id: either(["name", "id"])?.to_owned(),
        slots: either(["slot_ranges", "slots"])?.parse().ok()?,
        gives: matches!(either(["operation", "operation"])?.to_ascii_lowercase().as_str(), "export" | "migrate"),
        // A server that has heard of a job only by its replication does not say whose it was.
        from: either(["source_node", "source"]).and_then(|node| node.parse().ok()),
        to: either(["target_node", "dest"]).and_then(|node| node.parse().ok()),
        state: match fields.get("state")?.as_str() {
            "success" | "completed" => JobState::Done,
            "failed" | "cancelled" | "canceled" => JobState::GivenUp,
            _ => JobState::Running,
        },
        tries: fields.get("retries").and_then(|tries| tries.parse().ok()).unwrap_or_default(),
        said: either(["message", "last_error"]).unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(fields: &[(&str, &str)]) -> Reply {
        let text = |text: &str| Reply::Text(text.to_owned());
        Reply::List(vec![Reply::List(fields.iter().flat_map(|(name, value)| [text(name), text(value)]).collect())])
    }

    #[test]
    fn both_engines_tell_of_their_jobs() {
        let (one, two) = (BusId::new([1; 20]), BusId::new([2; 20]));
        let valkey = reply(&[
            ("name", "ab"),
            ("operation", "EXPORT"),
            ("slot_ranges", "0-99 5000-16383"),
            ("target_node", &two.to_string()),
            ("source_node", &one.to_string()),
            ("state", "failed"),
            ("message", "Check logs"),
        ]);
        let redis = reply(&[
            ("id", "ab"),
            ("slots", "0-99 5000-16383"),
            ("source", &one.to_string()),
            ("dest", &two.to_string()),
            ("operation", "migrate"),
            ("state", "failed"),
            ("last_error", "Check logs"),
        ]);
        let job = Job {
            id: "ab".to_owned(),
            slots: "0-99 5000-16383".parse().unwrap(),
            gives: true,
            from: Some(one),
            to: Some(two),
            state: JobState::GivenUp,
            tries: 0,
            said: "Check logs".to_owned(),
        };
        assert_eq!(parse_jobs(&valkey), Some(vec![job.clone()]));
        assert_eq!(parse_jobs(&redis), Some(vec![job]));
        let replicated =
            reply(&[("name", "ab"), ("operation", "IMPORT"), ("slot_ranges", "0-99"), ("state", "success")]);
        let jobs = parse_jobs(&replicated).unwrap();
        assert_eq!((jobs[0].from, jobs[0].to, jobs[0].state), (None, None, JobState::Done));
        assert_eq!(parse_jobs(&reply(&[("id", "ab")])), None);
        assert_eq!(parse_jobs(&Reply::Nil), None);
    }
}

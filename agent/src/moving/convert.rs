//! Between what travels and what is meant.

use std::collections::BTreeMap;

use justmanage_agent_proto::v1::slot_job::State;
use justmanage_agent_proto::v1::{SlotArriving, SlotJob, SlotsReply, SlotsWay};
use justmanage_engine::migrate::{Job, JobState, Side, TargetError, Way};
use justmanage_model::{BusId, Slot, SlotSet};

pub(super) fn put_side(side: &Side) -> SlotsReply {
    let arriving = |(slot, from): (&Slot, &BusId)| SlotArriving { slot: slot.get().into(), from: from.to_string() };
    SlotsReply {
        id: side.id.to_string(),
        slots: side.slots.to_string(),
        arriving: side.arriving.iter().map(arriving).collect(),
        ..SlotsReply::default()
    }
}

pub(super) fn side(reply: &SlotsReply) -> Result<Side, TargetError> {
    let arriving = |one: &SlotArriving| {
        let slot = u16::try_from(one.slot).ok().and_then(Slot::new).ok_or_else(|| unreadable("a slot"))?;
        Ok((slot, id(&one.from)?))
    };
    let arriving: Result<BTreeMap<Slot, BusId>, TargetError> = reply.arriving.iter().map(arriving).collect();
    Ok(Side { id: id(&reply.id)?, slots: slots(&reply.slots)?, arriving: arriving? })
}

pub(super) const fn put_way(way: Option<Way>) -> SlotsWay {
    match way {
        None => SlotsWay::Unspecified,
        Some(Way::Push) => SlotsWay::Push,
        Some(Way::Pull) => SlotsWay::Pull,
    }
}

pub(super) const fn way(way: SlotsWay) -> Option<Way> {
    match way {
        SlotsWay::Unspecified => None,
        SlotsWay::Push => Some(Way::Push),
        SlotsWay::Pull => Some(Way::Pull),
    }
}

pub(super) fn put_job(job: &Job) -> SlotJob {
    let text = |id: Option<BusId>| id.map(|id| id.to_string()).unwrap_or_default();
    let state = match job.state {
        JobState::Running => State::Running,
        JobState::Done => State::Done,
        JobState::GivenUp => State::GivenUp,
    };
    SlotJob {
        id: job.id.clone(),
        slots: job.slots.to_string(),
        gives: job.gives,
        from: text(job.from),
        to: text(job.to),
        state: state.into(),
        tries: job.tries,
        said: job.said.clone(),
    }
}

pub(super) fn job(job: &SlotJob) -> Result<Job, TargetError> {
    let other = |text: &str| if text.is_empty() { Ok(None) } else { id(text).map(Some) };
    let state = match job.state() {
        State::Running => JobState::Running,
        State::Done => JobState::Done,
        State::GivenUp => JobState::GivenUp,
        State::Unspecified => return Err(unreadable("how far a job is")),
    };
    Ok(Job {
        id: job.id.clone(),
        slots: slots(&job.slots)?,
        gives: job.gives,
        from: other(&job.from)?,
        to: other(&job.to)?,
        state,
        tries: job.tries,
        said: job.said.clone(),
    })
}

pub(super) fn slots(text: &str) -> Result<SlotSet, TargetError> {
    text.parse().map_err(|_| unreadable("slots"))
}

pub(super) fn id(text: &str) -> Result<BusId, TargetError> {
    text.parse().map_err(|_| unreadable("a server's id"))
}

fn unreadable(what: &str) -> TargetError {
    TargetError::Refused { why: format!("{what} cannot be read") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_comes_back_as_it_was() {
        let (one, two) = (BusId::new([1; 20]), BusId::new([2; 20]));
        for arriving in [BTreeMap::new(), BTreeMap::from([(Slot::new(16383).expect("a slot"), two)])] {
            let there = Side { id: one, slots: "0-5 9".parse().expect("slots"), arriving };
            assert_eq!(side(&put_side(&there)), Ok(there));
        }
        for state in [JobState::Running, JobState::Done, JobState::GivenUp] {
            for from in [None, Some(one)] {
                let (id, said) = ("ab".to_owned(), "no".to_owned());
                let slots = "7".parse().expect("slots");
                let there = Job { id, slots, gives: true, from, to: Some(two), state, tries: 3, said };
                assert_eq!(job(&put_job(&there)), Ok(there));
            }
        }
        for there in [None, Some(Way::Push), Some(Way::Pull)] {
            assert_eq!(way(put_way(there)), there);
        }
        assert!(side(&SlotsReply::default()).is_err());
        assert!(job(&SlotJob::default()).is_err());
    }
}

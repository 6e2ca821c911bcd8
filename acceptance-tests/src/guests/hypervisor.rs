//! What makes a machine of every instance: it looks at EC2 again and again, as anybody can, and boots, switches off and scraps.
//!
//! To EC2 it says one thing: that a machine has turned itself off, which ends its instance or stops it, as whoever made it has chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use justmanage_ec2_proxy::Ec2;
use justmanage_ec2_proxy::ec2::value;
use tokio::runtime::Handle;

use super::image::Image;
use super::imds::Imds;
use super::instance::{self, Instance};
use super::machine::{self, Machine, State};
use super::metadata::Metadata;
use crate::bridge::Bridge;

/// How often it looks. Moto answers within a few milliseconds.
const EVERY: Duration = Duration::from_millis(250);

/// What is to be done about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// It is to run, and does not; or was stopped and started since it was booted.
    Boot,
    /// It is to be off.
    PowerOff,
    /// It is gone, and with it what it had.
    Scrap,
    /// It has turned itself off, and EC2 does not know.
    Tell,
}

/// By what EC2 says, and by the machine that there is, with the number of its boot.
fn due(instance: &Instance, machine: Option<(State, u64)>) -> Due {
    match (instance.stage.as_str(), machine) {
        ("pending" | "running", None | Some((State::Off, _))) => Due::Boot,
        ("pending" | "running", Some((_, boot))) if boot < instance.boots => Due::Boot,
        ("pending" | "running", Some((State::Ended(_), _))) => Due::Tell,
        ("stopping" | "stopped", Some((State::On | State::Cut | State::Ended(_), _))) => Due::PowerOff,
        ("shutting-down" | "terminated", Some(_)) => Due::Scrap,
        _ => Due::Nothing,
    }
}

/// The machines of one EC2.
pub(super) struct Hypervisor {
    inside: Arc<Inside>,
    /// As long as this is there, it goes on.
    goes_on: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What it works with.
pub(super) struct Inside {
    pub(super) bridge: Bridge,
    pub(super) ec2: Ec2,
    pub(super) runtime: Handle,
    pub(super) imds: Imds,
    pub(super) image: Image,
    pub(super) folder: PathBuf,
    pub(super) machines: Mutex<BTreeMap<String, Machine>>,
    /// What should not have happened, and to which instances: nothing more is done for these.
    pub(super) complaints: Mutex<Vec<String>>,
    pub(super) given_up: Mutex<BTreeSet<String>>,
}

impl Hypervisor {
    /// Begins, on a thread of its own.
    pub(super) fn start(inside: Arc<Inside>) -> Self {
        let (goes_on, is_over) = channel();
        let own = inside.clone();
        let thread = thread::spawn(move || {
            while is_over.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                own.turn();
            }
        });
        Self { inside, goes_on: Some(goes_on), thread: Some(thread) }
    }

    /// Ends, and leaves machines as they are.
    pub(super) fn stop(&mut self) {
        drop(self.goes_on.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            self.inside.complain("the hypervisor panicked".to_owned());
        }
    }
}

impl Inside {
    pub(super) fn machines(&self) -> MutexGuard<'_, BTreeMap<String, Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain(&self, what: String) {
        eprintln!("hypervisor: {what}");
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn turn(&self) {
        for (item, stage) in self.runtime.block_on(self.ec2.instances()) {
            let id = value(&item, "instanceId").unwrap_or_default();
            let Some(instance) = Instance::read(&item, &stage, self.ec2.boots(id)) else { continue };
            if self.given_up.lock().unwrap_or_else(PoisonError::into_inner).contains(id) {
                continue;
            }
            let there = self.machines().get_mut(id).map(|machine| (machine.state(), machine.instance.boots));
            if let Err(why) = self.act(due(&instance, there), instance) {
                self.complain(why);
                self.given_up.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
            }
        }
    }

    fn act(&self, due: Due, instance: Instance) -> Result<(), String> {
        let id = instance.id.clone();
        match due {
            Due::Nothing => Ok(()),
            Due::Boot => self.boot(instance),
            Due::PowerOff => {
                self.machines().get_mut(&id).into_iter().for_each(|machine| {
                    machine.power_off();
                    machine.unplug(&self.bridge);
                });
                Ok(())
            }
            Due::Scrap => {
                self.imds.forget(instance.address);
                let machine = self.machines().remove(&id);
                machine.map_or(Ok(()), |machine| machine.scrap(&self.bridge))
            }
            Due::Tell => self.tell(&id),
        }
    }

    /// Boots the machine of an instance, the same one if it was there before.
    fn boot(&self, instance: Instance) -> Result<(), String> {
        let id = instance.id.clone();
        if !self.machines().contains_key(&id) {
            let ask = async {
                let volumes = self.ec2.list("DescribeVolumes", "volumeSet").await;
                (instance::volumes(&volumes, &id), self.attribute(&id, "userData").await)
            };
            let (volumes, user_data) = self.runtime.block_on(ask);
            let user_data = user_data.map(|data| BASE64_STANDARD.decode(data).expect("EC2's own base 64"));
            self.imds.put(instance.address, Metadata::of(&instance, user_data));
            self.ec2.has_console(&id, machine::console(&self.folder, &id));
            let made = Machine::make(instance.clone(), &self.folder, &self.image, volumes)?;
            self.machines().insert(id.clone(), made);
        }
        let mut machines = self.machines();
        let machine = machines.get_mut(&id).expect("it was put there, and only this thread takes it away");
        machine.power_off();
        machine.unplug(&self.bridge);
        machine.boot(instance, &self.bridge, &self.image)
    }

    /// A machine has turned itself off: its instance ends, or stops.
    fn tell(&self, id: &str) -> Result<(), String> {
        let mut failed = Ok(());
        if let Some(machine) = self.machines().get_mut(id) {
            if let State::Ended(status) = machine.state()
                && !status.success()
            {
                failed = Err(format!("QEMU of {id} ended with {status}: {}", machine.qemu_log()));
            }
            machine.cut();
        }
        failed?;
        self.runtime.block_on(async {
            let ends = self.attribute(id, "instanceInitiatedShutdownBehavior").await.as_deref() == Some("terminate");
            let action = if ends { "TerminateInstances" } else { "StopInstances" };
            self.ec2.ask(&[("Action", action), ("InstanceId.1", id)]).await;
        });
        Ok(())
    }

    async fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let ask = [("Action", "DescribeInstanceAttribute"), ("InstanceId", id), ("Attribute", name)];
        let answer = self.ec2.ask(&ask).await;
        value(value(&answer, name)?, "value").map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::super::instance::tests::instance;
    use super::*;

    #[test]
    fn machines_follow_their_instances() {
        let ended = State::Ended(ExitStatus::from_raw(0));
        for (stage, boots, machine, expected) in [
            ("pending", 1, None, Due::Boot),
            ("running", 1, None, Due::Boot),
            ("running", 1, Some((State::On, 1)), Due::Nothing),
            ("running", 1, Some((State::Cut, 1)), Due::Nothing),
            ("running", 1, Some((ended, 1)), Due::Tell),
            ("stopped", 1, Some((State::On, 1)), Due::PowerOff),
            ("stopped", 1, Some((State::Cut, 1)), Due::PowerOff),
            ("stopped", 1, Some((State::Off, 1)), Due::Nothing),
            ("stopped", 1, None, Due::Nothing),
            ("pending", 2, Some((State::Off, 1)), Due::Boot),
            // Stopped and started between two looks.
            ("running", 2, Some((State::On, 1)), Due::Boot),
            ("running", 2, Some((State::Cut, 1)), Due::Boot),
            ("shutting-down", 2, Some((State::On, 2)), Due::Scrap),
            ("terminated", 1, Some((State::Off, 1)), Due::Scrap),
            ("terminated", 1, None, Due::Nothing),
        ] {
            assert_eq!(due(&instance(stage, boots), machine), expected, "{stage} {boots} {machine:?}");
        }
    }
}

//! One guest: a machine that QEMU plays by itself (TCG), so that it runs wherever a test does, also in a virtual machine.
//!
//! To its system it is one of EC2's: the firmware says so, the disks for data are of NVMe, and there is nobody at its console.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::image::Image;
use super::instance::{Instance, Volume};
use super::network::mac;
use crate::bridge::{Bridge, Resident};

const QEMU: &str = "qemu-system-x86_64";

/// Its memory, in MiB: Debian with cloud-init needs a third of it. QEMU itself takes as much again, mostly for code that it has
/// translated (`tb-size`).
const MEMORY: u32 = 512;

/// What the kernel is told: where its disk and console are, and not to defend against neighbours, which costs time where every
/// instruction is played.
const KERNEL: &str =
    "root=LABEL=root rw console=ttyS0 net.ifnames=0 quiet systemd.show_status=0 audit=0 mitigations=off";

/// A machine, on or off, with its disks.
pub(super) struct Machine {
    /// As EC2 said when it was booted last.
    pub(super) instance: Instance,
    folder: PathBuf,
    console: PathBuf,
    volumes: Vec<Volume>,
    power: Power,
}

/// Whether it runs.
enum Power {
    Off,
    /// Somebody has cut its power: it stays off until it is switched off and on by its owner.
    Cut,
    On(Resident),
}

/// The same, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is off.
    Off,
    /// Its power was cut.
    Cut,
    /// It runs.
    On,
    /// It was on, and has turned itself off. A status that is not zero is QEMU's own failure.
    Ended(ExitStatus),
}

impl Machine {
    /// A machine that has never been on, with empty disks; in a folder of its own.
    ///
    /// # Errors
    /// What qemu-img said.
    pub(super) fn make(instance: Instance, folder: &Path, image: &Image, volumes: Vec<Volume>) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| format!("disks of {}: {error}", instance.id);
        let own = folder.join(&instance.id);
        fs::create_dir(&own).map_err(|error| said(&error))?;
        let mut layer = Command::new("qemu-img");
        layer.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]).arg(&image.disk).arg(own.join("system"));
        let made = layer.output().map_err(|error| said(&format!("qemu-img (Debian: qemu-utils): {error}")))?;
        if !made.status.success() {
            return Err(said(&String::from_utf8_lossy(&made.stderr)));
        }
        for volume in &volumes {
            let file = File::create_new(own.join(&volume.id)).map_err(|error| said(&error))?;
            file.set_len(volume.bytes).map_err(|error| said(&error))?;
        }
        let console = console(folder, &instance.id);
        Ok(Self { instance, folder: own, console, volumes, power: Power::Off })
    }

    /// What becomes of it.
    pub(super) fn state(&mut self) -> State {
        match &mut self.power {
            Power::Off => State::Off,
            Power::Cut => State::Cut,
            Power::On(qemu) => qemu.ended().expect("our own child").map_or(State::On, State::Ended),
        }
    }

    /// Boots it, once more if it is on.
    ///
    /// # Errors
    /// What QEMU said.
    pub(super) fn boot(&mut self, instance: Instance, bridge: &Bridge, image: &Image) -> Result<(), String> {
        self.power_off();
        self.instance = instance;
        let tap = self.tap();
        let plug = format!("tuntap add {tap} mode tap\nlink set {tap} master br0\nlink set {tap} up\n");
        bridge.try_run("ip", &["-batch", "-"], &plug)?;
        self.power = Power::On(bridge.start(QEMU, &self.arguments(image), &self.folder.join("qemu.log"))?);
        Ok(())
    }

    /// Takes its power away at once: what its system has not written to a disk is lost.
    pub(super) fn cut(&mut self) {
        self.power = Power::Cut;
    }

    /// Switches it off, without asking its system.
    pub(super) fn power_off(&mut self) {
        self.power = Power::Off;
    }

    /// Unplugs it, after it was switched off.
    pub(super) fn unplug(&self, bridge: &Bridge) {
        // A machine that was never on has none.
        let _ = bridge.try_run("ip", &["link", "delete", &self.tap()], "");
    }

    /// Takes its disks away. Its console stays.
    pub(super) fn scrap(mut self, bridge: &Bridge) -> Result<(), String> {
        self.power_off();
        self.unplug(bridge);
        fs::remove_dir_all(&self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))
    }

    /// The files of its disks for data.
    pub(super) fn volumes(&self) -> Vec<PathBuf> {
        self.volumes.iter().map(|volume| self.folder.join(&volume.id)).collect()
    }

    /// What QEMU has said, which is nothing where all is well.
    pub(super) fn qemu_log(&self) -> String {
        fs::read_to_string(self.folder.join("qemu.log")).unwrap_or_default()
    }

    /// Its end of the cable, on the bridge.
    fn tap(&self) -> String {
        format!("guest{}", self.instance.address.octets()[3])
    }

    fn arguments(&self, image: &Image) -> Vec<String> {
        let uuid = uuid(&self.instance.id);
        let file = |path: &Path| path.display().to_string();
        let (tap, mac) = (self.tap(), mac(self.instance.address));
        let mut words: Vec<String> = Vec::new();
        let mut say = |name: &str, value: String| words.extend([name.to_owned(), value]);
        say("-name", self.instance.id.clone());
        say("-machine", "q35".into());
        say("-accel", "tcg,tb-size=128".into());
        say("-cpu", "max".into());
        say("-m", MEMORY.to_string());
        say("-display", "none".into());
        say("-monitor", "none".into());
        say("-smbios", "type=0,vendor=Amazon EC2".into());
        say("-smbios", format!("type=1,manufacturer=Amazon EC2,uuid={uuid},serial={uuid}"));
        say("-kernel", file(&image.kernel));
        say("-initrd", file(&image.initrd));
        say("-append", KERNEL.into());
        // What its system asks to be on the disk is in this machine's page cache then, and outlives QEMU.
        let system = file(&self.folder.join("system"));
        say("-drive", format!("file={system},if=virtio,format=qcow2,cache=unsafe"));
        for volume in &self.volumes {
            let (id, disk) = (volume.id.replace('-', ""), file(&self.folder.join(&volume.id)));
            say("-drive", format!("file={disk},if=none,id={id},format=raw,cache=unsafe,discard=unmap"));
            say("-device", format!("nvme,drive={id},serial={id}"));
        }
        say("-netdev", format!("tap,id=net,ifname={tap},script=no,downscript=no"));
        say("-device", format!("virtio-net-pci,netdev=net,mac={mac},romfile="));
        say("-device", "virtio-rng-pci".into());
        say("-chardev", format!("file,id=console,path={},append=on", file(&self.console)));
        say("-serial", "chardev:console".into());
        words.push("-nodefaults".into());
        words
    }
}

/// Where the console of a machine is written.
pub(super) fn console(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.console"))
}

/// By which a system knows that it is one of EC2's: it begins with `ec2`
/// ([identify instances](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html)).
fn uuid(id: &str) -> String {
    let digits = format!("ec2{:0<29}", id.trim_start_matches("i-"));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| digits.get(part).unwrap_or_default().to_owned()).join("-")
}

#[cfg(test)]
mod tests {
    use super::super::instance::tests::instance;
    use super::*;

    #[test]
    fn a_machine_says_that_it_is_one_of_ec2() {
        assert_eq!(uuid("i-0123456789abcdef0"), "ec201234-5678-9abc-def0-000000000000");
    }

    #[test]
    fn a_machine_has_its_own_address_disks_and_console() {
        let folder = Path::new("/tmp/jm-guests-1-x");
        let machine = Machine {
            instance: instance("running", 1),
            folder: folder.join("i-0123456789abcdef0"),
            console: console(folder, "i-0123456789abcdef0"),
            volumes: vec![Volume { id: "vol-1".into(), bytes: 1 << 30 }],
            power: Power::Off,
        };
        let image =
            Image { disk: "/image/disk".into(), kernel: "/image/vmlinuz".into(), initrd: "/image/initrd".into() };
        let words = machine.arguments(&image).join(" ");
        for expected in [
            "ifname=guest68,",
            "mac=02:99:00:01:00:44,",
            "file=/tmp/jm-guests-1-x/i-0123456789abcdef0/vol-1,if=none,id=vol1,format=raw",
            "nvme,drive=vol1,serial=vol1",
            "path=/tmp/jm-guests-1-x/i-0123456789abcdef0.console,append=on",
        ] {
            assert!(words.contains(expected), "{expected}: {words}");
        }
        assert!(!words.contains("/image/disk"), "nobody writes to what all of them stand on");
    }
}

//! Limits and protection as systemd takes them
//! ([systemd.resource-control](https://www.freedesktop.org/software/systemd/man/systemd.resource-control.html)).
//!
//! Nothing else on the host takes from a server what it may use. Memory: of its data nothing (`MemoryMin`), of the rest only when nobody else
//! has any to give (`MemoryLow`). Processors: up to its quota it goes before everybody else, by the greatest weight that there is. Weight counts
//! among neighbours, and protection where everything above has it: the slice, at the top, has the same as the unit.

use super::Limits;
use crate::Bytes;
use crate::spec::{WEIGHT_MAX, WEIGHT_USUAL};

/// Where the server's data are. systemd finds the disk that a directory is on.
const DIRECTORY: &str = "/var/lib/justmanage/node";

impl Limits {
    /// As a part of the server's unit, for its next start; empty if there are none.
    #[must_use]
    pub fn unit_part(&self) -> String {
        let memory = self.memory.map(|memory| format!("MemoryMax={}", memory.get()));
        written("[Service]", memory.into_iter().chain(self.unit_properties()))
    }

    /// What is kept for the server as a part of its slice; empty if that is nothing.
    #[must_use]
    pub fn slice_part(&self) -> String {
        written("[Slice]", self.slice_properties())
    }

    /// The limits besides the one of memory, for a server that runs.
    #[must_use]
    pub fn unit_properties(&self) -> Vec<String> {
        // Whole percents, upwards: older versions of systemd read no others.
        let quota = self.cpu.map(|cpu| format!("{}%", cpu.get().div_ceil(10))).unwrap_or_default();
        let bound = |bound: Option<u64>| bound.map(|bound| format!("{DIRECTORY} {bound}")).unwrap_or_default();
        let io = self.io;
        let mut properties = vec![
            format!("MemorySwapMax={}", if self.memory.is_some() { "0" } else { "infinity" }),
            format!("CPUQuota={quota}"),
            format!("IOReadBandwidthMax={}", bound(io.read_bandwidth.map(Bytes::get))),
            format!("IOWriteBandwidthMax={}", bound(io.write_bandwidth.map(Bytes::get))),
            format!("IOReadIOPSMax={}", bound(io.read_iops)),
            format!("IOWriteIOPSMax={}", bound(io.write_iops)),
        ];
        properties.extend(self.slice_properties());
        properties
    }

    /// What is kept for the server, of its unit and of its slice.
    #[must_use]
    pub fn slice_properties(&self) -> Vec<String> {
        let bytes = |bytes: Option<Bytes>| bytes.unwrap_or_default().get();
        let cpu = if self.cpu.is_some() { WEIGHT_MAX } else { WEIGHT_USUAL };
        vec![
            format!("MemoryMin={}", bytes(self.data)),
            format!("MemoryLow={}", bytes(self.data.and(self.memory))),
            format!("CPUWeight={cpu}"),
            format!("IOWeight={}", self.io.weight.unwrap_or(WEIGHT_USUAL)),
        ]
    }
}

/// Lines below their heading. What takes back something that was said before (`CPUQuota=`) is for a server that runs.
fn written(heading: &str, lines: impl IntoIterator<Item = String>) -> String {
    let usual = format!("Weight={WEIGHT_USUAL}");
    let says_nothing =
        |line: &String| ["=", "=infinity", "Min=0", "Low=0", &usual].iter().any(|nothing| line.ends_with(nothing));
    let lines: Vec<String> = lines.into_iter().filter(|line| !says_nothing(line)).collect();
    if lines.is_empty() { String::new() } else { format!("{heading}\n{}", lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use crate::Io;

    use super::*;

    #[test]
    fn limits_are_written_as_systemd_reads_them() {
        let none = Limits::default();
        assert_eq!((none.unit_part(), none.slice_part()), (String::new(), String::new()));
        let taken_back = [
            "MemorySwapMax=infinity",
            "CPUQuota=",
            "IOReadBandwidthMax=",
            "IOWriteBandwidthMax=",
            "IOReadIOPSMax=",
            "IOWriteIOPSMax=",
            "MemoryMin=0",
            "MemoryLow=0",
            "CPUWeight=100",
            "IOWeight=100",
        ];
        assert_eq!(none.unit_properties(), taken_back);
        assert_eq!(none.slice_properties(), taken_back[6..]);
        let io = Io {
            read_bandwidth: Some(Bytes::mib(20)),
            write_bandwidth: Some(Bytes::mib(10)),
            read_iops: Some(2000),
            write_iops: Some(1000),
            weight: Some(500),
        };
        let all = Limits {
            memory: Some(Bytes::mib(1024)),
            data: Some(Bytes::mib(256)),
            cpu: Some("1.255".parse().expect("processors")),
            io,
        };
        let kept = "MemoryMin=268435456\nMemoryLow=1073741824\nCPUWeight=10000\nIOWeight=500";
        assert_eq!(
            all.unit_part(),
            format!(
                "[Service]\nMemoryMax=1073741824\nMemorySwapMax=0\nCPUQuota=126%\n\
                 IOReadBandwidthMax=/var/lib/justmanage/node 20971520\nIOWriteBandwidthMax=/var/lib/justmanage/node 10485760\n\
                 IOReadIOPSMax=/var/lib/justmanage/node 2000\nIOWriteIOPSMax=/var/lib/justmanage/node 1000\n{kept}"
            )
        );
        assert_eq!(all.slice_part(), format!("[Slice]\n{kept}"));
        let cpu = Limits { cpu: all.cpu, ..none };
        assert_eq!(cpu.unit_part(), "[Service]\nCPUQuota=126%\nCPUWeight=10000");
        assert_eq!(cpu.slice_part(), "[Slice]\nCPUWeight=10000");
    }
}

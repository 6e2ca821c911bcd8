//! Limits and protection as systemd takes them
//! ([systemd.resource-control](https://www.freedesktop.org/software/systemd/man/systemd.resource-control.html)).
//!
//! Nothing else on the host takes from a server what it may use. Memory: of its data nothing (`MemoryMin`), of the rest only when nobody else
//! has any to give (`MemoryLow`). Processors: up to its quota it goes before everybody else, by the greatest weight that there is. Weight counts
//! among neighbours, and protection where everything above has it: the slice, at the top, has the same as the unit.

use justmanage_model::Bytes;
use justmanage_model::spec::{WEIGHT_MAX, WEIGHT_USUAL};
use justmanage_platforms::Limits;

/// Where the server's data are. systemd finds the disk that a directory is on.
const DIRECTORY: &str = "/var/lib/justmanage/node";

/// The limits as a part of the server's unit, for its next start; empty if there are none.
pub(super) fn part(limits: &Limits) -> String {
    let memory = limits.memory.map(|memory| format!("MemoryMax={}", memory.get()));
    written("[Service]", memory.into_iter().chain(properties(limits)))
}

/// What is kept for the server as a part of its slice; empty if that is nothing.
pub(super) fn share(limits: &Limits) -> String {
    written("[Slice]", shares(limits))
}

/// The limits besides the one of memory, for a server that runs.
pub(super) fn properties(limits: &Limits) -> Vec<String> {
    // Whole percents, upwards: older versions of systemd read no others.
    let quota = limits.cpu.map(|cpu| format!("{}%", cpu.get().div_ceil(10))).unwrap_or_default();
    let bound = |bound: Option<u64>| bound.map(|bound| format!("{DIRECTORY} {bound}")).unwrap_or_default();
    let io = limits.io;
    let mut properties = vec![
        format!("MemorySwapMax={}", if limits.memory.is_some() { "0" } else { "infinity" }),
        format!("CPUQuota={quota}"),
        format!("IOReadBandwidthMax={}", bound(io.read_bandwidth.map(Bytes::get))),
        format!("IOWriteBandwidthMax={}", bound(io.write_bandwidth.map(Bytes::get))),
        format!("IOReadIOPSMax={}", bound(io.read_iops)),
        format!("IOWriteIOPSMax={}", bound(io.write_iops)),
    ];
    properties.extend(shares(limits));
    properties
}

/// What is kept for the server, of its unit and of its slice.
pub(super) fn shares(limits: &Limits) -> Vec<String> {
    let bytes = |bytes: Option<Bytes>| bytes.unwrap_or_default().get();
    let cpu = if limits.cpu.is_some() { WEIGHT_MAX } else { WEIGHT_USUAL };
    vec![
        format!("MemoryMin={}", bytes(limits.data)),
        format!("MemoryLow={}", bytes(limits.data.and(limits.memory))),
        format!("CPUWeight={cpu}"),
        format!("IOWeight={}", limits.io.weight.unwrap_or(WEIGHT_USUAL)),
    ]
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
    use justmanage_model::Io;

    use super::*;

    #[test]
    fn limits_are_written_as_systemd_reads_them() {
        let none = Limits::default();
        assert_eq!((part(&none), share(&none)), (String::new(), String::new()));
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
        assert_eq!(properties(&none), taken_back);
        assert_eq!(shares(&none), taken_back[6..]);
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
            part(&all),
            format!(
                "[Service]\nMemoryMax=1073741824\nMemorySwapMax=0\nCPUQuota=126%\n\
                 IOReadBandwidthMax=/var/lib/justmanage/node 20971520\nIOWriteBandwidthMax=/var/lib/justmanage/node 10485760\n\
                 IOReadIOPSMax=/var/lib/justmanage/node 2000\nIOWriteIOPSMax=/var/lib/justmanage/node 1000\n{kept}"
            )
        );
        assert_eq!(share(&all), format!("[Slice]\n{kept}"));
        let cpu = Limits { cpu: all.cpu, ..none };
        assert_eq!(part(&cpu), "[Service]\nCPUQuota=126%\nCPUWeight=10000");
        assert_eq!(share(&cpu), "[Slice]\nCPUWeight=10000");
    }
}

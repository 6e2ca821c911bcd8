//! What processes cost: the agent's own, and its server's; from `/proc`
//! ([proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)).

use std::fs;
use std::time::Duration;

use super::page::Page;
use crate::process::identity;
use crate::server::Process;

/// A process at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cost {
    resident_bytes: u64,
    cpu: Duration,
    open_files: Option<u64>,
    open_files_max: Option<u64>,
    /// Seconds since 1970.
    started: Option<f64>,
}

/// The server's, if there is one and it is still the one that is meant.
pub(super) fn of_server(process: &Process) -> Option<Cost> {
    let Process::Running { identity: server, .. } = process else { return None };
    let cost = Cost::of(server.pid);
    // Looked at after it was read: a pid can have changed hands before.
    cost.filter(|_| identity(server.pid).is_ok_and(|now| now == *server))
}

impl Cost {
    /// Of a process; `None` when it is gone.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned();
        // The program's name, field 2, may hold spaces and parentheses; what follows the last `)` holds neither.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = rustix::param::clock_ticks_per_second();
        let seconds = |count: u64| Duration::from_millis(count.saturating_mul(1000) / ticks.max(1));
        let started = Some(boot_time()? as f64 + seconds(field(22)?).as_secs_f64());
        Some(Self {
            cpu: seconds(field(14)? + field(15)?),
            resident_bytes: field(24)? * rustix::param::page_size() as u64,
            open_files: fs::read_dir(format!("/proc/{pid}/fd")).ok().map(|entries| entries.count() as u64),
            open_files_max: open_files_max(&fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default()),
            started,
        })
    }
}

/// When the machine was started, in seconds since 1970.
fn boot_time() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// The soft limit: `Max open files   1024   1048576   files`.
fn open_files_max(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

pub(super) fn put(page: &mut Page, server: Option<&Cost>) {
    if let Some(own) = Cost::of(std::process::id()) {
        page.gauge("process_resident_memory_bytes", "Resident memory of the agent.", Some(own.resident_bytes));
        page.counter("process_cpu_seconds_total", "Processor time of the agent.", Some(own.cpu.as_secs_f64()));
        page.gauge("process_open_fds", "Open files of the agent.", own.open_files);
        page.gauge("process_max_fds", "Most files that the agent may have open.", own.open_files_max);
        page.gauge("process_start_time_seconds", "When the agent was started, in seconds since 1970.", own.started);
    }
    page.gauge("justmanage_server_running", "Whether the server's process is there.", Some(server.is_some()));
    let Some(server) = server else { return };
    let resident = "Resident memory of the server's process.";
    page.gauge("justmanage_server_resident_memory_bytes", resident, Some(server.resident_bytes));
    let cpu = "Processor time of the server's process, without its forks.";
    page.counter("justmanage_server_cpu_seconds_total", cpu, Some(server.cpu.as_secs_f64()));
    page.gauge("justmanage_server_open_fds", "Open files of the server's process.", server.open_files);
    page.gauge("justmanage_server_max_fds", "Most files that the server may have open.", server.open_files_max);
    let started = "When the server's process was started, in seconds since 1970.";
    page.gauge("justmanage_server_start_time_seconds", started, server.started);
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use justmanage_model::Timestamp;

    use super::*;

    #[test]
    fn our_own_costs_are_what_they_are() {
        let own = Cost::of(std::process::id()).expect("our own");
        assert!((1 << 20..1 << 34).contains(&own.resident_bytes), "{own:?}");
        assert!(own.open_files.is_some_and(|open| (3..10_000).contains(&open)), "{own:?}");
        assert!(own.open_files_max >= own.open_files, "{own:?}");
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
        // `btime` is in whole seconds, and moves when clocks are set.
        assert!(own.started.is_some_and(|started| (now - started).abs() < 600.0), "{own:?} {now}");
    }

    #[test]
    fn processor_time_grows_with_work() {
        let before = Cost::of(std::process::id()).expect("our own").cpu;
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while Cost::of(std::process::id()).expect("our own").cpu < before + Duration::from_millis(20) {
            assert!(std::time::Instant::now() < deadline, "no processor time is counted");
        }
    }

    #[test]
    fn another_process_with_the_servers_pid_is_not_the_server() {
        let identity = crate::process::identity(std::process::id()).expect("our own");
        let since = Timestamp::UNIX_EPOCH;
        assert!(of_server(&Process::Running { identity: identity.clone(), since }).is_some());
        let other = justmanage_model::node::ProcessIdentity { start_time: identity.start_time + 1, ..identity };
        assert_eq!(of_server(&Process::Running { identity: other, since }), None);
        assert_eq!(of_server(&Process::Stopped), None);
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 1048576              files     \n";
        assert_eq!(open_files_max(text), Some(1024));
        assert_eq!(open_files_max("Max open files            unlimited            unlimited            files\n"), None);
        assert_eq!(open_files_max(""), None);
    }
}

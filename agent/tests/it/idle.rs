//! What an agent costs while nothing happens.

use std::fs;
use std::time::{Duration, Instant};

use crate::node::Node;
use crate::operator::serving;
use crate::servers::valkey;

/// How long it is watched: two of its looks at the server, which come every 5 s.
const WINDOW: Duration = Duration::from_secs(11);

/// Nanoseconds on a processor, of all threads.
fn processor_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("threads").flatten();
    // A thread may end between the list and the look.
    let ran = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
    Duration::from_nanos(
        ran.map(|text| text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).expect("ns")).sum(),
    )
}

/// A figure of `smaps_rollup`, in KiB.
fn memory(pid: u32, what: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("memory");
    let line = text.lines().find(|line| line.starts_with(&format!("{what}:"))).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("KiB")
}

#[tokio::test]
async fn an_agent_with_nothing_to_do_does_next_to_nothing() {
    let node = Node::new(&valkey());
    let (agent, mut operator) = serving(&node).await;
    operator.converged().await;
    let pid = agent.process.pid;
    let (begun, before) = (Instant::now(), processor_time(pid));
    tokio::time::sleep(WINDOW).await;
    let share = processor_time(pid).saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    let (private, resident) = (memory(pid, "Private_Dirty"), memory(pid, "Rss"));
    println!("{:.3} % of a core, {private} KiB private, {resident} KiB resident", share * 100.0);
    // The program as it is released is held to half of this by `cargo xtask bench`; this one is not optimised.
    assert!(share < 0.01, "{:.3} % of a core", share * 100.0);
    // 5 MiB as a rule, and more where threads were many when it began.
    assert!(private < 16 * 1024, "{private} KiB private");
}

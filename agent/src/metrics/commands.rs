//! What each command cost: `cmdstat_get:calls=2,usec=9,usec_per_call=4.5,rejected_calls=0,failed_calls=0`.

use justmanage_engine::info::Fields;

use super::page::{Kind, Page};
use super::server::part_of;

/// Most commands that are listed, the most called first. A server has some 400 with their subcommands, and an application
/// calls a few dozen of them; each is four series of each node for ever.
const COMMANDS_MAX: usize = 100;

/// A family: its name, the part of the text, by what it is divided, its meaning.
const FAMILIES: [(&str, &str, f64, &str); 4] = [
    ("redis_commands_total", "calls", 1.0, "Calls of a command."),
    ("redis_commands_duration_seconds_total", "usec", 1e6, "Time that a command took."),
    ("redis_commands_rejected_calls_total", "rejected_calls", 1.0, "Calls that were refused before they began."),
    ("redis_commands_failed_calls_total", "failed_calls", 1.0, "Calls that failed."),
];

pub(super) fn put(page: &mut Page, info: &Fields) {
    // Names come from the server's own table of commands, so their number is bounded; of what clients make up it keeps none.
    let mut commands: Vec<_> = info.beginning("cmdstat_").collect();
    commands.sort_by(|(_, one), (_, other)| {
        let calls = |text| part_of(text, "calls").unwrap_or(0.0);
        calls(other).total_cmp(&calls(one))
    });
    commands.truncate(COMMANDS_MAX);
    for (name, part, divisor, help) in FAMILIES {
        let mut family = page.family(name, Kind::Counter, help);
        for (command, text) in &commands {
            if let Some(count) = part_of(text, part) {
                family.put(&[("cmd", command)], count / divisor);
            }
        }
    }
}

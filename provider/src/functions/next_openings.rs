//! `next_openings`: when a maintenance window opens, for those who want to see it, or to test it.

use justmanage_model::window::{OpeningRule, SCHEDULE_MAX};
use justmanage_model::{MaintenanceWindow, Timestamp};
use tfkit::{Function, FunctionError, Model, Path};

/// What is asked.
#[derive(Model)]
pub(crate) struct Asked {
    /// The lines of a schedule, such as `["Sun 02:00-03:00 Asia/Kolkata"]`, or whole definitions of windows; what a definition
    /// excludes is excluded from all.
    #[tf(required)]
    schedule: Vec<String>,
    /// From when on, in RFC 3339, such as `2026-11-21T00:00:00Z` or `plantimestamp()`.
    #[tf(required)]
    after: String,
    /// How many openings: 1 to 100.
    #[tf(required)]
    count: i64,
}

/// One opening.
#[derive(Debug, PartialEq, Model)]
pub(crate) struct Opens {
    /// When it opens, in RFC 3339 with the offset of its zone.
    #[tf(required)]
    start: String,
    /// When it shuts.
    #[tf(required)]
    end: String,
}

/// The function.
pub(crate) struct NextOpenings;

/// Most openings that are asked for at once: two years of a weekly window.
const COUNT_MAX: usize = 100;

impl Function for NextOpenings {
    type Parameters = Asked;
    type Return = Vec<Opens>;
    const NAME: &'static str = "next_openings";
    const SUMMARY: &'static str = "When a maintenance window opens next";
    const DESCRIPTION: &'static str = "The openings of a maintenance window that begin at a moment or later, soonest first: a list of \
        objects with `start` and `end`, each in RFC 3339 with the offset that clocks in the window's zone have then. Where two lines of \
        a schedule overlap, the later opening begins as the earlier one ends. The list is shorter than `count` when there are no more \
        openings within twenty years.";

    fn call(&self, asked: Asked) -> Result<Vec<Opens>, FunctionError> {
        let window = window(&asked.schedule)?;
        let after: Timestamp = asked.after.parse().map_err(|_| {
            let text = format!("{:?} is not a moment in RFC 3339, such as \"2026-11-21T00:00:00Z\".", asked.after);
            FunctionError::at("after", text)
        })?;
        let count = usize::try_from(asked.count).ok().filter(|count| (1..=COUNT_MAX).contains(count));
        let count = count.ok_or_else(|| {
            FunctionError::at("count", format!("{} is not possible: ask for 1 to {COUNT_MAX} openings.", asked.count))
        })?;
        let openings = window.next_openings(after, count);
        let said = openings
            .iter()
            .map(|opening| Opens { start: opening.local(opening.start), end: opening.local(opening.end) });
        Ok(said.collect())
    }
}

/// One window of all lines and definitions.
fn window(schedule: &[String]) -> Result<MaintenanceWindow, FunctionError> {
    let mut window = MaintenanceWindow::new(Vec::new());
    for (index, text) in schedule.iter().enumerate() {
        let at = |error: justmanage_model::Invalid| {
            FunctionError::at_path(Path::attribute("schedule").index(index), error.to_string())
        };
        if text.contains(';') {
            let more: MaintenanceWindow = text.parse().map_err(at)?;
            window.schedule.extend(more.schedule);
            window.exclude.extend(more.exclude);
        } else {
            window.schedule.push(text.parse::<OpeningRule>().map_err(at)?);
        }
    }
    match window.schedule.len() {
        0 => Err(FunctionError::at("schedule", "It is empty: say when the window opens.")),
        1..=SCHEDULE_MAX => Ok(window),
        lines => {
            Err(FunctionError::at("schedule", format!("It has {lines} lines; at most {SCHEDULE_MAX} are possible.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(schedule: &[&str], after: &str, count: i64) -> Result<Vec<Opens>, FunctionError> {
        let schedule = schedule.iter().map(|line| (*line).to_owned()).collect();
        NextOpenings.call(Asked { schedule, after: after.to_owned(), count })
    }

    #[test]
    fn openings_are_said_by_the_clocks_of_their_zone() {
        let found = call(&["Sun 02:00-03:00 Europe/Berlin"], "2026-10-20T00:00:00Z", 2).expect("openings");
        let opens = |start: &str, end: &str| Opens { start: start.into(), end: end.into() };
        let expected = [
            opens("2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00"),
            opens("2026-11-01T02:00:00+01:00", "2026-11-01T03:00:00+01:00"),
        ];
        assert_eq!(found, expected);
        let definition = "Sun 02:00-03:00 UTC; exclude 2026-11-22; upgrade patch";
        let found = call(&["Sat 02:00-03:00 UTC", definition], "2026-11-20T00:00:00Z", 3).expect("openings");
        let starts: Vec<&str> = found.iter().map(|opening| &opening.start[..10]).collect();
        assert_eq!(starts, ["2026-11-21", "2026-11-28", "2026-11-29"]);
    }

    #[test]
    fn what_is_wrong_is_blamed_on_its_argument() {
        let now = "2026-11-20T00:00:00Z";
        for (schedule, after, count, path, says) in [
            (&["Sun 02:00-03:00 UTC", "Sun 02:00-03:00 IST"][..], now, 1, "schedule[1]", "Asia/Kolkata"),
            (&["Sun 02:00-03:00 UTC; upgrde none"], now, 1, "schedule[0]", "upgrade"),
            (&[], now, 1, "schedule", "empty"),
            (&["Sun 02:00-03:00 UTC; Sun 02:00-03:00 UTC"; 8], now, 1, "schedule", "at most 14"),
            (&["Sun 02:00-03:00 UTC"], "tomorrow", 1, "after", "RFC 3339"),
            (&["Sun 02:00-03:00 UTC"], now, 0, "count", "1 to 100"),
            (&["Sun 02:00-03:00 UTC"], now, 101, "count", "1 to 100"),
            (&["Sun 02:00-03:00 UTC"], now, -1, "count", "1 to 100"),
        ] {
            let error = call(schedule, after, count).expect_err("refused");
            let expected = match path.split_once('[') {
                Some((name, index)) => {
                    let index = index.trim_end_matches(']').parse().expect("an index");
                    FunctionError::at_path(Path::attribute(name).index(index), error.to_string())
                }
                None => FunctionError::at(path, error.to_string()),
            };
            assert!(error == expected && error.to_string().contains(says), "{schedule:?} {after} {count}: {error:?}");
        }
    }
}

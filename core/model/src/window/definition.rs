//! A window as one line of text: "Sun 02:00-03:00 Asia/Kolkata; upgrade patch; min_age 7d".

use std::fmt;
use std::str::FromStr;

use super::{Age, Approve, MaintenanceWindow, OpeningRule, SUMMARY, Upgrade, Urgent};
use crate::clauses::{Clause, list, split, value, write_list};
use crate::failure::Invalid;

const SETTINGS: &[&str] =
    &["exclude", "upgrade", "min_age", "blocked", "urgent", "notify_before", "approve", "catalog"];

impl FromStr for MaintenanceWindow {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut window = Self::new(Vec::new());
        for clause in split(SUMMARY, text, SETTINGS)? {
            let (name, token) = match clause {
                Clause::Line(line) => {
                    window.schedule.push(OpeningRule::read(line.text, line.at - 1)?);
                    continue;
                }
                Clause::Setting(name, token) => (name, token),
            };
            match name {
                "exclude" => window.exclude = list(token).map(value).collect::<Result<_, _>>()?,
                "upgrade" => window.upgrade = value(token)?,
                "min_age" => window.min_age = value(token)?,
                "blocked" => window.blocked = list(token).map(value).collect::<Result<_, _>>()?,
                "urgent" => window.urgent = value(token)?,
                "notify_before" => window.notify_before = Some(value(token)?),
                "approve" => window.approve = value(token)?,
                _ => window.catalog = Some(value(token)?),
            }
        }
        window.check()?;
        Ok(window)
    }
}

impl fmt::Display for MaintenanceWindow {
    /// The one spelling: the schedule, then what differs from the default, in this order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.schedule.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("; "))?;
        write_list(f, "exclude", &self.exclude)?;
        write_list(f, "upgrade", (self.upgrade != Upgrade::None).then_some(self.upgrade))?;
        write_list(f, "min_age", (self.min_age != Age::ZERO).then_some(self.min_age))?;
        write_list(f, "blocked", &self.blocked)?;
        write_list(f, "urgent", (self.urgent != Urgent::Wait).then_some(self.urgent))?;
        write_list(f, "notify_before", self.notify_before)?;
        write_list(f, "approve", (self.approve != Approve::Automatic).then_some(self.approve))?;
        write_list(f, "catalog", &self.catalog)
    }
}

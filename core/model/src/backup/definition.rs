//! A backup policy as one line of text: "daily 03:30 UTC; destination s3://bucket/prefix; retention last 7, daily 30".

use std::fmt;
use std::str::FromStr;

use super::{BackupPolicy, BackupTime, Compression, Destination, Retention, SUMMARY};
use crate::calendar::Token;
use crate::clauses::{Clause, list, split, value, write_list};
use crate::failure::Invalid;

const SETTINGS: &[&str] = &["destination", "retention", "compression", "encryption", "verify", "before-upgrade"];

impl FromStr for BackupPolicy {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut schedule = Vec::new();
        let (mut destination, mut retention): (Option<Destination>, Option<Retention>) = (None, None);
        let mut rest = Vec::new();
        for clause in split(SUMMARY, text, SETTINGS)? {
            match clause {
                Clause::Line(line) => schedule.push(BackupTime::read(line.text, line.at - 1)?),
                Clause::Setting("destination", token) => destination = Some(value(token)?),
                Clause::Setting("retention", token) => retention = Some(value(token)?),
                Clause::Setting(name, token) => rest.push((name, token)),
            }
        }
        let missing = |what: &str, hint: &str| Invalid::new(SUMMARY, format!("It does not say {what}."), hint);
        let mut policy = Self::new(
            schedule,
            destination.ok_or_else(|| missing("where backups go", "Add \"destination s3://bucket/prefix\"."))?,
            retention.ok_or_else(|| missing("what is kept", "Add \"retention last 7, daily 30\"."))?,
        );
        for (name, token) in rest {
            match name {
                "compression" => policy.compression = value(token)?,
                "encryption" => policy.encryption = list(token).map(value).collect::<Result<_, _>>()?,
                "verify" => policy.verify = yes_or_no(token)?,
                _ => policy.before_upgrade = yes_or_no(token)?,
            }
        }
        policy.check()?;
        Ok(policy)
    }
}

fn yes_or_no(token: Token<'_>) -> Result<bool, Invalid> {
    token.text.parse().map_err(|_| {
        let detail =
            format!("At character {}: {} is neither true nor false.", token.at, crate::calendar::shown(token.text));
        Invalid::new(SUMMARY, detail, "Write \"true\" or \"false\".")
    })
}

impl fmt::Display for BackupPolicy {
    /// The one spelling: the schedule, destination and retention, then what differs from the default, in this order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.schedule.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("; "))?;
        write!(f, "; destination {}; retention {}", self.destination, self.retention)?;
        write_list(f, "compression", (self.compression != Compression::Zstd).then_some(self.compression))?;
        write_list(f, "encryption", &self.encryption)?;
        write_list(f, "verify", (!self.verify).then_some(false))?;
        write_list(f, "before-upgrade", (!self.before_upgrade).then_some(false))
    }
}

//! On which days something happens: "daily", "Sun", "Mon..Thu", "Mon,Wed", "1st Sat", "1st,3rd Sat", "last Sun".

use std::fmt;

use jiff::civil::{Date, Weekday};

use super::{Cursor, Token};
use crate::failure::Invalid;
use crate::nearest::nearest;

/// On which days something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Days {
    /// In every week, on these days; never none.
    Weekly(Weekdays),
    /// In every month, on one of its days of that name, or on several.
    Monthly {
        /// Which of them; never none.
        which: Nth,
        /// The day of the week.
        weekday: Weekday,
    },
}

/// Days of the week, at least one; the lowest bit is Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

/// Which of the days of a month that have the same name, at least one; bits: first to fourth, last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nth(u8);

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const NTHS: [&str; 5] = ["1st", "2nd", "3rd", "4th", "last"];
const NTH_WORDS: [&str; 4] = ["first", "second", "third", "fourth"];
const DAILY: &str = "daily";
const USUAL: &str = "Write a day (\"Sun\"), a range (\"Mon..Thu\"), a list (\"Mon,Wed\"), \"daily\", or one of the month's \
                     days (\"1st Sat\", \"last Sun\").";

impl Weekdays {
    /// All seven.
    pub const ALL: Self = Self(0x7f);

    /// This one.
    #[must_use]
    pub fn only(day: Weekday) -> Self {
        Self(1 << day.to_monday_zero_offset())
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a day is one of them.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 >> day.to_monday_zero_offset() & 1 == 1
    }

    /// How many they are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl Nth {
    /// The last one of each month; every month has one, and no month is without a fourth.
    pub const LAST: Self = Self(1 << 4);

    /// The first (1) to fourth (4) one of each month; `None` for others, which not every month has.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            1..=4 => Some(Self(1 << (number - 1))),
            _ => None,
        }
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn contains(self, date: Date) -> bool {
        let number = (date.day() - 1) / 7;
        let last = date.day() + 7 > date.days_in_month();
        (number < 4 && self.0 >> number & 1 == 1) || (last && self.0 & Self::LAST.0 != 0)
    }
}

impl Days {
    /// Every day.
    pub const DAILY: Self = Self::Weekly(Weekdays::ALL);

    /// Whether a date is one of them.
    #[must_use]
    pub fn contains(&self, date: Date) -> bool {
        match self {
            Self::Weekly(days) => days.contains(date.weekday()),
            Self::Monthly { which, weekday } => date.weekday() == *weekday && which.contains(date),
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Invalid> {
        let first = cursor.word(char::is_alphanumeric);
        if first.text.is_empty() {
            return Err(match cursor.peek() {
                next if next.text.is_empty() => cursor.missing("nothing is written here", USUAL),
                next => cursor.fault(next, "is not a day", USUAL),
            });
        }
        if first.text.eq_ignore_ascii_case(DAILY) {
            return Ok(Self::DAILY);
        }
        match nth(first, cursor)? {
            Some(which) => monthly(which, cursor),
            None => weekly(first, cursor),
        }
    }
}

/// The rest of "1st,3rd Sat".
fn monthly(mut which: Nth, cursor: &mut Cursor<'_>) -> Result<Days, Invalid> {
    while cursor.eat(",") {
        let token = cursor.word(char::is_alphanumeric);
        let more = nth(token, cursor)?;
        which = which.and(more.ok_or_else(|| cursor.fault(token, "is none of 1st, 2nd, 3rd, 4th, last", USUAL))?);
    }
    let token = cursor.word(char::is_alphanumeric);
    if token.text.is_empty() || token.text.starts_with(|c: char| c.is_ascii_digit()) {
        let what = "is where the day of the week belongs";
        return Err(cursor.fault(token, what, "Write it after the number, such as \"1st Sat\"."));
    }
    let weekday = weekday(token, cursor)?;
    let next = cursor.peek();
    if next.text.starts_with([',', '.', '-']) {
        let what = "follows a day of the month, which stands alone";
        return Err(cursor.fault(
            next,
            what,
            "Write an entry of its own for each, such as \"1st Sat ...\" and \"1st Sun ...\".",
        ));
    }
    Ok(Days::Monthly { which, weekday })
}

/// The rest of "Mon..Wed,Sat".
fn weekly(first: Token<'_>, cursor: &mut Cursor<'_>) -> Result<Days, Invalid> {
    let mut bits = 0;
    let mut token = first;
    loop {
        let from = weekday(token, cursor)?;
        let mut to = from;
        if cursor.eat("..") {
            to = weekday(cursor.word(char::is_alphanumeric), cursor)?;
        }
        let (from, to) = (from.to_monday_zero_offset(), to.to_monday_zero_offset());
        for index in from..=from + (to - from).rem_euclid(7) {
            bits |= 1 << index.rem_euclid(7);
        }
        if !cursor.eat(",") {
            break;
        }
        token = cursor.word(char::is_alphanumeric);
    }
    let next = cursor.peek();
    match next.text.chars().next() {
        Some('-') => Err(cursor.fault(next, "does not belong after a day", "Write a range of days as \"Mon..Thu\".")),
        Some(':') => {
            let hint = "Write the day once, then the times: \"Sun 05:00-09:00 UTC\".";
            Err(cursor.fault(next, "does not belong after a day", hint))
        }
        _ => Ok(Days::Weekly(Weekdays(bits))),
    }
}

/// "1st" to "4th" or "last"; `None` if it is nothing of that kind.
fn nth(token: Token<'_>, cursor: &Cursor<'_>) -> Result<Option<Nth>, Invalid> {
    let lower = token.text.to_ascii_lowercase();
    if let Some(index) = NTHS.iter().position(|name| *name == lower) {
        return Ok(Some(Nth(1 << index)));
    }
    if let Some(index) = NTH_WORDS.iter().position(|name| *name == lower) {
        return Err(cursor.fault(token, "is not how it is written", format!("Write \"{}\".", NTHS[index])));
    }
    match lower.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
        "5" if lower.len() == 3 => {
            let hint = "Not every month has a fifth; write \"last Sat\" for the last one of each month.";
            Err(cursor.fault(token, "is not possible", hint))
        }
        digits
            if !digits.is_empty() && digits.len() + 2 == lower.len() && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Err(cursor.fault(
                token,
                "is none of 1st, 2nd, 3rd, 4th, last",
                "Days of the month go by weeks, such as \"1st Sat\".",
            ))
        }
        _ => Ok(None),
    }
}

/// "Sun", "sunday": three letters or the whole name, in any case.
fn weekday(token: Token<'_>, cursor: &Cursor<'_>) -> Result<Weekday, Invalid> {
    let same = |name: &&str| name.eq_ignore_ascii_case(token.text);
    let found = NAMES.iter().position(same).or_else(|| LONG_NAMES.iter().position(same));
    let day = found.and_then(|index| Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok());
    day.ok_or_else(|| cursor.fault(token, "is not a day", day_hint(token.text)))
}

fn day_hint(text: &str) -> String {
    let lower = text.to_lowercase();
    match lower.as_str() {
        "weekdays" | "weekday" | "workdays" => return "Write \"Mon..Fri\".".to_owned(),
        "weekend" | "weekends" => return "Write \"Sat,Sun\".".to_owned(),
        "everyday" | "day" | "days" | "every" | "each" => return "Write \"daily\" for every day.".to_owned(),
        _ => {}
    }
    let long = LONG_NAMES.map(str::to_lowercase);
    // "tues", "thurs", "Sundays": the beginning of a name, or a name and a bit.
    let begins =
        long.iter().position(|name| (lower.len() > 2 && name.starts_with(&lower)) || lower.starts_with(name.as_str()));
    let near = || {
        let candidates =
            long.iter().map(String::as_str).chain(["mon", "tue", "wed", "thu", "fri", "sat", "sun", DAILY]);
        nearest(&lower, candidates).map(|name| if name == DAILY { name.to_owned() } else { capital(&name[..3]) })
    };
    match begins.map(|index| NAMES[index].to_owned()).or_else(near) {
        Some(name) => format!("Did you mean \"{name}\"?"),
        None => USUAL.to_owned(),
    }
}

fn capital(text: &str) -> String {
    text[..1].to_ascii_uppercase() + &text[1..]
}

impl fmt::Display for Weekdays {
    /// Three and more that follow each other as a range, also over the end of the week; the others in a list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str(DAILY);
        }
        let has = |index: usize| self.0 >> (index % 7) & 1 == 1;
        let begins = (0..7).take_while(|index| has(*index)).count();
        let ends = (0..7).take_while(|index| has(6 - index)).count();
        // A range over the end of the week is written where it begins, so its days on Monday and after come last.
        let over = begins > 0 && ends > 0 && begins + ends > 2;
        let (mut index, end) = if over { (begins, begins + 7) } else { (0, 7) };
        let mut parts = Vec::new();
        while index < end {
            let length = (index..end).take_while(|day| has(*day)).count();
            let name = |day: usize| NAMES[day % 7];
            match length {
                0 => index += 1,
                1 | 2 => parts.extend((index..index + length).map(|day| name(day).to_owned())),
                _ => parts.push(format!("{}..{}", name(index), name(index + length - 1))),
            }
            index += length;
        }
        f.write_str(&parts.join(","))
    }
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = (0..5).filter(|index| self.0 >> index & 1 == 1).map(|index| NTHS[index]).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekly(days) => days.fmt(f),
            Self::Monthly { which, weekday } => {
                write!(f, "{which} {}", Weekdays::only(*weekday))
            }
        }
    }
}

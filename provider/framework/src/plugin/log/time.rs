//! The time of a log line.

use std::time::{SystemTime, UNIX_EPOCH};

/// UTC, as `2006-01-02T15:04:05.000000Z`, always with six digits of fraction: Terraform's parser takes nothing else.
pub(super) fn format(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", since.subsec_micros())
}

/// The civil date of a day, counted from 1970-01-01. Years are counted from March, so that the leap day is their last,
/// in eras of 400 years, which all have the same length.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month < 3), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_with_six_digits_of_fraction() {
        let table = [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, 1_999, "2000-02-28T23:59:59.000001Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000Z"),
            (951_868_800, 0, "2000-03-01T00:00:00.000000Z"),
            (1_795_219_200, 999_999_999, "2026-11-21T00:00:00.999999Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
        ];
        for (seconds, nanos, text) in table {
            assert_eq!(format(UNIX_EPOCH + Duration::new(seconds, nanos)), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = date(0);
        for day in 1..=146_097 {
            let now = date(day);
            let next_day = (before.0, before.1, before.2 + 1);
            let next_month = (before.0, before.1 + 1, 1);
            let next_year = (before.0 + 1, 1, 1);
            assert!(
                now == next_day
                    || (before.2 >= 28 && now == next_month)
                    || ((12, 31) == (before.1, before.2) && now == next_year),
                "{before:?} then {now:?}"
            );
            before = now;
        }
        assert_eq!(before, (2370, 1, 1));
    }
}

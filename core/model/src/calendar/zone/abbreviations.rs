//! Abbreviations that people write for time zones, and what each may mean.
//!
//! Some are names of the IANA database, too (`EST`, `CET`): with a meaning that few of those who write them know, such as no
//! daylight saving at all. So none of them is taken.

/// What an abbreviation may mean, the most common first; `None` if it is none that is known. Case does not matter.
pub(super) fn candidates(text: &str) -> Option<&'static [&'static str]> {
    TABLE.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, zones)| *zones)
}

const EASTERN: &[&str] = &["America/New_York", "America/Toronto", "America/Panama"];
const CENTRAL: &[&str] = &["America/Chicago", "America/Winnipeg", "America/Mexico_City"];
const MOUNTAIN: &[&str] = &["America/Denver", "America/Edmonton", "America/Phoenix"];
const PACIFIC: &[&str] = &["America/Los_Angeles", "America/Vancouver", "America/Tijuana"];
const CENTRAL_EUROPE: &[&str] = &["Europe/Berlin", "Europe/Paris", "Europe/Madrid"];
const EASTERN_EUROPE: &[&str] = &["Europe/Athens", "Europe/Helsinki", "Europe/Kyiv"];
const WESTERN_EUROPE: &[&str] = &["Europe/Lisbon", "Atlantic/Canary"];

const TABLE: &[(&str, &[&str])] = &[
    ("IST", &["Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"]),
    ("EST", EASTERN),
    ("EDT", EASTERN),
    ("ET", EASTERN),
    ("CST", &["America/Chicago", "Asia/Shanghai", "America/Havana"]),
    ("CDT", &["America/Chicago", "America/Havana"]),
    ("CT", CENTRAL),
    ("MST", MOUNTAIN),
    ("MDT", MOUNTAIN),
    ("MT", MOUNTAIN),
    ("PST", &["America/Los_Angeles", "Asia/Manila"]),
    ("PDT", PACIFIC),
    ("PT", PACIFIC),
    ("AKST", &["America/Anchorage"]),
    ("AKDT", &["America/Anchorage"]),
    ("HST", &["Pacific/Honolulu"]),
    ("AST", &["America/Halifax", "America/Puerto_Rico", "Asia/Riyadh"]),
    ("ADT", &["America/Halifax"]),
    ("NST", &["America/St_Johns"]),
    ("NDT", &["America/St_Johns"]),
    ("BRT", &["America/Sao_Paulo"]),
    ("ART", &["America/Argentina/Buenos_Aires"]),
    ("CLT", &["America/Santiago"]),
    ("COT", &["America/Bogota"]),
    ("GMT", &["UTC", "Europe/London", "Africa/Accra"]),
    ("Z", &["UTC"]),
    ("BST", &["Europe/London", "Asia/Dhaka", "Pacific/Bougainville"]),
    ("WET", WESTERN_EUROPE),
    ("WEST", WESTERN_EUROPE),
    ("CET", CENTRAL_EUROPE),
    ("CEST", CENTRAL_EUROPE),
    ("MET", CENTRAL_EUROPE),
    ("MEST", CENTRAL_EUROPE),
    ("MEZ", CENTRAL_EUROPE),
    ("MESZ", CENTRAL_EUROPE),
    ("EET", EASTERN_EUROPE),
    ("EEST", EASTERN_EUROPE),
    ("MSK", &["Europe/Moscow"]),
    ("TRT", &["Europe/Istanbul"]),
    ("SAST", &["Africa/Johannesburg"]),
    ("CAT", &["Africa/Maputo", "Africa/Harare"]),
    ("EAT", &["Africa/Nairobi"]),
    ("WAT", &["Africa/Lagos"]),
    ("GST", &["Asia/Dubai", "Atlantic/South_Georgia"]),
    ("PKT", &["Asia/Karachi"]),
    ("NPT", &["Asia/Kathmandu"]),
    ("ICT", &["Asia/Bangkok", "Asia/Ho_Chi_Minh"]),
    ("WIB", &["Asia/Jakarta"]),
    ("SGT", &["Asia/Singapore"]),
    ("MYT", &["Asia/Kuala_Lumpur"]),
    ("PHT", &["Asia/Manila"]),
    ("HKT", &["Asia/Hong_Kong"]),
    ("JST", &["Asia/Tokyo"]),
    ("KST", &["Asia/Seoul"]),
    ("AWST", &["Australia/Perth"]),
    ("ACST", &["Australia/Adelaide", "Australia/Darwin"]),
    ("ACDT", &["Australia/Adelaide"]),
    ("AEST", &["Australia/Sydney", "Australia/Brisbane"]),
    ("AEDT", &["Australia/Sydney", "Australia/Melbourne"]),
    ("NZST", &["Pacific/Auckland"]),
    ("NZDT", &["Pacific/Auckland"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::calendar::Zone;

    #[test]
    fn every_candidate_may_be_written_and_no_abbreviation_may() {
        let known: BTreeSet<String> = Zone::names().collect();
        for (name, zones) in TABLE {
            assert!(!zones.is_empty() && !known.contains(*name), "{name}");
            for zone in *zones {
                assert!(known.contains(*zone), "{zone}");
            }
        }
    }
}

//! Until when a certificate is valid: the one field of X.509 that is needed here.

use jiff::Timestamp;
use jiff::tz::Offset;

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a certificate in DER ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)); `None` if the bytes
/// are not one.
pub(crate) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut tbs, _) = element(certificate, SEQUENCE)?;
    if tbs.first() == Some(&EXPLICIT_VERSION) {
        tbs = skip(tbs)?;
    }
    // Serial number, signature algorithm, issuer.
    let validity_on = skip(skip(skip(tbs)?)?)?;
    let (validity, _) = element(validity_on, SEQUENCE)?;
    let not_after = skip(validity)?;
    match *not_after.first()? {
        UTC_TIME => {
            let (text, _) = element(not_after, UTC_TIME)?;
            // Two digits of the year: 50 to 99 are of the 20th century (RFC 5280, section 4.1.2.5.1).
            let year = digits(text.get(..2)?)?;
            moment(if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => {
            let (text, _) = element(not_after, GENERALIZED_TIME)?;
            moment(digits(text.get(..4)?)?, text.get(4..)?)
        }
        _ => None,
    }
}

/// `MMDDHHMMSSZ` of a year.
fn moment(year: i16, text: &[u8]) -> Option<Timestamp> {
    if text.len() != 11 || text[10] != b'Z' {
        return None;
    }
    let part = |at: usize| i8::try_from(digits(&text[at..at + 2])?).ok();
    let (month, day) = (part(0)?, part(2)?);
    let day = jiff::civil::Date::new(year, month, day).ok()?;
    let time = jiff::civil::Time::new(part(4)?, part(6)?, part(8)?, 0).ok()?;
    Offset::UTC.to_timestamp(day.to_datetime(time)).ok()
}

fn digits(text: &[u8]) -> Option<i16> {
    text.iter().try_fold(0i16, |number, digit| {
        digit.is_ascii_digit().then(|| number.checked_mul(10)?.checked_add(i16::from(digit - b'0')))?
    })
}

/// The content of the element at the beginning, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = first_element(der)?;
    (found == tag).then_some((content, rest))
}

/// What follows the element at the beginning.
fn skip(der: &[u8]) -> Option<&[u8]> {
    first_element(der).map(|(_, _, rest)| rest)
}

fn first_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, after) = der.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = if first < 0x80 {
        (usize::from(first), after)
    } else {
        // Long form: this many bytes of length; a certificate needs at most four.
        let bytes = after.get(..usize::from(first & 0x7f)).filter(|bytes| (1..=4).contains(&bytes.len()))?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), &after[bytes.len()..])
    };
    Some((tag, after.get(..length)?, after.get(length..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["node".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 7, 9);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for year in [2027, 2049, 2050, 2099] {
            let expected = format!("{year}-07-09T00:00:00Z").parse().unwrap();
            assert_eq!(not_after(&certificate(year)), Some(expected), "{year}");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let whole = certificate(2030);
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..600, byte in any::<u8>()) {
            let _ = not_after(&bytes);
            let mut damaged = certificate(2030);
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = not_after(&damaged);
        }
    }
}

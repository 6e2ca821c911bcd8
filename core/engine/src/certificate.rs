//! What is read of a server's certificate: the few fields of X.509 that are needed here.

use jiff::Timestamp;
use jiff::tz::Offset;
use justmanage_model::Generation;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Random bytes at the end of a serial number: no two certificates of one authority share theirs
/// ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.2)).
pub const SERIAL_RANDOM: usize = 8;

/// What a certificate says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Not before this moment is it valid.
    pub from: Timestamp,
    /// Not after this moment is it valid.
    pub until: Timestamp,
    /// The generation of the Record by which it was issued ([`serial`]); `None` of one that says nothing of that.
    pub issued: Option<Generation>,
}

/// The serial number of a certificate that is issued by the Record of a generation: that, and random bytes. So whoever shakes
/// hands with a server sees how new its certificate is, by nobody's clock.
#[must_use]
pub fn serial(issued: Generation, random: [u8; SERIAL_RANDOM]) -> Vec<u8> {
    [issued.get().to_be_bytes(), random].concat()
}

impl Certificate {
    /// Reads a certificate in DER ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)); `None` if the bytes are not
    /// one.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (certificate, _) = element(der, SEQUENCE)?;
        let (mut tbs, _) = element(certificate, SEQUENCE)?;
        if tbs.first() == Some(&EXPLICIT_VERSION) {
            tbs = skip(tbs)?;
        }
        let (serial, tbs) = element(tbs, INTEGER)?;
        // Signature algorithm, issuer.
        let (validity, _) = element(skip(skip(tbs)?)?, SEQUENCE)?;
        Some(Self { from: time(validity)?, until: time(skip(validity)?)?, issued: issued(serial) })
    }
}

/// The generation in a serial number. Those that others draw are longer.
fn issued(serial: &[u8]) -> Option<Generation> {
    let (generation, _) = serial.split_at_checked(serial.len().checked_sub(SERIAL_RANDOM)?)?;
    // A number in DER has no zeros in front, but one where it would be negative.
    let generation = if let [0, rest @ ..] = generation { rest } else { generation };
    if generation.is_empty() || generation.len() > size_of::<u64>() {
        return None;
    }
    Some(Generation::new(generation.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
}

/// The time at the beginning.
fn time(der: &[u8]) -> Option<Timestamp> {
    match *der.first()? {
        UTC_TIME => {
            let (text, _) = element(der, UTC_TIME)?;
            // Two digits of the year: 50 to 99 are of the 20th century (RFC 5280, section 4.1.2.5.1).
            let year = digits(text.get(..2)?)?;
            moment(if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => {
            let (text, _) = element(der, GENERALIZED_TIME)?;
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

    fn certificate(year: i32, serial: Vec<u8>) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["node".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(year - 1, 2, 3);
        params.not_after = rcgen::date_time_ymd(year, 7, 9);
        params.serial_number = (!serial.is_empty()).then(|| serial.into());
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for year in [2027, 2049, 2050, 2099] {
            let seen = Certificate::from_der(&certificate(year, Vec::new())).unwrap();
            assert_eq!(seen.until, format!("{year}-07-09T00:00:00Z").parse().unwrap(), "{year}");
            assert_eq!(seen.from, format!("{}-02-03T00:00:00Z", year - 1).parse().unwrap(), "{year}");
        }
    }

    #[test]
    fn the_generation_is_in_the_serial_number_and_in_no_other() {
        for number in [1, 0x7f, 0x80, 0xffff, 0x8000_0000, u64::MAX >> 1, u64::MAX] {
            for random in [[0; SERIAL_RANDOM], [0xff; SERIAL_RANDOM]] {
                let ours = certificate(2030, serial(Generation::new(number), random));
                assert_eq!(Certificate::from_der(&ours).unwrap().issued, Some(Generation::new(number)), "{number:x}");
            }
        }
        // What rcgen draws itself has 20 bytes; a short one has no room for a generation.
        for other in [Vec::new(), vec![7; 8], vec![7]] {
            assert_eq!(Certificate::from_der(&certificate(2030, other)).unwrap().issued, None);
        }
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let whole = certificate(2030, Vec::new());
        for length in 0..whole.len() {
            assert_eq!(Certificate::from_der(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..600, byte in any::<u8>()) {
            let _ = Certificate::from_der(&bytes);
            let mut damaged = certificate(2030, Vec::new());
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = Certificate::from_der(&damaged);
        }
    }
}

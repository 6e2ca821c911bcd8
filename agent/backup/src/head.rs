//! What a file of data (RDB) says of itself at its beginning, before the first key
//! ([format](https://github.com/valkey-io/valkey/blob/unstable/src/rdb.h)).

use justmanage_model::Bytes;

/// How much of a file is looked at: a few hundred bytes, and the source text of functions, which comes before any key.
pub const HEAD_MAX: usize = 1 << 20;

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Version of its format.
    pub version: u32,
    /// `used_memory` of the server that wrote it.
    pub used_memory: Option<Bytes>,
    /// The number of the first database with keys.
    pub database: Option<u64>,
    /// How many keys that database has, expired ones included. A cluster has only that database, except of Valkey 9. `None`: it does
    /// not say so before something that is not known here.
    pub keys: Option<u64>,
}

const FUNCTION: u8 = 245;
const AUX: u8 = 250;
const RESIZE_DB: u8 = 251;
const SELECT_DB: u8 = 254;
const END: u8 = 255;

impl Head {
    /// Reads the beginning of a file; `None` if it is no such file at all.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // "REDIS0012", and since version 80 "VALKEY080".
        let version = match bytes {
            [b'R', b'E', b'D', b'I', b'S', version @ ..] => version.get(..4)?,
            [b'V', b'A', b'L', b'K', b'E', b'Y', version @ ..] => version.get(..3)?,
            _ => return None,
        };
        let version = std::str::from_utf8(version).ok()?.parse().ok()?;
        let mut head = Self { version, ..Self::default() };
        // Where it stops being understood, what was understood remains.
        let _ = head.fill(&mut Cursor { rest: &bytes[9..] });
        Some(head)
    }

    fn fill(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        loop {
            match cursor.byte()? {
                AUX => {
                    let (name, value) = (cursor.text()?, cursor.text()?);
                    if name == "used-mem" {
                        self.used_memory = value.parse().ok().map(Bytes::new);
                    }
                }
                FUNCTION => drop(cursor.text()?),
                SELECT_DB => self.database = Some(cursor.length()?),
                RESIZE_DB => {
                    self.keys = Some(cursor.length()?);
                    return Some(());
                }
                END => {
                    self.keys = Some(0);
                    return Some(());
                }
                _ => return None,
            }
        }
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

/// A length, or how a text is written that is none.
enum Length {
    Plain(u64),
    Special(u8),
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self, width: usize) -> Option<u64> {
        Some(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length_or_special(&mut self) -> Option<Length> {
        let first = self.byte()?;
        let low = u64::from(first & 0x3f);
        Some(match (first >> 6, first) {
            (0, _) => Length::Plain(low),
            (1, _) => Length::Plain(low << 8 | u64::from(self.byte()?)),
            (2, 0x80) => Length::Plain(self.number(4)?),
            (2, 0x81) => Length::Plain(self.number(8)?),
            (3, _) => Length::Special(first & 0x3f),
            _ => return None,
        })
    }

    fn length(&mut self) -> Option<u64> {
        match self.length_or_special()? {
            Length::Plain(length) => Some(length),
            Length::Special(_) => None,
        }
    }

    /// A text; a compressed one is skipped, and empty: none that matters here is long enough to be.
    fn text(&mut self) -> Option<String> {
        let little = |bytes: &[u8]| bytes.iter().rev().fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        Some(match self.length_or_special()? {
            Length::Plain(length) => String::from_utf8_lossy(self.take(usize::try_from(length).ok()?)?).into_owned(),
            Length::Special(0) => i64::from(self.byte()?.cast_signed()).to_string(),
            #[allow(clippy::cast_possible_truncation, reason = "two bytes are no more than an i16")]
            Length::Special(1) => (little(self.take(2)?) as i16).to_string(),
            #[allow(clippy::cast_possible_truncation, reason = "four bytes are no more than an i32")]
            Length::Special(2) => (little(self.take(4)?) as i32).to_string(),
            Length::Special(3) => {
                let (compressed, _) = (self.length()?, self.length()?);
                self.take(usize::try_from(compressed).ok()?)?;
                String::new()
            }
            Length::Special(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    #[test]
    fn what_a_file_says_of_itself_is_read() {
        let aux = |name: &str, value: &[u8]| [&[AUX][..], &text(name), value].concat();
        let memory = aux("used-mem", &[0xc2, 0x40, 0x42, 0x0f, 0]);
        let others =
            [aux("redis-ver", &text("7.0.15")), aux("redis-bits", &[0xc0, 64]), aux("x", &[0xc1, 0xff, 0xff])].concat();
        let packed = aux("y", &[0xc3, 3, 40, 1, 2, 3]);
        let function = [&[FUNCTION][..], &[0x41, 0], &[b'f'; 256]].concat();
        let keys = [SELECT_DB, 0, RESIZE_DB, 0x44, 0xd2, 3];
        let redis = [&b"REDIS0010"[..], &others, &memory, &packed, &function, &keys, &[0, 1, b'k']].concat();
        let memory_of = |bytes| Some(Bytes::new(bytes));
        let said = Head { version: 10, used_memory: memory_of(1_000_000), database: Some(0), keys: Some(1234) };
        assert_eq!(Head::read(&redis), Some(said));

        let large = [&b"VALKEY080"[..], &[SELECT_DB, 3, RESIZE_DB, 0x80, 0, 1, 0, 0, 0]].concat();
        let said = Head { version: 80, used_memory: None, database: Some(3), keys: Some(65536) };
        assert_eq!(Head::read(&large), Some(said));

        let empty = [&b"REDIS0012"[..], &memory, &[END]].concat();
        assert_eq!(Head::read(&empty).unwrap().keys, Some(0));
        // Something of a module, or of a later server, may have keys.
        let odd = [&b"REDIS0012"[..], &memory, &[247, 1]].concat();
        let said = Head { version: 12, used_memory: memory_of(1_000_000), database: None, keys: None };
        assert_eq!(Head::read(&odd), Some(said));
        for end in 9..redis.len() - 6 {
            assert_eq!(Head::read(&redis[..end]).unwrap().keys, None, "{end}");
        }
        for no_file in [&b""[..], b"REDIS", b"REDIS00x0", b"VALKEY", b"something else"] {
            assert_eq!(Head::read(no_file), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Head::read(&[&b"REDIS0011"[..], &bytes].concat());
            let _ = Head::read(&bytes);
        }
    }
}

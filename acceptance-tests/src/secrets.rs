//! Secrets, and a search for them in every form in which programs write down what they hold.
//!
//! Who looks for a password as it is typed does not find it in a dump, in JSON, in a URL or where bytes were printed as numbers. So
//! each secret is looked for in all of these ([`forms`]); and a password that nobody knows is recognised by its hash.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use ring::digest::{SHA256, digest};

/// So many bytes of a needle are compared at first. Secrets are not shorter: shorter ones would be found by chance.
const START: usize = 8;

/// Digits of a password that is known by its hash.
const HASHED: usize = 64;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// What the secret is called.
    pub secret: String,
    /// How it is written there.
    pub form: &'static str,
}

/// What is looked for.
#[derive(Default)]
pub struct Secrets {
    /// By their first bytes.
    needles: BTreeMap<[u8; START], Vec<Needle>>,
    /// Pairs of bytes with which a needle begins: most places of a text begin with none of them. Empty while nothing is known.
    pairs: Vec<bool>,
    /// Names of passwords, by their hashes.
    hashes: BTreeMap<String, String>,
}

struct Needle {
    bytes: Vec<u8>,
    is: Found,
}

impl Secrets {
    /// Looks for this secret from now on, in all of its forms. The first name of a secret stays.
    ///
    /// # Panics
    /// When it is so short that it would be found by chance.
    pub fn learn(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= START, "{name} is too short to be looked for");
        self.pairs.resize(1 << 16, false);
        for (form, bytes) in forms(secret) {
            let start = *bytes.first_chunk().expect("no form is shorter than the secret");
            let needles = self.needles.entry(start).or_default();
            if needles.iter().all(|needle| needle.bytes != bytes) {
                self.pairs[usize::from(u16::from_be_bytes([start[0], start[1]]))] = true;
                needles.push(Needle { bytes, is: Found { secret: name.to_owned(), form } });
            }
        }
    }

    /// Looks for a password of which only the SHA-256 is known, in lowercase hexadecimal digits; it must be 64 such digits itself, as
    /// Just Manage makes them.
    pub fn learn_hash(&mut self, name: &str, hash: &str) {
        self.hashes.insert(hash.to_owned(), name.to_owned());
    }

    /// What is in a text.
    pub fn find(&self, text: &[u8]) -> BTreeSet<Found> {
        let mut found = BTreeSet::new();
        if self.pairs.is_empty() {
            return found;
        }
        // A hundred megabytes of logs, byte by byte, in a program that is not optimised: a plain loop that calls nothing.
        let (pairs, mut before, mut at, mut digits) = (&self.pairs[..], 0, 0, 0);
        while at < text.len() {
            let byte = text[at];
            if pairs[(before as usize) << 8 | byte as usize] && at > 0 {
                found.extend(self.at(&text[at - 1..]));
            }
            if HEXADECIMAL[byte as usize] {
                digits += 1;
            } else {
                if digits == HASHED {
                    found.extend(self.hashed(&text[at - digits..at]));
                }
                digits = 0;
            }
            (before, at) = (byte, at + 1);
        }
        if digits == HASHED {
            found.extend(self.hashed(&text[at - digits..]));
        }
        found
    }

    /// Secrets with which a text begins.
    fn at(&self, text: &[u8]) -> impl Iterator<Item = Found> {
        let needles = text.first_chunk::<START>().and_then(|start| self.needles.get(start)).into_iter().flatten();
        needles.filter(|needle| text.starts_with(&needle.bytes)).map(|needle| needle.is.clone())
    }

    /// The password that a word is, if it is one whose hash is known.
    fn hashed(&self, word: &[u8]) -> Option<Found> {
        let name = self.hashes.get(&sha256(word))?;
        Some(Found { secret: name.clone(), form: "as it is" })
    }
}

/// Which bytes are lowercase hexadecimal digits.
static HEXADECIMAL: [bool; 256] = {
    let (mut table, digits, mut at) = ([false; 256], b"0123456789abcdef", 0);
    while at < digits.len() {
        table[digits[at] as usize] = true;
        at += 1;
    }
    table
};

/// SHA-256 in lowercase hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest(&SHA256, bytes).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a secret may be written.
pub fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![("as it is", secret.to_vec())];
    forms.extend(texts(secret).map(|(form, text)| (form, text.into_bytes())));
    forms.extend(based(secret).map(|text| ("base64", text.into_bytes())));
    forms
}

/// All forms but base64.
fn texts(secret: &[u8]) -> impl Iterator<Item = (&'static str, String)> {
    /// What [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.3) leaves as it is.
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let hexadecimal = hexadecimal(secret);
    let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
    let always = [
        ("hexadecimal", hexadecimal.to_uppercase()),
        ("hexadecimal", hexadecimal),
        ("a URL", percent_encode(secret, &RESERVED).to_string()),
        ("a URL", percent_encode(secret, NON_ALPHANUMERIC).to_string()),
        ("escaped bytes", secret.escape_ascii().to_string()),
        ("bytes in JSON", numbers.join(",")),
        ("bytes in Debug", numbers.join(", ")),
    ];
    let readable = std::str::from_utf8(secret).ok().map(|text| {
        let quoted = serde_json::Value::from(text).to_string();
        let json = quoted[1..quoted.len() - 1].to_owned();
        // https://pkg.go.dev/encoding/json#HTMLEscape: so Terraform writes its JSON.
        let go = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
        let debug = format!("{text:?}");
        [("JSON", json), ("JSON of Go", go), ("Debug", debug[1..debug.len() - 1].to_owned())]
    });
    always.into_iter().chain(readable.into_iter().flatten())
}

/// What base64 makes of the secret where it begins as the first, second or third byte of a group: the digits that are the
/// secret's alone, whatever stands before and behind it.
fn based(secret: &[u8]) -> impl Iterator<Item = String> {
    (0..3).flat_map(move |before: usize| {
        let bytes = [&vec![0; before][..], secret].concat();
        let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        [BASE64_STANDARD, BASE64_URL_SAFE].map(|code| code.encode(&bytes)[own.clone()].to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hünter's\u{1} \"2\"\\ <a>&b/c+d=?";

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.learn("the password", SECRET.as_bytes());
        secrets
    }

    fn found(text: impl AsRef<[u8]>) -> Vec<&'static str> {
        let found = secrets().find(text.as_ref());
        assert!(found.iter().all(|found| found.secret == "the password"));
        found.into_iter().map(|found| found.form).collect()
    }

    #[test]
    fn a_secret_is_found_in_every_form_that_a_program_gives_it() {
        let bytes = SECRET.as_bytes();
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for (form, text) in [
            ("as it is", SECRET.to_owned()),
            ("JSON", serde_json::json!({ "password": SECRET }).to_string()),
            ("JSON of Go", r#"{"password":"hünter's\u0001 \"2\"\\ \u003ca\u003e\u0026b/c+d=?"}"#.to_owned()),
            ("Debug", format!("{:?}", Some(SECRET))),
            ("hexadecimal", hexadecimal.clone()),
            ("hexadecimal", hexadecimal.to_uppercase()),
            ("a URL", "redis://app:h%C3%BCnter%27s%01%20%222%22%5C%20%3Ca%3E%26b%2Fc%2Bd%3D%3F@host".to_owned()),
            ("bytes in JSON", serde_json::to_string(bytes).unwrap()),
            ("bytes in Debug", format!("{bytes:?}")),
            ("escaped bytes", format!("b\"{}\"", bytes.escape_ascii())),
        ] {
            let text = format!("2026-11-21 before {text} behind");
            assert!(found(&text).contains(&form), "{form}: {text}: {:?}", found(&text));
        }
    }

    #[test]
    fn base64_is_seen_through_wherever_the_secret_stands_in_what_was_encoded() {
        for before in 0..7 {
            for behind in 0..4 {
                let whole = [&vec![b'x'; before][..], SECRET.as_bytes(), &vec![b'y'; behind]].concat();
                for text in [BASE64_STANDARD.encode(&whole), BASE64_URL_SAFE.encode(&whole)] {
                    assert_eq!(found(&text), ["base64"], "{before} before, {behind} behind: {text}");
                }
            }
        }
    }

    #[test]
    fn a_password_that_only_its_hash_is_known_of_is_found() {
        let password = "0123456789abcdef".repeat(4);
        let mut secrets = secrets();
        secrets.learn_hash("it", &sha256(password.as_bytes()));
        assert_eq!(secrets.find(format!("login={password}; other").as_bytes()).len(), 1);
        assert_eq!(secrets.find(format!("login={}0; other", &password[1..]).as_bytes()).len(), 0);
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        assert_eq!(found(""), [""; 0]);
        assert_eq!(found(&SECRET[..SECRET.len() - 1]), [""; 0], "all of it but its end");
        assert_eq!(found(BASE64_STANDARD.encode(&SECRET.as_bytes()[1..])), [""; 0]);
        assert_eq!(Secrets::default().find(SECRET.as_bytes()).len(), 0, "nothing is looked for");
    }

    #[test]
    fn secrets_with_the_same_beginning_are_told_apart() {
        let mut secrets = secrets();
        secrets.learn("another", format!("{SECRET}, and more").as_bytes());
        let names = |text: &str| -> BTreeSet<String> {
            secrets.find(text.as_bytes()).into_iter().map(|found| found.secret).collect()
        };
        assert_eq!(names(SECRET), BTreeSet::from(["the password".to_owned()]));
        assert_eq!(names(&format!("{SECRET}, and more")).len(), 2);
    }
}

//! Where backups go: "s3://bucket/prefix", "gs://bucket/prefix", "az://container/prefix", "file:///var/backups/redis".

use std::fmt;
use std::str::FromStr;

use crate::failure::Invalid;
use crate::text::serde_as_text;

/// Where backups go. It never holds credentials, and no message about one that is wrong repeats it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    store: Store,
    /// Bucket or container; empty for files.
    bucket: String,
    /// Below that, without a slash at either end; of files, the path without its first slash.
    path: String,
}

/// What keeps backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// Amazon S3, or anything that speaks as it does.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A directory of the node itself.
    File,
}

const STORES: [(&str, Store); 4] = [("s3", Store::S3), ("gs", Store::Gcs), ("az", Store::Azure), ("file", Store::File)];

/// Longest destination. S3 takes keys of 1024 bytes, of which the backups' own names need some.
pub const DESTINATION_MAX: usize = 512;

const SUMMARY: &str = "Destination not valid";
const USUAL: &str = "Write \"s3://bucket/prefix\", \"gs://bucket/prefix\", \"az://container/prefix\" or \
                     \"file:///directory\".";

impl Destination {
    /// What keeps them.
    #[must_use]
    pub const fn store(&self) -> Store {
        self.store
    }

    /// Bucket or container; empty for files.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Below that, as it is written (percent-encoded), without slashes at its ends; of files, without the first slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

fn invalid(detail: impl Into<String>, hint: impl Into<String>) -> Invalid {
    Invalid::new(SUMMARY, detail, hint)
}

impl FromStr for Destination {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() > DESTINATION_MAX {
            let hint = format!("At most {DESTINATION_MAX} bytes are possible.");
            return Err(invalid(format!("It has {} bytes.", text.len()), hint));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(invalid("It does not begin with a scheme and \"://\".", scheme_hint(text)));
        };
        let Some((_, store)) = STORES.iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme)) else {
            return Err(invalid("Its scheme is not known.", scheme_hint(scheme)));
        };
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            let hint = "Take out what is before \"@\": credentials come from the machine's role, or from attributes of the \
                        cluster that are never stored. If that was a secret, change it.";
            return Err(invalid("There is a user or a key in it, which would be stored and shown in plans.", hint));
        }
        if let Some(odd) = ['?', '#'].into_iter().find(|odd| rest.contains(*odd)) {
            return Err(invalid(format!("It has a part after \"{odd}\"."), "Write only scheme, bucket and path."));
        }
        match store {
            Store::File if !bucket.is_empty() => {
                return Err(invalid("The path is not absolute.", "Write three slashes: \"file:///var/backups\"."));
            }
            Store::File => {}
            store => check_bucket(*store, bucket)?,
        }
        let path = path.trim_end_matches('/');
        check_path(path)?;
        if *store == Store::File && path.is_empty() {
            return Err(invalid(
                "It is the root directory.",
                "Name a directory for backups, such as \"file:///var/backups\".",
            ));
        }
        Ok(Self { store: *store, bucket: bucket.to_owned(), path: path.to_owned() })
    }
}

fn scheme_hint(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let meant = match lower.as_str() {
        "gcs" | "google" => "gs",
        "azure" | "azblob" | "abfs" | "abfss" | "wasb" | "wasbs" | "adl" => "az",
        "s3a" | "s3n" | "aws" => "s3",
        "http" | "https" => {
            return format!("Name the bucket, not its address. {USUAL}");
        }
        path if path.starts_with('/') && !path.contains('@') => return format!("Write \"file://{text}\"."),
        _ => return USUAL.to_owned(),
    };
    format!("Write \"{meant}://\". {USUAL}")
}

/// The rules that the stores' names have in common with each other, and the strictest of each:
/// [S3](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html),
/// [GCS](https://cloud.google.com/storage/docs/buckets#naming),
/// [Azure](https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata).
fn check_bucket(store: Store, name: &str) -> Result<(), Invalid> {
    let (what, more, most) = match store {
        Store::Azure => ("container", "-", 63),
        Store::Gcs => ("bucket", "-._", 222),
        Store::S3 | Store::File => ("bucket", "-.", 63),
    };
    if name.is_empty() {
        return Err(invalid(format!("The {what} is missing."), USUAL));
    }
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = name.chars().all(|c| edge(c) || more.contains(c))
        && name.starts_with(edge)
        && name.ends_with(edge)
        && (3..=most).contains(&name.len());
    if valid {
        return Ok(());
    }
    let hint = format!(
        "Use 3 to {most} lowercase letters, digits and {}; begin and end with a letter or digit.",
        more.chars().map(|c| format!("\"{c}\"")).collect::<Vec<_>>().join(", ")
    );
    Err(invalid(format!("It does not name a {what} that there can be."), hint))
}

/// A path that means one place: no empty, `.` or `..` parts, nothing that would have to be escaped.
fn check_path(path: &str) -> Result<(), Invalid> {
    if path.is_empty() {
        return Ok(());
    }
    if let Some(odd) = path.chars().find(|c| !(c.is_ascii_alphanumeric() || "-._~!$&'()*+=:@/%".contains(*c))) {
        let hint = "Write other characters as % and two hexadecimal digits, such as \"%20\" for a space.";
        return Err(invalid(format!("The path contains {}.", crate::text::show(odd)), hint));
    }
    for part in path.split('/') {
        let plain = decode(part).ok_or_else(|| {
            invalid("The path contains a \"%\" that two hexadecimal digits do not follow.", "Write \"%25\" for \"%\".")
        })?;
        if plain.is_empty() || plain == b"." || plain == b".." {
            return Err(invalid("The path has an empty part, or \".\" or \"..\".", "Write it without."));
        }
        if plain.iter().any(|byte| byte.is_ascii_control() || *byte == b'/') || std::str::from_utf8(&plain).is_err() {
            return Err(invalid("The path has characters in it that no path has.", "Write it without."));
        }
    }
    Ok(())
}

fn decode(part: &str) -> Option<Vec<u8>> {
    let mut bytes = part.bytes();
    let mut plain = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    Some(plain)
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = STORES.iter().find(|(_, store)| *store == self.store).map_or("", |(name, _)| name);
        write!(f, "{scheme}://{}", self.bucket)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

serde_as_text!(Destination);

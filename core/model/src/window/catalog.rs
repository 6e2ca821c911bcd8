//! Where a cluster's agents learn of newer releases: a signed list that somebody serves, and the key that it is signed with.

use std::fmt;
use std::str::FromStr;

use crate::calendar::shown;
use crate::failure::Invalid;

/// Address and public key of a release catalog, written as `https://mirror.example/catalog.json RWQ...`.
///
/// Beside the catalog stands its signature, by minisign: at the same address with `.minisig` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogSource {
    url: String,
    key: String,
}

/// Characters of a public key as minisign prints it: 42 bytes in Base64.
const KEY_LENGTH: usize = 56;

const SUMMARY: &str = "Release catalog not valid";

impl CatalogSource {
    /// A catalog by its address and its key.
    ///
    /// # Errors
    /// One of them cannot be right ([`Self::address`], [`Self::public_key`]).
    pub fn new(url: &str, key: &str) -> Result<Self, Invalid> {
        Ok(Self { url: Self::address(url)?, key: Self::public_key(key)? })
    }

    /// The address of a catalog.
    ///
    /// # Errors
    /// It cannot be one. It is not repeated: it may have a password in it.
    pub fn address(url: &str) -> Result<String, Invalid> {
        let rest = ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let hint = "Write the address of the list, such as \"https://mirror.example/catalog.json\".";
        let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
            return Err(Invalid::new(SUMMARY, "The address is none that begins with https:// or http://.", hint));
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') || rest.contains(['?', '#']) {
            let detail =
                "The address has a user, a query or a fragment in it, which everybody who reads the plan would see.";
            let hint = "Which programs there are is nothing to hide: serve the list without a password or token.";
            return Err(Invalid::new(SUMMARY, detail, hint));
        }
        if url.chars().any(|c| c.is_whitespace() || c.is_control() || c == ';') {
            return Err(Invalid::new(SUMMARY, "The address has a blank or a semicolon in it.", hint));
        }
        Ok(url.to_owned())
    }

    /// The key of a catalog.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn public_key(key: &str) -> Result<String, Invalid> {
        let base64 = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
        if key.len() != KEY_LENGTH || !key.starts_with("RW") || !key.bytes().all(base64) {
            let detail = format!("{} is no public key of minisign.", shown(key));
            let hint = "Write the second line of the file minisign.pub: 56 characters that begin with \"RW\".";
            return Err(Invalid::new(SUMMARY, detail, hint));
        }
        Ok(key.to_owned())
    }

    /// Where the catalog is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it is signed with: a public key as minisign prints it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where something is that the catalog names: at an address of its own, or beside the catalog.
    #[must_use]
    pub fn beside(&self, named: &str) -> String {
        if named.contains("://") {
            return named.to_owned();
        }
        let folder = self.url.rfind('/').map_or(self.url.as_str(), |slash| &self.url[..=slash]);
        format!("{folder}{named}")
    }
}

impl FromStr for CatalogSource {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            [url, key] => Self::new(url, key),
            _ => {
                let hint = "Write the address and, behind a blank, the public key that the list is signed with.";
                Err(Invalid::new(SUMMARY, "An address and a key are needed.", hint))
            }
        }
    }
}

impl fmt::Display for CatalogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.url, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn what_a_catalog_names_is_beside_it_or_somewhere_else() {
        let source: CatalogSource = format!("https://mirror.example/redis/catalog.json {KEY}").parse().unwrap();
        assert_eq!(source.beside("8.0.6/redis-server"), "https://mirror.example/redis/8.0.6/redis-server");
        assert_eq!(source.beside("http://other.example/x"), "http://other.example/x");
        assert_eq!(source.to_string().parse::<CatalogSource>().unwrap(), source);
    }

    #[test]
    fn what_cannot_be_a_catalog_is_refused_and_no_secret_repeated() {
        let long = KEY.replace("RW", "XX");
        for (text, says) in [
            ("https://mirror.example/c.json", "an address and a key"),
            (&format!("ftp://mirror.example/c.json {KEY}"), "begins with https"),
            (&format!("https:///c.json {KEY}"), "begins with https"),
            (&format!("https://me:secret@mirror.example/c.json {KEY}"), "a user"),
            (&format!("https://mirror.example/c.json?token=secret {KEY}"), "a query"),
            (&format!("https://mirror.example/c.json {long}"), "no public key"),
            ("https://mirror.example/c.json RWQ", "no public key"),
        ] {
            let refused = text.parse::<CatalogSource>().unwrap_err().to_string();
            assert!(refused.to_lowercase().contains(says) && !refused.contains("secret"), "{text}: {refused}");
        }
    }
}

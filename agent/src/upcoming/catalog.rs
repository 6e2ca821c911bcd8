//! A catalog and its signature, from where the maintenance window says.

use std::time::Duration;

use justmanage_model::Timestamp;
use justmanage_model::window::CatalogSource;
use justmanage_releases::{PUBLISHED_BYTES_MAX, Published};
use minisign_verify::{PublicKey, Signature};

use crate::programs::{ArrivalError, SourceUrl, fetched};

/// How long the mirror may give nothing.
const STALL: Duration = Duration::from_secs(20);
/// Largest signature, in bytes: four lines.
const SIGNATURE_MAX: usize = 4096;

/// Reads a catalog, and verifies it. `seen`: the number of the newest that was seen.
///
/// # Errors
/// Why it is of no use, in a sentence.
pub(super) async fn read(source: &CatalogSource, seen: u64, now: Timestamp) -> Result<Published, String> {
    let url = source.url().to_owned();
    // The signature first: what is published in between is then a catalog that does not fit, and is read again.
    let fetch = move || -> Result<(Vec<u8>, Vec<u8>), ArrivalError> {
        let signature = whole(&format!("{url}.minisig"), SIGNATURE_MAX)?;
        Ok((whole(&url, PUBLISHED_BYTES_MAX)?, signature))
    };
    let fetched = tokio::task::spawn_blocking(fetch).await.map_err(|error| error.to_string())?;
    let (catalog, signature) = fetched.map_err(|error| error.to_string())?;
    verify(source.key(), &catalog, &signature)?;
    Published::read(&catalog, seen, now).map_err(|why| why.to_string())
}

/// All that is at an address.
fn whole(url: &str, largest: usize) -> Result<Vec<u8>, ArrivalError> {
    let url: SourceUrl = url.parse()?;
    let mut content = fetched(&url, STALL)?;
    let mut all = Vec::new();
    while let Some(block) = content.next()? {
        all.extend(block);
        if all.len() > largest {
            return Err(ArrivalError::TooLarge { from: url.to_string(), limit: largest as u64 });
        }
    }
    Ok(all)
}

fn verify(key: &str, catalog: &[u8], signature: &[u8]) -> Result<(), String> {
    let key = PublicKey::from_base64(key).map_err(|error| format!("the key of the catalog is none: {error}"))?;
    let text = std::str::from_utf8(signature).map_err(|_| "its signature is no text".to_owned())?;
    let signature = Signature::decode(text).map_err(|error| format!("its signature cannot be read: {error}"))?;
    let refused =
        |error| format!("it is not signed with the key of the maintenance window ({error}): nothing in it is believed");
    key.verify(catalog, &signature, false).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of minisign's documentation: a file with the word "test".
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
        wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

    #[test]
    fn only_what_the_key_has_signed_is_believed() {
        assert_eq!(verify(KEY, b"test", SIGNATURE.as_bytes()), Ok(()));
        let other = KEY.replace("mlYecO", "mlYecP");
        let moved = SIGNATURE.replace("file:test", "file:other");
        for (key, catalog, signature, says) in [
            (KEY, &b"tesT"[..], SIGNATURE.as_bytes(), "nothing in it is believed"),
            (&other, b"test", SIGNATURE.as_bytes(), "nothing in it is believed"),
            (KEY, b"test", moved.as_bytes(), "nothing in it is believed"),
            (KEY, b"test", b"<html>", "cannot be read"),
            (KEY, b"test", b"\xff", "no text"),
        ] {
            let refused = verify(key, catalog, signature).expect_err("it is refused");
            assert!(refused.contains(says), "{refused}");
        }
    }
}

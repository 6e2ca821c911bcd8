//! What is in a file, by its digest.

use std::io;
use std::path::Path;

use ring::digest;
use tokio::io::AsyncReadExt;

/// SHA-256 of a file: 64 lowercase hexadecimal digits.
///
/// # Errors
/// It cannot be read.
pub async fn sha256(path: &Path) -> io::Result<String> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok(hex(&context.finish()));
        }
        context.update(&buffer[..read]);
    }
}

/// A digest as it is written: lowercase hexadecimal digits.
pub(crate) fn hex(digest: &digest::Digest) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

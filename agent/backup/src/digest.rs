//! SHA-256, as hexadecimal text.

use std::fmt::Write;

use ring::digest::{Context, SHA256};

/// A digest that is made piece by piece.
pub(crate) struct Digest {
    context: Context,
    length: u64,
}

impl Digest {
    pub(crate) fn new() -> Self {
        Self { context: Context::new(&SHA256), length: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// How many bytes it is of, and the digest: 64 lowercase hexadecimal digits.
    pub(crate) fn finish(self) -> (u64, String) {
        let digest = self.context.finish();
        let text = digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string never fails.
            let _ = write!(text, "{byte:02x}");
            text
        });
        (self.length, text)
    }
}

//! `cargo xtask guests`: what guests of tests boot, in the cache, as `acceptance-tests/guests/image.sh` makes it: half a GB on the disk.
//!
//! One suite: the kernel of Debian 13 does not come up where Debian 12's QEMU (7.2) plays the processor.

use anyhow::Result;

use crate::recipe::Recipe;

/// Makes what is missing, in a minute.
pub(crate) fn run() -> Result<()> {
    Recipe { task: "guests", file: "image.sh" }.carry_out("bookworm")
}

//! Who gets in and who does not, over real sockets; and keys in real files.

mod channels;
mod keys;
mod strangers;
mod withdrawal;
mod world;

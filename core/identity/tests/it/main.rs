//! Who gets in and who does not, over real sockets; keys in real files; secrets and who can open them.

mod channels;
mod enrolment;
mod http1;
mod keys;
mod seals;
mod strangers;
mod strangers_apart;
mod withdrawal;
mod world;

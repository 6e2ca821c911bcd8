//! Tasks, from outside.

mod cleaner;
mod docs;

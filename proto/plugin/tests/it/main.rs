//! The generated code speaks the official protocol: a table of names, numbers and types, and a few encoded bytes.

mod table;
mod wire;

//! `justmanage-agent`: runs one Redis or Valkey node.

use std::process::ExitCode;

fn main() -> ExitCode {
    justmanage_agent::commands::main(std::env::args_os().skip(1))
}

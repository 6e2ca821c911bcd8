//! The command line of the provider's program: Terraform gives none, people may.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use tfkit::plugin::Options;

/// The address under which Terraform knows this provider.
const ADDRESS: &str = "registry.terraform.io/justmanage/justmanage";

/// Runs the program until Terraform lets it go.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut debug = false;
    for argument in arguments {
        match argument.to_str() {
            Some("--version") => {
                let _ = writeln!(std::io::stdout(), "terraform-provider-justmanage {}", env!("CARGO_PKG_VERSION"));
                return ExitCode::SUCCESS;
            }
            Some("--debug" | "-debug") => debug = true,
            _ => {
                let _ = writeln!(
                    std::io::stderr(),
                    "terraform-provider-justmanage: unknown argument {argument:?}; known are --version and --debug"
                );
                return ExitCode::from(2);
            }
        }
    }
    crate::provider().serve(Options::new(ADDRESS).debug(debug))
}

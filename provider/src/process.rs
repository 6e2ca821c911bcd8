//! The command line of the provider's program: Terraform gives none, people may.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

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
    let service = match crate::service() {
        Ok(service) => service,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "terraform-provider-justmanage: {error}; this is a bug, please report it");
            return ExitCode::FAILURE;
        }
    };
    let cancel = service.stop_token();
    let mut options = tfkit::plugin::Options::new("justmanage", ADDRESS);
    options.debug = debug;
    options.stop = cancel;
    tfkit::plugin::serve(service, options)
}

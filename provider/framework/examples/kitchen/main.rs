//! A provider that exercises everything the framework has: `terraform-provider-kitchen`.

mod pantry;

use std::process::ExitCode;

fn main() -> ExitCode {
    pantry::provider().serve(tfkit::plugin::Options::new("example.test/justmanage/kitchen"))
}

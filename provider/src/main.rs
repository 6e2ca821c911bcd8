//! `terraform-provider-justmanage`: the process that Terraform starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    terraform_provider_justmanage::run(std::env::args_os().skip(1))
}

//! Running Terraform in a workspace.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::Workspace;
use crate::terraform::{Plan, Run};
use crate::wait_until;

/// Longest run of Terraform. One node takes seconds; nextest would end the whole test only after this, without cleaning.
pub(super) const TERRAFORM_LIMIT: Duration = Duration::from_secs(120);

impl Workspace {
    /// Terraform with `arguments`, ready to start; for tests that kill it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(&self.terraform, arguments)
    }

    /// Another program, in the same place and with the same environment.
    pub fn program(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.config()).env_clear().envs(&self.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// From now on Terraform may take so long.
    pub const fn wait_for(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Runs Terraform to its end.
    ///
    /// # Panics
    /// When it does not end within two minutes, or what [`Self::wait_for`] says.
    #[track_caller]
    pub fn terraform(&self, arguments: &[&str]) -> Run {
        self.wait(self.command(arguments).spawn().expect("terraform starts"))
    }

    /// Runs lines of a page of the documentation as a shell does, to their end.
    ///
    /// # Panics
    /// When they take longer than that.
    #[track_caller]
    pub fn shell(&self, lines: &str) -> Run {
        self.wait(self.program("sh", &["-euc", lines]).spawn().expect("sh starts"))
    }

    /// Waits for a Terraform that [`Self::command`] started.
    ///
    /// # Panics
    /// When it does not end within two minutes, or what [`Self::wait_for`] says.
    #[track_caller]
    pub fn wait(&self, mut child: Child) -> Run {
        let (stdout, stderr) = (child.stdout.take().map(reader), child.stderr.take().map(reader));
        let mut status = None;
        wait_until("terraform ends", self.patience, || {
            status = child.try_wait().expect("our own child");
            status.is_some()
        });
        let text = |reader: Option<thread::JoinHandle<String>>| reader.map_or_else(String::new, |r| r.join().unwrap());
        Run::new(status.and_then(|status| status.code()), text(stdout), text(stderr), &self.config())
    }

    /// `terraform validate -json`.
    #[track_caller]
    pub fn validate(&self) -> Run {
        self.terraform(&["validate", "-json"])
    }

    /// `terraform apply -json`.
    #[track_caller]
    pub fn apply(&self) -> Run {
        self.terraform(&["apply", "-json", "-auto-approve", "-input=false"])
    }

    /// `terraform destroy -json`.
    #[track_caller]
    pub fn destroy(&self) -> Run {
        self.terraform(&["destroy", "-json", "-auto-approve", "-input=false"])
    }

    /// `terraform plan -json`, for its diagnostics; the plan itself is in [`Self::planned`].
    #[track_caller]
    pub fn plan(&self) -> Run {
        self.terraform(&["plan", "-json", "-input=false", "-out=tfplan"])
    }

    /// Plans, which must succeed, and returns the plan.
    #[track_caller]
    pub fn planned(&self) -> Plan {
        self.plan().ok();
        Plan(self.json(&["show", "-json", "tfplan"]))
    }

    /// Makes sure that a plan finds nothing to do, also in outputs.
    #[track_caller]
    pub fn assert_no_changes(&self) {
        let run = self.terraform(&["plan", "-input=false", "-no-color", "-detailed-exitcode"]);
        assert_eq!(run.code, Some(0), "the plan is not empty\n{run}");
    }

    /// The state, as `terraform show -json` prints it.
    #[track_caller]
    pub fn state(&self) -> Value {
        self.json(&["show", "-json"])
    }

    /// The values of a resource in the state; null when it is not there.
    #[track_caller]
    pub fn resource(&self, address: &str) -> Value {
        let state = self.state();
        let all = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|resource| resource["address"] == address).map_or(Value::Null, |mut r| r["values"].take())
    }

    /// The value of an output.
    #[track_caller]
    pub fn output(&self, name: &str) -> Value {
        self.json(&["output", "-json", name])
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let run = self.terraform(arguments).ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("not JSON ({error})\n{run}"))
    }
}

fn reader(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes); // what was read before an error is still worth showing
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

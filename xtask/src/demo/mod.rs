//! `cargo xtask demo`: a real Redis cluster of six nodes by real Terraform, from nothing to nothing; and what it does when a
//! primary dies.
//!
//! Everything happens in one folder. Whatever goes wrong, also Ctrl-C or a kill, a second process notices and cleans up.

mod cleaner;

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::terraform::{Install, Terraform};
use crate::{house, nodes, procfs, servers, shell, terraform};
pub(crate) use cleaner::{Cleaner, clean_up_after};

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave the cluster running, and say how to connect and how to destroy it
    #[arg(long)]
    keep: bool,
}

const EXAMPLE: &str = "examples/local-cluster";

/// Runs the demo.
pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    terraform::program()?; // before minutes of building
    title("Building provider and agent (dev profile: seconds when warm, some minutes on a new machine)");
    shell::stream(house::cargo()?.args(["build", "--locked", "--workspace", "--bins"]))?;

    title("Getting a Redis server (Debian package, unpacked into the cache, not installed)");
    let server = redis()?;
    println!("{}", server.display());

    let folder = folder(options.keep)?;
    let cleaner = Cleaner::watch(&folder)?;
    let demo = Demo::new(&folder, &server)?;
    demo.create()?;
    demo.use_it()?;
    demo.prove_nothing_to_do()?;
    demo.break_it()?;
    if options.keep {
        cleaner.dismiss()?;
        return demo.leave();
    }
    demo.destroy()?;
    cleaner.finish()?;
    ensure!(!folder.exists(), "{} is still there", folder.display());
    title(&format!(
        "DEMO OK in {:.0} s: created, used over TLS, nothing to change, healed by itself, destroyed, nothing left",
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// The folder of the cache's usual Redis; a Redis on `PATH` where there are no Debian packages.
fn redis() -> Result<PathBuf> {
    let cached =
        servers::ensure(servers::Need::Usual).map(|all| all.into_iter().rfind(|server| server.engine == "redis"));
    match (cached, shell::on_path("redis-server")) {
        (Ok(Some(server)), _) => Ok(server.bin()),
        (_, Some(installed)) => Ok(installed.parent().context("a program stands in a folder")?.to_path_buf()),
        (Ok(None), None) => bail!("the cache has no Redis, and there is no redis-server on PATH"),
        (Err(why), None) => Err(why),
    }
}

/// A folder of a moment; or one that survives a reboot, for a cluster that stays.
fn folder(keep: bool) -> Result<PathBuf> {
    if !keep {
        return Ok(tempfile::Builder::new().prefix("jm-demo-").tempdir()?.keep());
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share"))).context("no home directory")?;
    let folder = data.join("justmanage-demo");
    if folder.exists() {
        bail!(
            "{0} exists: a demo was kept before. Destroy it as {0}/README says, or remove what is left of it",
            folder.display()
        );
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

struct Demo {
    terraform: Terraform,
    folder: PathBuf,
    server: PathBuf,
    password: String,
}

impl Demo {
    fn new(folder: &Path, server: &Path) -> Result<Self> {
        let terraform = Terraform::new(folder, &house::target()?.join("debug"), Install::Mirror)?;
        for entry in fs::read_dir(house::workspace().join(EXAMPLE))? {
            let entry = entry?;
            fs::copy(entry.path(), terraform.config().join(entry.file_name()))?;
        }
        Ok(Self { terraform, folder: folder.into(), server: server.into(), password: password()? })
    }

    fn create(&self) -> Result<()> {
        title(&format!("The configuration: {EXAMPLE}/main.tf"));
        println!("{}", fs::read_to_string(self.terraform.config().join("main.tf"))?);
        self.show(&["init", "-input=false"])?;
        self.show(&["apply", "-auto-approve", "-input=false"])
    }

    fn use_it(&self) -> Result<()> {
        title("Writing and reading over TLS as the ACL user `app`");
        let value = format!("hello at {:?}", std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs());
        let written = self.redis_cli(&["SET", "app:greeting", &value])?;
        ensure!(written == "OK", "SET said {written:?}");
        let read = self.redis_cli(&["GET", "app:greeting"])?;
        ensure!(read == value, "wrote {value:?}, read {read:?}");
        let refused = self.redis_cli(&["GET", "other:greeting"])?;
        ensure!(refused.contains("NOPERM"), "a key outside app:* was not refused: {refused:?}");
        Ok(())
    }

    fn prove_nothing_to_do(&self) -> Result<()> {
        self.show(&["plan", "-detailed-exitcode", "-input=false"]).context("the second plan is not empty")
    }

    /// Kills the primary that has our key, and writes on.
    fn break_it(&self) -> Result<()> {
        title("A primary dies: its agent lets the replica take over, and starts it again as a replica");
        let (before, shard) = self.primary_of_greeting()?;
        let nodes = nodes::below(&self.terraform.data())?;
        let dead = nodes.iter().find(|node| node.endpoint == before).context("the primary is one of our nodes")?;
        println!("$ kill -KILL {}    # {before}, primary of {shard}", dead.server);
        nodes::signal(dead.server, Signal::KILL)?;
        let killed = Instant::now();
        let alive = nodes.iter().find(|node| node.endpoint != before).context("another node")?;
        let deadline = killed + Duration::from_secs(30);
        loop {
            let mut command = self.redis_command_at(&alive.endpoint, &["SET", "app:greeting", "still here"])?;
            let said = shell::output(command.env("REDISCLI_AUTH", &self.password)).unwrap_or_default();
            if said.trim_end() == "OK" {
                break;
            }
            ensure!(Instant::now() < deadline, "no write succeeds any more: {said}");
        }
        println!("the next write succeeded after {} ms, new connections included", killed.elapsed().as_millis());
        ensure!(self.redis_cli(&["GET", "app:greeting"])? == "still here", "the write is not there");
        loop {
            let (now, _) = self.primary_of_greeting()?;
            if now != before {
                println!("{now} is the primary of {shard} now");
                break;
            }
            ensure!(Instant::now() < deadline, "{before} is still said to be the primary");
        }
        title(
            "Terraform has nothing to do: the cluster healed itself, and who is a primary is no attribute of the resource",
        );
        self.show(&["plan", "-input=false"])
    }

    /// The endpoint of the primary of the shard that has our key, and the shard in words.
    fn primary_of_greeting(&self) -> Result<(String, String)> {
        shell::output(self.with_server(&mut self.terraform.command(&["apply", "-auto-approve", "-input=false"])))?;
        let nodes = self.output("nodes")?;
        let nodes = nodes.as_object().context("the output `nodes` is a map")?;
        // CLUSTER KEYSLOT app:greeting says 16054: the last third of the slots.
        let primary = nodes.iter().find(|(_, role)| role.as_str() == Some("primary of shard 2"));
        let (endpoint, _) = primary.context("shard 2 has no primary")?;
        Ok((endpoint.clone(), "shard 2".to_owned()))
    }

    fn destroy(&self) -> Result<()> {
        let ports: Vec<u16> = nodes::below(&self.terraform.data())?.into_iter().flat_map(|node| node.ports).collect();
        ensure!(
            !ports.is_empty() && ports.iter().all(|port| procfs::is_listening(*port)),
            "nothing listens on {ports:?}"
        );
        self.show(&["destroy", "-auto-approve", "-input=false"])?;
        title("Looking for what is left");
        until("processes", || {
            procfs::inside(&self.folder).iter().map(|p| format!("{} {}", p.pid, p.command)).collect()
        })?;
        until("ports", || ports.iter().filter(|port| procfs::is_listening(**port)).map(u16::to_string).collect())?;
        until("files", || {
            let data = fs::read_dir(self.terraform.data()).into_iter().flatten().flatten();
            data.map(|entry| entry.path().display().to_string()).collect()
        })
    }

    /// Says how to go on with a cluster that stays.
    fn leave(&self) -> Result<()> {
        let environment = self.folder.join("environment");
        let mut text: String = self
            .terraform
            .environment()
            .iter()
            .map(|(name, value)| format!("export {name}={}\n", shell::quote(&value.to_string_lossy())))
            .collect();
        text += &format!("export PATH={}:\"$PATH\"\n", shell::quote(&self.server.to_string_lossy()));
        text += &format!("export TF_VAR_app_password={0} REDISCLI_AUTH={0}\n", self.password);
        house::write_private(&environment, &text)?;
        let connect = shell::show(&self.redis_command(&[])?);
        let (name, config) = (self.terraform.name(), self.terraform.config());
        let readme = format!(
            "The demo's cluster is running. In a shell of its own:\n\n  . {0}      # the password is in there\n\n\
             connect:  {connect}\ndestroy:  {name} -chdir={1} destroy\nthen:     rm -r {2}\n",
            shell::quote(&environment.to_string_lossy()),
            shell::quote(&config.to_string_lossy()),
            shell::quote(&self.folder.to_string_lossy()),
        );
        fs::write(self.folder.join("README"), &readme)?;
        title("DEMO OK: created, used over TLS, nothing to change, healed by itself; left running");
        println!("{readme}");
        Ok(())
    }

    /// Runs Terraform before the viewer's eyes.
    fn show(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.terraform.command(arguments);
        if !std::io::stdout().is_terminal() {
            command.arg("-no-color");
        }
        title(&format!("{} {}", self.terraform.name(), arguments.join(" ")));
        let status = self.with_server(&mut command).status().context("cannot start terraform")?;
        ensure!(status.success(), "`{} {}` failed ({status})", self.terraform.name(), arguments.join(" "));
        Ok(())
    }

    fn with_server<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.server.display())).env("TF_VAR_app_password", &self.password)
    }

    fn redis_cli(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.redis_command(arguments)?;
        println!("$ {}", shell::show(&command));
        let said = shell::output(command.env("REDISCLI_AUTH", &self.password))?.trim_end().to_owned();
        println!("{said}");
        Ok(said)
    }

    /// The password is in the environment, never in the arguments: those are everybody's to read.
    fn redis_command(&self, arguments: &[&str]) -> Result<Command> {
        self.redis_command_at(&self.first_endpoint()?, arguments)
    }

    fn redis_command_at(&self, endpoint: &str, arguments: &[&str]) -> Result<Command> {
        let (host, port) = endpoint.rsplit_once(':').context("an endpoint is host:port")?;
        let ca = self.folder.join("ca.pem");
        if !ca.exists() {
            let text = self.output("ca_certificate")?;
            fs::write(&ca, text.as_str().context("ca_certificate is text")?)?;
        }
        let mut command = shell::plain(self.server.join("redis-cli"));
        command.args(["-c", "--tls", "--no-auth-warning", "--cacert"]).arg(&ca);
        command.args(["-h", host, "-p", port, "--user", "app"]).args(arguments);
        Ok(command)
    }

    fn first_endpoint(&self) -> Result<String> {
        let endpoints = self.output("endpoints")?;
        let first = endpoints.get(0).and_then(Value::as_str).context("the cluster has no endpoint")?;
        Ok(first.trim_start_matches("rediss://").to_owned())
    }

    fn output(&self, name: &str) -> Result<Value> {
        let said = shell::output(&mut self.terraform.command(&["output", "-json", name]))?;
        serde_json::from_str(&said).with_context(|| format!("output {name} is not JSON"))
    }
}

/// Waits a little until nothing of a kind is left: a provider that was just told to end needs its milliseconds.
fn until(what: &str, left: impl Fn() -> Vec<String>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !left().is_empty() {
        ensure!(Instant::now() < deadline, "left behind: {what}: {}", left().join(", "));
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("no {what}");
    Ok(())
}

/// 24 bytes of chance, in hexadecimal.
fn password() -> Result<String> {
    let mut bytes = [0_u8; 24];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn title(text: &str) {
    println!("\n\u{2501}\u{2501}\u{2501} {text}");
}

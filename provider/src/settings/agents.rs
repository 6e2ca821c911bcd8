//! `agents` of the provider block: where machines that nobody logs in to fetch their agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FilePath;

use justmanage_core::artefacts::sha256_of;
use justmanage_core::cloud::AgentPrograms;
use justmanage_model::failure::Invalid;
use justmanage_model::{Failure, FieldPath, Version};
use tfkit::model::View;
use tfkit::{Diagnostic, Diagnostics, Model, Path};

/// Where the agent of this version is published, by what the releases of Rust and Debian call a processor.
const RELEASES: &str = "https://github.com/justmanage/terraform-provider-justmanage/releases/download";
/// The processors of machines: as `uname -m` calls them, and as releases do.
const MACHINES: [(&str, &str); 2] = [("x86_64", "amd64"), ("aarch64", "arm64")];

/// Where machines fetch their agent.
#[derive(Clone, Debug, Model)]
pub(crate) struct AgentSource {
    /// Address (`https://` or `http://`) of the agent's program, as machines reach it: a mirror, or a bucket. Without spaces.
    #[tf(required)]
    pub(super) url: String,
    /// SHA-256 of it, in hexadecimal. Without it, that of the program that came with this provider. Nothing else is ever run.
    #[tf(optional, validate = super::sha256, says = "64 hexadecimal digits")]
    pub(super) sha256: Option<String>,
    /// The processor that it is for: `x86_64` (the default) or `aarch64`.
    #[tf(default = "x86_64", validate = machine, says = "`x86_64` or `aarch64`")]
    pub(super) machine: String,
}

/// Checks what one attribute alone cannot say.
pub(super) fn validate(sources: &[tfkit::Attr<View<AgentSource>>], report: &mut Diagnostics) {
    let mut digests: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        let at = |name: &str| Path::attribute("agents").index(index).attr(name);
        let Some(source) = source.known() else { continue };
        let is_address = |text: &&String| {
            (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(char::is_whitespace)
        };
        if source.url.known().is_some_and(|text| !is_address(&text)) {
            let detail = "Machines fetch from https:// or http:// alone, and an address has no spaces (write %20).";
            report.push(Diagnostic::error("Source of agents not valid", detail).at(at("url")));
        }
        let machine = source.machine.known().map_or("x86_64", String::as_str);
        let is_known = self::machine(machine).is_ok();
        if is_known && machine != std::env::consts::ARCH && source.sha256.is_null() {
            let detail =
                format!("The agent for {machine} did not come with this provider, so its `sha256` has to be given.");
            report.push(Diagnostic::error("Source of agents not valid", detail).at(at("sha256")));
        }
        // Unknown ones are looked at when they are known.
        if source.sha256.is_unknown() {
            continue;
        }
        let digest = source.sha256.known().map(|digest| digest.to_ascii_lowercase());
        if digests.entry(machine.to_owned()).or_insert_with(|| digest.clone()) != &digest {
            let detail =
                format!("Two entries for {machine} have different digests. All of one processor are the same program.");
            report.push(Diagnostic::error("Source of agents not valid", detail).at(at("sha256")));
        }
    }
}

/// The agents that new machines get: those that are named, or the one beside this provider, as it is published.
///
/// # Errors
/// It is not there.
pub(super) fn programs(sources: &[AgentSource], own: &FilePath) -> Result<AgentPrograms, Failure> {
    let version = own_version()?;
    let mut programs: Vec<(String, String, Vec<String>)> = Vec::new();
    let there = machines(sources);
    for (machine, published) in MACHINES.into_iter().filter(|(machine, _)| there.contains(machine)) {
        let sources: Vec<&AgentSource> = sources.iter().filter(|source| source.machine == machine).collect();
        let given = sources.iter().find_map(|source| source.sha256.as_ref());
        let sha256 = match given {
            Some(sha256) => sha256.to_ascii_lowercase(),
            None => digest_of(own)?,
        };
        let mut urls: Vec<String> = sources.iter().map(|source| source.url.clone()).collect();
        if urls.is_empty() {
            urls.push(format!("{RELEASES}/v{version}/justmanage-agent_{version}_linux_{published}"));
        }
        programs.push((machine.to_owned(), sha256, urls));
    }
    Ok(AgentPrograms { version, programs })
}

/// The processors for which there is an agent.
pub(super) fn machines(sources: &[AgentSource]) -> Vec<&'static str> {
    let is_there =
        |machine: &str| machine == std::env::consts::ARCH || sources.iter().any(|source| source.machine == machine);
    MACHINES.iter().map(|(machine, _)| *machine).filter(|machine| is_there(machine)).collect()
}

/// The version of this build, and of the agent that comes with it.
///
/// # Errors
/// This build has none.
pub(super) fn own_version() -> Result<Version, Failure> {
    env!("CARGO_PKG_VERSION").parse().map_err(|invalid: Invalid| invalid.at(FieldPath::root()))
}

fn digest_of(file: &FilePath) -> Result<String, Failure> {
    let content = fs::read(file).map_err(|error| {
        let detail = format!("The agent's program cannot be read at {}: {error}.", file.display());
        Failure::at(FieldPath::of("agents"), "Agent not found", detail).hint(
            "It comes with the provider and lies beside it: machines are told by its SHA-256 what to run. Install the whole archive, name \
             the program with JUSTMANAGE_AGENT, or give `sha256` here.",
        )
    })?;
    Ok(sha256_of(&content))
}

/// Whether this is a processor of machines.
pub(crate) fn machine(text: &str) -> Result<(), String> {
    match MACHINES.iter().any(|(machine, _)| *machine == text) {
        true => Ok(()),
        false => Err(format!("{text:?} is none of them.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str, sha256: Option<&str>, machine: &str) -> AgentSource {
        AgentSource { url: url.into(), sha256: sha256.map(str::to_owned), machine: machine.into() }
    }

    #[test]
    fn machines_get_the_agent_of_this_build_from_where_it_is_said_to_be_or_from_its_release() {
        let directory = tempfile::tempdir().expect("a directory");
        let own = directory.path().join("justmanage-agent");
        fs::write(&own, "abc").expect("a file");
        // As everybody knows it.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let released = programs(&[], &own).expect("programs").programs;
        let [(machine, sha256, urls)] = &released[..] else { panic!("{released:?}") };
        assert_eq!((machine.as_str(), sha256.as_str(), urls.len()), (std::env::consts::ARCH, abc, 1));
        assert!(urls[0].starts_with("https://github.com/justmanage/") && urls[0].contains("_linux_"), "{urls:?}");

        let digest = "D".repeat(64);
        let named = [
            source("https://one/agent", None, "x86_64"),
            source("https://two/agent", None, "x86_64"),
            source("https://one/agent-arm", Some(&digest), "aarch64"),
        ];
        let named = programs(&named, &own).expect("programs").programs;
        assert_eq!(
            named[0],
            ("x86_64".into(), abc.into(), vec!["https://one/agent".into(), "https://two/agent".into()])
        );
        assert_eq!(named[1], ("aarch64".into(), "d".repeat(64), vec!["https://one/agent-arm".into()]));
        let missing = programs(&[], &directory.path().join("nowhere")).expect_err("no agent");
        assert!(missing.to_string().contains("nowhere"), "{missing}");
    }
}

//! The script of the first boot: what a machine carries out once, with nobody logged in, to become a node.
//!
//! What is in it can be read for as long as the machine lives by whoever may describe machines there. So there is no private key in it, and
//! the token serves to prove the agent to its operator and for nothing else (docs/decisions/0028-enrolment.md).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use justmanage_host::{COMMON, PROGRAM, ROOT_UNITS, SERVICE, SETUP, UNITS, quote, without_comments};
use justmanage_model::node::NodeOrder;
use justmanage_model::{Bytes, Claim, EnrolmentToken, Pin};
use justmanage_platforms::PlatformError;

/// Most bytes of a first-boot script: AWS takes 16 KB, before base 64; the others take more.
pub const SIZE_MAX: usize = 16 * 1024;

/// Stands in the order where the machine's address belongs; it is nobody's (RFC 5737).
const UNKNOWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 255);
/// By the way to here a machine finds its own address, if nobody says another. It need not answer.
pub const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

const BOOT: &str = include_str!("scripts/boot.sh");

/// A program that a machine fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Where it is put on the machine. No spaces.
    pub path: String,
    /// Of its content: 64 hexadecimal digits.
    pub sha256: String,
    /// Where it can be had: the release, a mirror, a bucket; in the order in which to try. No spaces.
    pub urls: Vec<String>,
}

/// What a machine becomes.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// Whose node.
    pub claim: &'a Claim,
    /// Who may enrol its agent.
    pub operators: &'a BTreeSet<Pin>,
    /// By which it is enrolled.
    pub token: EnrolmentToken,
    /// Its agent.
    pub agent: &'a Fetch,
    /// Other programs.
    pub programs: Vec<&'a Fetch>,
    /// How large its disk for data is.
    pub disk: Option<Bytes>,
    /// By the way to here it finds its own address ([`ANYWHERE`]).
    pub toward: IpAddr,
}

impl Boot<'_> {
    /// The script.
    ///
    /// # Errors
    /// [`PlatformError::Invalid`]: it would be longer than clouds take, or an address has a space in it.
    pub fn script(&self) -> Result<String, PlatformError> {
        let Self { claim, operators, token, agent, programs, disk, toward } = self;
        let own = NodeOrder {
            claim: (*claim).clone(),
            operators: (*operators).clone(),
            address: UNKNOWN.into(),
            peer_names: None,
            token: Some(token.clone()),
        };
        let order = serde_json::to_string(&own).map_err(|error| PlatformError::Failed {
            what: format!("the order of {} cannot be written: {error}", claim.node),
            hint: "This is a fault of the provider; please report it.".into(),
        })?;
        let programs = std::iter::once(*agent).chain(programs.iter().copied());
        let lines = programs.map(line).collect::<Result<Vec<_>, _>>()?.join("\n");
        let name = agent.path.rsplit('/').next().unwrap_or_default();
        // A full stop is any character to sed.
        let unknown = UNKNOWN.to_string().replace('.', "[.]");
        let mut script = "#!/bin/sh\nROOT=${ROOT-}\n".to_owned();
        for (variable, value) in [
            ("NODE", claim.node.to_string().as_str()),
            ("ORDER", &order),
            ("UNKNOWN", &unknown),
            ("TOWARD", &toward.to_string()),
            ("DISK", &disk.map(|disk| disk.get().to_string()).unwrap_or_default()),
            ("PROGRAMS", &lines),
            ("PROGRAM", name),
        ] {
            script += &format!("{variable}={}\n", quote(value));
        }
        for (variable, unit) in UNITS.into_iter().chain(ROOT_UNITS) {
            script += &format!("{variable}={}\n", quote(without_comments(unit).trim_end()));
        }
        for part in [COMMON, PROGRAM, SERVICE, SETUP, BOOT] {
            script += &without_comments(part);
        }
        // What arrives in part does nothing: its last line is what begins it.
        script += "main\n";
        if script.len() > SIZE_MAX {
            return Err(PlatformError::Invalid {
                field: "agent".into(),
                what: format!(
                    "the first-boot script would have {} bytes, and a cloud takes {SIZE_MAX}: there are too many addresses or operators",
                    script.len()
                ),
                hint: "Name fewer addresses to fetch programs from, or shorter ones, or fewer operators.".into(),
            });
        }
        Ok(script)
    }
}

/// A program as the script reads it.
fn line(fetch: &Fetch) -> Result<String, PlatformError> {
    let words: Vec<&str> = [&fetch.path, &fetch.sha256].into_iter().chain(&fetch.urls).map(String::as_str).collect();
    match words.iter().find(|word| word.is_empty() || word.contains(|c: char| c.is_whitespace() || c.is_control())) {
        None => Ok(words.join(" ")),
        Some(wrong) => Err(PlatformError::Invalid {
            field: "agent".into(),
            what: format!("{wrong:?} is no address or path without spaces"),
            hint: "Write spaces in an address as %20.".into(),
        }),
    }
}

//! What is done on a server: one script for each change, each of which may be run again at any point.

use justmanage_host::{COMMON, PROGRAM, SERVICE, SETUP, UNITS};
use justmanage_model::{Engine, NodeId, Release};
use justmanage_platforms::{Limits, Package};

use crate::programs::Program;
use crate::script::Script;

const LOOK: &str = include_str!("scripts/look.sh");
const PACKAGES: &str = include_str!("scripts/packages.sh");

/// How scripts end besides well (0) and badly (1): as `common.sh` has it.
pub(crate) mod status {
    /// The server is another node's.
    pub(crate) const THEIRS: u32 = 41;
    /// It was this node's before.
    pub(crate) const OURS: u32 = 42;
    /// Its owner wants nobody to take it.
    pub(crate) const HIDDEN: u32 = 43;
    /// The program is not there, and did not come along.
    pub(crate) const NEEDED: u32 = 44;
    /// The agent does not come up; what it said is on standard output.
    pub(crate) const DOWN: u32 = 45;
    /// The new agent does not come up, and the one before it runs again.
    pub(crate) const PUT_BACK: u32 = 46;
    /// Somebody else has been changing this server for minutes.
    pub(crate) const BUSY: u32 = 47;
}

/// Takes a server for a node.
pub(crate) fn claim(node: NodeId, order: &str) -> Script {
    let script = Script::new("claim", &[COMMON, include_str!("scripts/claim.sh")]);
    script.with("NODE", &node.to_string()).with("ORDER", order)
}

/// Gives a node another order: the same with another address. Its agent is stopped; its server runs on until the agent is back.
pub(crate) fn readdress(node: NodeId, order: &str) -> Script {
    let script = Script::new("readdress", &[COMMON, include_str!("scripts/readdress.sh")]);
    script.with("NODE", &node.to_string()).with("ORDER", order)
}

/// Makes a node's agent run: the one that is there, or else this one. If it does not come along and is needed, the script says so.
pub(crate) fn install(node: NodeId, agent: &Program, comes_along: bool) -> Script {
    let script = Script::new("install", &[COMMON, PROGRAM, SERVICE, SETUP, include_str!("scripts/install.sh")]);
    service(script, node, agent, comes_along)
}

/// Puts this agent in the place of the one that runs.
pub(crate) fn upgrade(node: NodeId, agent: &Program, comes_along: bool) -> Script {
    let script = Script::new("upgrade", &[COMMON, PROGRAM, SERVICE, include_str!("scripts/upgrade.sh")]);
    service(script, node, agent, comes_along)
}

/// Limits the server of a node.
pub(crate) fn limit(node: NodeId, limits: &Limits) -> Script {
    let script = Script::new("limits", &[COMMON, include_str!("scripts/limits.sh")]);
    let memory = limits.memory.map_or("infinity".to_owned(), |memory| memory.get().to_string());
    let script = script.with("NODE", &node.to_string()).with("MEMORY", &memory);
    let script = script.with("LIMITS", &limits.unit_part()).with("PROPERTIES", &limits.unit_properties().join("\n"));
    script.with("SHARE", &limits.slice_part()).with("SHARES", &limits.slice_properties().join("\n"))
}

/// Removes a node and everything of ours; or only a node whose agent has never listened.
pub(crate) fn remove(node: NodeId, only_unused: bool) -> Script {
    let script = Script::new("remove", &[COMMON, PACKAGES, include_str!("scripts/remove.sh")]);
    script.with("NODE", &node.to_string()).with("UNUSED", yes(only_unused))
}

/// A server program that platforms keep: its name and its SHA-256.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) file_name: &'a str,
    pub(crate) sha256: &'a str,
}

/// Keeps a server program where a node is, or only looks at it. If its content does not come along and is needed, the script says so.
pub(crate) fn store(program: Kept<'_>, keep: bool, content: Option<&[u8]>) -> Script {
    let script = Script::new("store", &[COMMON, PROGRAM, LOOK, include_str!("scripts/store.sh")]);
    let script = kept(script, program).with("KEEP", yes(keep)).with("FOLLOWS", yes(content.is_some()));
    script.followed_by(content.unwrap_or_default())
}

/// Reads a block of a server program that is kept.
pub(crate) fn fetch(program: Kept<'_>, block: usize) -> Script {
    let script = Script::new("fetch", &[COMMON, include_str!("scripts/fetch.sh")]).without_root();
    kept(script, program).with("BLOCK", &block.to_string())
}

/// Looks for server programs in these directories, a line each, and on the search path.
pub(crate) fn inspect(engine: Engine, directories: &str) -> Script {
    let script = Script::new("inspect", &[COMMON, LOOK, include_str!("scripts/inspect.sh")]).without_root();
    script.with("NAME", engine.server_binary()).with("DIRECTORIES", directories)
}

/// Looks which versions of a package there are.
pub(crate) fn offers(package: &str) -> Script {
    let script = Script::new("offers", &[COMMON, PACKAGES, include_str!("scripts/offers.sh")]).without_root();
    script.with("PACKAGE", package)
}

/// What becomes of a package on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It is installed and held, and its program is kept.
    Program,
    /// Any version of it is installed, for what it needs.
    Libraries,
    /// It is only looked at.
    Nothing,
}

/// Installs a package where a node is, or looks at it. Where `sha256` says so its program has to be that one.
pub(crate) fn install_package(package: &Package, keep: Keep, sha256: Option<&str>) -> Script {
    let parts = [COMMON, PROGRAM, LOOK, PACKAGES, include_str!("scripts/package.sh")];
    let Release { engine, version, .. } = package.release;
    let said = match engine {
        Engine::Redis => format!("Redis server v={version}"),
        Engine::Valkey => format!("Valkey server v={version}"),
    };
    let keep = match keep {
        Keep::Program => "yes",
        Keep::Libraries => "libraries",
        Keep::Nothing => "no",
    };
    let script =
        Script::new("package", &parts).with("PACKAGE", &package.name).with("VERSION", package.revision.as_str());
    let script = script.with("FILE_NAME", engine.server_binary()).with("SAID", &said).with("KEEP", keep);
    script.with("SHA256", sha256.unwrap_or_default())
}

/// Says with which package a program came that is kept.
pub(crate) fn origin(sha256: &str) -> Script {
    Script::new("origin", &[COMMON, include_str!("scripts/origin.sh")]).without_root().with("SHA256", sha256)
}

fn service(script: Script, node: NodeId, agent: &Program, comes_along: bool) -> Script {
    let script = script.with("NODE", &node.to_string()).with("PROGRAM", &agent.name).with("SHA256", &agent.sha256);
    let script = script.with("FOLLOWS", yes(comes_along));
    let script = UNITS.iter().fold(script, |script, (variable, unit)| script.with(variable, unit.trim_end()));
    if comes_along { script.followed_by(&agent.content) } else { script }
}

fn kept(script: Script, program: Kept<'_>) -> Script {
    script.with("FILE_NAME", program.file_name).with("SHA256", program.sha256)
}

const fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_their_caller_mean_the_same_by_how_they_end() {
        for (name, number) in [
            ("THEIRS", status::THEIRS),
            ("OURS", status::OURS),
            ("HIDDEN", status::HIDDEN),
            ("NEEDED", status::NEEDED),
            ("DOWN", status::DOWN),
            ("PUT_BACK", status::PUT_BACK),
            ("BUSY", status::BUSY),
        ] {
            let line = COMMON.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            let said = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            assert_eq!(said, Some(number), "{name}");
        }
    }
}

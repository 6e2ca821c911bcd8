//! Hosts that are believed to be who they are because a file of the machine that runs Terraform says so.

use tfkit::model::View;
use tfkit::{Attr, Diagnostic, Path};

use super::model::ServerPool;

/// Most hosts that are named one by one.
const NAMED: usize = 12;

/// What the user should know of hosts whose keys are not pinned.
pub(super) fn warning(pool: &View<ServerPool>) -> Option<Diagnostic> {
    let servers = pool.servers.known().into_iter().flatten().enumerate().filter_map(|(index, view)| {
        let view = view.known().filter(|view| is_none(&view.host_keys))?;
        Some((Path::attribute("servers").index(index), view.address.known()))
    });
    let jumps = pool.jump_hosts.known().into_iter().flatten().filter_map(|(name, view)| {
        let view = view.known().filter(|view| is_none(&view.host_keys))?;
        Some((Path::attribute("jump_hosts").key(name), view.address.known()))
    });
    let hosts: Vec<(Path, Option<&String>)> = servers.chain(jumps).collect();
    let (first, _) = hosts.first()?;
    let detail = format!(
        "No key is pinned of {}. Each has to stand in a known_hosts file of the machine that runs Terraform (`ssh.known_hosts_files` of \
         the provider); where one does not, it is refused, and the error says which key it showed.\n\nPin what \
         `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on each host: host_keys = [\"SHA256:...\"].",
        list(&hosts)
    );
    Some(Diagnostic::warning("Host keys not pinned", detail).at(first.clone()))
}

/// Whether no key is given; what is not known yet may be one.
fn is_none(keys: &Attr<Vec<Attr<String>>>) -> bool {
    keys.is_null() || keys.known().is_some_and(Vec::is_empty)
}

fn list(hosts: &[(Path, Option<&String>)]) -> String {
    // Of a host whose address is not known yet, its place is.
    let name = |(path, address): &(Path, Option<&String>)| address.map_or_else(|| path.to_string(), String::clone);
    let named: Vec<String> = hosts.iter().take(NAMED).map(name).collect();
    match hosts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

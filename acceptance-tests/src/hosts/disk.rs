//! The disk of a host: what is its own over the tree before it first starts.

use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::keys::Keys;

/// Makes `upper`, `work` and `root` in the folder of a host, with its names and keys in `upper`; returns its public key.
pub(super) fn make(folder: &Path, name: &str, address: Ipv4Addr, names: &str, keys: &Keys) -> String {
    // Whatever this process keeps from others by its umask: everybody on the host may see its root directory.
    for made in ["", "upper", "work", "root", "upper/etc", "upper/etc/ssh"] {
        fs::create_dir_all(folder.join(made)).expect("a directory");
        fs::set_permissions(folder.join(made), Permissions::from_mode(0o755)).expect("a directory");
    }
    let etc = folder.join("upper/etc");
    for (file, text) in [
        ("hostname", &*format!("{name}\n")),
        ("hosts", names),
        ("machine-id", &*machine_id()),
        ("ssh/authorized_keys", &*keys.authorized()),
    ] {
        fs::write(etc.join(file), text).expect("a file");
        fs::set_permissions(etc.join(file), Permissions::from_mode(0o644)).expect("a file");
    }
    keys.make_for(address, &etc.join("ssh/ssh_host_ed25519_key"))
}

/// Another one each time. Without it systemd would take each start for the first.
fn machine_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a random number");
    id.replace('-', "")
}

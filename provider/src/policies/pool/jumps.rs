//! The jump hosts of a pool: each by its name, with those in front of it.

use std::collections::BTreeMap;

use justmanage_model::nearest::nearest;
use justmanage_model::pool::{Host, JUMPS_MAX};
use justmanage_model::{Failure, FieldPath};
use tfkit::Attr;
use tfkit::model::View;

use super::model::JumpHost;
use super::{SUMMARY, host};
use crate::policies::reader::Reader;

/// The jump hosts by their names; `None` while it is not known which there are.
pub(super) struct Jumps(Option<BTreeMap<String, Jump>>);

/// One of them.
struct Jump {
    /// Itself; `None` while something of it is not known, or is wrong.
    host: Option<Host>,
    /// The name of the one in front of it.
    via: Option<String>,
}

impl Jumps {
    /// All that are written, each looked at, and whether there is a way out through each.
    pub(super) fn read(reader: &mut Reader, views: &Attr<BTreeMap<String, Attr<View<JumpHost>>>>) -> Self {
        reader.not_known(views.is_unknown());
        if views.is_unknown() {
            return Self(None);
        }
        let views = views.known().into_iter().flatten();
        let at = |name: &str| FieldPath::of("jump_hosts").key(name);
        let hosts = views.map(|(name, view)| {
            let path = at(name);
            reader.not_known(view.is_unknown());
            let view = if reader.is_there(&path, view) { view.known() } else { None };
            let host = view.and_then(|view| host::jump_host(reader, &path, view));
            let via = view.and_then(|view| {
                reader.not_known(view.jump.is_unknown());
                view.jump.known().cloned()
            });
            // What is wrong with it was said; what is missing in it, Terraform says.
            reader.not_known(host.is_none());
            (name.clone(), Jump { host, via })
        });
        let jumps = Self(Some(hosts.collect()));
        for (name, jump) in jumps.0.iter().flatten() {
            let Some(via) = &jump.via else { continue };
            let path = at(name).attribute("jump");
            if let Some(fault) = jumps.missing(&path, via) {
                reader.fault(&fault);
            } else if jumps.way(name).is_none() {
                let detail = format!("From \"{name}\" the way leads through \"{via}\" in a circle.");
                let hint = "Let one of them be reached directly: leave out its `jump`.";
                reader.fault(&Failure::at(path, SUMMARY, detail).hint(hint));
            }
        }
        jumps
    }

    /// The jump host that an attribute names, with all in front of it; `None` where it names none, or nobody can say yet.
    pub(super) fn named(&self, reader: &mut Reader, path: FieldPath, name: &Attr<String>) -> Option<Host> {
        reader.not_known(name.is_unknown());
        let name = name.known()?;
        if let Some(fault) = self.missing(&path, name) {
            reader.fault(&fault);
            return None;
        }
        let way = self.way(name)?;
        if way.len() > JUMPS_MAX {
            let detail = format!("Through \"{name}\" the way leads over {} jump hosts.", way.len());
            let hint = format!("At most {JUMPS_MAX} one behind the other are possible.");
            reader.fault(&Failure::at(path, SUMMARY, detail).hint(hint));
            return None;
        }
        let mut host = None;
        for jump in way.into_iter().rev() {
            host = Some(Host { jump: host.map(Box::new), ..jump.host.clone()? });
        }
        host
    }

    /// What is to be said of a name that no jump host has.
    fn missing(&self, path: &FieldPath, name: &str) -> Option<Failure> {
        let hosts = self.0.as_ref()?;
        if hosts.contains_key(name) {
            return None;
        }
        let names: Vec<&str> = hosts.keys().map(String::as_str).collect();
        let hint = match (nearest(name, names.iter().copied()), names.as_slice()) {
            (Some(near), _) => format!("Did you mean \"{near}\"?"),
            (None, []) => "List it in jump_hosts.".to_owned(),
            (None, names) => format!("There are {}.", names.join(", ")),
        };
        let detail = format!("\"{name}\" is none of jump_hosts.");
        Some(Failure::at(path.clone(), SUMMARY, detail).hint(hint))
    }

    /// The jump hosts from this one outward, as far as they are known; `None` where they go in a circle.
    fn way(&self, name: &str) -> Option<Vec<&Jump>> {
        let hosts = self.0.as_ref()?;
        let (mut way, mut next) = (Vec::new(), Some(name));
        while let Some(jump) = next.and_then(|name| hosts.get(name)) {
            way.push(jump);
            // More than there are: one of them twice.
            if way.len() > hosts.len() {
                return None;
            }
            next = jump.via.as_deref();
        }
        Some(way)
    }
}

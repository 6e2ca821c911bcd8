//! Reading one host: a server, or what both kinds of hosts have.

use std::collections::BTreeMap;
use std::net::IpAddr;

use justmanage_model::FieldPath;
use justmanage_model::failure::Invalid;
use justmanage_model::pool::{self, Host, Label, LabelValue, SSH_PORT, Server};
use tfkit::Attr;
use tfkit::model::View;

use super::jumps::Jumps;
use super::model::{JumpHost, PoolServer};
use crate::policies::reader::Reader;

/// Who logs in, unless something else is said.
pub(super) const ROOT: &str = "root";

/// What counts for hosts that say nothing else.
pub(super) struct Usual {
    user: String,
    port: u16,
}

impl Default for Usual {
    fn default() -> Self {
        Self { user: ROOT.to_owned(), port: SSH_PORT }
    }
}

impl Usual {
    /// As the pool says it.
    pub(super) fn read(reader: &mut Reader, user: &Attr<String>, port: &Attr<i64>) -> Self {
        Self::default().or(reader, &FieldPath::root(), user, port)
    }

    /// The same with what a host says instead.
    fn or(&self, reader: &mut Reader, path: &FieldPath, user: &Attr<String>, port: &Attr<i64>) -> Self {
        let user =
            reader.read(path.clone().attribute("user"), user, |text| pool::check_user(text).map(|()| text.clone()));
        let port = reader.read(path.clone().attribute("port"), port, |number| port_of(*number));
        Self { user: user.unwrap_or_else(|| self.user.clone()), port: port.unwrap_or(self.port) }
    }
}

/// A server, if all that makes it one is known.
pub(super) fn server(
    reader: &mut Reader,
    path: &FieldPath,
    view: &View<PoolServer>,
    usual: &Usual,
    jumps: &Jumps,
) -> Option<Server> {
    let at = |name: &str| path.clone().attribute(name);
    let usual = usual.or(reader, path, &view.user, &view.port);
    let host = host(reader, path, &view.address, usual, &view.host_keys);
    let jump = jumps.named(reader, at("jump"), &view.jump);
    let private_address = reader.read(at("private_address"), &view.private_address, |text| address_of(text));
    let announce = reader.element(at("announce"), &view.announce);
    let zone = reader.element(at("zone"), &view.zone);
    let labels = labels(reader, &at("labels"), &view.labels);
    let hidden = reader.switch(&view.hidden, false);
    let host = Host { jump: jump.map(Box::new), ..host? };
    Some(Server { host, private_address, announce, zone, labels, hidden, former: false })
}

/// A jump host without the one through which it is reached itself.
pub(super) fn jump_host(reader: &mut Reader, path: &FieldPath, view: &View<JumpHost>) -> Option<Host> {
    let usual = Usual::default().or(reader, path, &view.user, &view.port);
    host(reader, path, &view.address, usual, &view.host_keys)
}

fn host(
    reader: &mut Reader,
    path: &FieldPath,
    address: &Attr<String>,
    usual: Usual,
    keys: &Attr<Vec<Attr<String>>>,
) -> Option<Host> {
    let keys = reader.list_at(&path.clone().attribute("host_keys"), keys);
    let address = reader
        .read(path.clone().attribute("address"), address, |text| pool::check_address(text).map(|()| text.clone()))?;
    Some(Host { address, port: usual.port, user: usual.user, keys, jump: None })
}

fn labels(
    reader: &mut Reader,
    path: &FieldPath,
    texts: &Attr<BTreeMap<String, Attr<String>>>,
) -> BTreeMap<Label, LabelValue> {
    reader.not_known(texts.is_unknown());
    let mut labels: BTreeMap<Label, LabelValue> = BTreeMap::new();
    for (name, text) in texts.known().into_iter().flatten() {
        let path = path.clone().key(name);
        let label = label_of(name).map_err(|invalid| reader.fault(&invalid.at(path.clone())));
        let there = reader.is_there(&path, text);
        let value: Option<LabelValue> = if there { reader.element(path, text) } else { None };
        labels.extend(label.ok().zip(value));
    }
    labels
}

/// The name of a label.
///
/// # Errors
/// It is none, or it would read as something else in a definition.
pub(crate) fn label_of(name: &str) -> Result<Label, Invalid> {
    if pool::WORDS.contains(&name) {
        return Err(Invalid {
            summary: "Label not valid",
            detail: format!("\"{name}\" is a word of its own in the definition of a pool."),
            hint: format!("Call the label something else; taken are {}.", pool::WORDS.join(", ")),
        });
    }
    name.parse()
}

fn port_of(number: i64) -> Result<u16, Invalid> {
    u16::try_from(number).ok().filter(|port| *port > 0).ok_or_else(|| Invalid {
        summary: "Number out of range",
        detail: format!("There is no port {number}."),
        hint: "Write a port from 1 to 65535.".to_owned(),
    })
}

fn address_of(text: &str) -> Result<IpAddr, Invalid> {
    text.parse().map_err(|_| Invalid {
        summary: "Address not valid",
        detail: format!("\"{text}\" is no address."),
        hint: "Write an address such as \"10.0.0.11\" or \"2001:db8::11\"; a name will not do here.".to_owned(),
    })
}

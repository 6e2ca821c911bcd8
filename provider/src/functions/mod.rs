//! Functions of Terraform's language: `provider::justmanage::...`.

mod connection_uri;
mod next_openings;

pub(crate) use connection_uri::ConnectionUri;
pub(crate) use next_openings::NextOpenings;

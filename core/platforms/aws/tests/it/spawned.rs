//! A cloud's calls as tasks: whoever makes one waits once, until it is answered. So whoever is killed at each of their waits is killed
//! before and after each call, and not at every step of a connection, of which there are several times as many and none of ours.

use std::sync::Arc;

use async_trait::async_trait;
use justmanage_platform_aws::Aws;
use justmanage_platform_cloud::{Api, ApiError, Firewall, Instance, Launch, Room, Tags};
use justmanage_platforms::{MachineRef, PlatformKind};

pub(crate) struct Spawned(pub(crate) Arc<Aws>);

macro_rules! spawned {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Api for Spawned {
            fn kind(&self) -> PlatformKind {
                self.0.kind()
            }

            fn is_instance(&self, reference: &MachineRef) -> bool {
                self.0.is_instance(reference)
            }

            fn is_firewall(&self, reference: &MachineRef) -> bool {
                self.0.is_firewall(reference)
            }

            $(async fn $name(&self, $($argument: &$kind),*) -> Result<$answer, ApiError> {
                let api = self.0.clone();
                $(let $argument = $argument.to_owned();)*
                tokio::spawn(async move { api.$name($(&$argument),*).await }).await.expect("a call that does not panic")
            })*
        }
    };
}

spawned! {
    instances() -> Vec<Instance>;
    instance(id: str) -> Option<Instance>;
    room() -> Room;
    launch(launch: Launch) -> Instance;
    start(id: str) -> ();
    terminate(id: str) -> ();
    sweep(tags: Tags) -> ();
    tag(id: str, tags: Tags) -> ();
    console(id: str) -> Option<String>;
    firewalls() -> Vec<Firewall>;
    make_firewall(tags: Tags) -> String;
    open(firewall: Firewall) -> ();
    drop_firewall(id: str) -> ();
}

//! A machine goes, and with the last one of its cluster what was made for all of them.

use std::time::Duration;

use justmanage_model::ClusterId;
use justmanage_platforms::{MachineRef, PlatformError};
use tracing::info;

use crate::api::{ApiError, Instance, Stage};
use crate::cloud::Cloud;
use crate::trouble::while_doing;

/// Longest time for machines to go. Clouds take a minute or two, and now and then several.
const LIMIT: Duration = Duration::from_secs(900);
/// An instance that is not there in so many looks is not there. What was made just now may be missing in the first of them.
const SURE: u32 = 3;

impl Cloud {
    /// As [`justmanage_platforms::Platform::remove`].
    pub(crate) async fn take_away(&self, reference: &MachineRef) -> Result<(), PlatformError> {
        if self.api.is_firewall(reference) {
            return self.take_firewall_away(reference).await;
        }
        if !self.api.is_instance(reference) {
            return Err(PlatformError::Invalid {
                field: "cloud".into(),
                what: format!("{} is no machine of this cloud", reference.0),
                hint: "Use the provider of its platform.".into(),
            });
        }
        let Some(instance) = self.surely(&reference.0).await? else { return Ok(()) };
        let Some(claim) = instance.tags.claim() else {
            return Err(PlatformError::NotFound { what: format!("a machine of ours called {}", reference.0) });
        };
        if instance.stage != Stage::Gone {
            if instance.stage != Stage::Ending {
                self.terminate(&instance.id).await?;
            }
            self.gone(&instance.id).await?;
        }
        let doing = |error| while_doing("taking away what is left of a machine", error);
        self.patience.call(&instance.id, || self.api.sweep(&instance.tags)).await.map_err(doing)?;
        self.close(claim.cluster).await
    }

    /// An instance, whosever it is; `None`: it is not there, and not only invisible.
    async fn surely(&self, id: &str) -> Result<Option<Instance>, PlatformError> {
        for looks in 0..SURE {
            if looks > 0 {
                self.wait(looks).await;
            }
            let seen = self.patience.call(id, || self.api.instance(id)).await;
            if let Some(instance) = seen.map_err(|error| while_doing("looking for the machine", error))? {
                return Ok(Some(instance));
            }
        }
        Ok(None)
    }

    async fn terminate(&self, id: &str) -> Result<(), PlatformError> {
        match self.patience.call(id, || self.api.terminate(id)).await {
            // Somebody was first.
            Ok(()) | Err(ApiError::NotFound(_)) => Ok(()),
            Err(error) => Err(while_doing(&format!("taking {id} away"), error)),
        }
    }

    /// Waits until an instance is gone.
    async fn gone(&self, id: &str) -> Result<(), PlatformError> {
        let end = self.clock.now() + LIMIT;
        for looks in 0.. {
            // With others who wait for theirs, as long as it is listed.
            let listed = self.look().await?.instance(id).map(|instance| instance.stage);
            let stage = match listed {
                Some(stage) => Some(stage),
                None => {
                    let seen = self.patience.call(id, || self.api.instance(id)).await;
                    seen.map_err(|error| while_doing("looking for the machine", error))?.map(|instance| instance.stage)
                }
            };
            match stage {
                None | Some(Stage::Gone) => return Ok(()),
                _ if self.clock.now() > end => break,
                _ => self.wait(looks).await,
            }
        }
        Err(PlatformError::Unreachable {
            what: format!("{id} was to be taken away, and is still there after {} s", LIMIT.as_secs()),
            hint: "See what the cloud says of it; apply again to go on.".into(),
        })
    }

    /// Takes away what was made for all machines of a cluster, if it has none any more.
    async fn close(&self, cluster: ClusterId) -> Result<(), PlatformError> {
        let end = self.clock.now() + LIMIT;
        let mut why = "machines of the cluster are on their way out".to_owned();
        for looks in 0.. {
            let look = self.look().await?;
            let mut instances = look.of_cluster(cluster).peekable();
            let stays = |instance: &Instance| instance.stage.lives() || instance.stage == Stage::Broken;
            let stays = look.of_cluster(cluster).any(stays);
            let firewall =
                look.firewalls.iter().find(|there| there.tags.claim().is_some_and(|of| of.cluster == cluster));
            match firewall {
                // Somebody else takes it away with theirs.
                _ if stays => return Ok(()),
                None => return Ok(()),
                Some(firewall) if instances.peek().is_none() => {
                    match self.patience.call(&firewall.id, || self.api.drop_firewall(&firewall.id)).await {
                        Ok(()) => info!(%cluster, id = firewall.id, "the last of the cluster is gone"),
                        Err(ApiError::NotFound(_)) => {}
                        Err(ApiError::InUse(said)) => why = said,
                        Err(error) => return Err(while_doing("taking the cluster's firewall away", error)),
                    }
                }
                Some(_) => {}
            }
            if self.clock.now() > end {
                break;
            }
            self.wait(looks).await;
        }
        Err(PlatformError::Conflict {
            what: format!("the firewall of {cluster} cannot be taken away: {why}"),
            hint: "Take away what uses it and is not ours, then apply again.".into(),
        })
    }

    /// A firewall that stood for a machine which is gone, or never came.
    async fn take_firewall_away(&self, MachineRef(id): &MachineRef) -> Result<(), PlatformError> {
        let look = self.look().await?;
        let found = look.lonely().find(|(firewall, _)| firewall.id == *id);
        match found {
            Some((_, claim)) => self.close(claim.cluster).await,
            // It is not ours, or has machines by now, which are removed by their own ids.
            None => Ok(()),
        }
    }
}

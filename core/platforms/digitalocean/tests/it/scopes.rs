//! What a token has to be allowed, and that nothing of it is too much.

use std::sync::Arc;

use justmanage_digitalocean_fake::Fake;
use justmanage_platform_digitalocean::{DigitalOceanSettings, SCOPES};
use justmanage_platforms::{Platform, PlatformError};

use crate::{fake, named, order, own_settings, platform_with};

/// Makes a machine, stops it, starts it, finds it and takes it away, with all that is made for it.
async fn life(fake: &Arc<Fake>) -> Result<(), PlatformError> {
    let platform = platform_with(fake, DigitalOceanSettings { sizes: Vec::new(), ..own_settings(fake) });
    platform.ensure(&order(0)).await?;
    fake.world().droplets.values_mut().for_each(|droplet| droplet.status = "off");
    platform.ensure(&order(0)).await?;
    for machine in platform.find(&named("cache")).await? {
        platform.remove(&machine.reference).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_documented_scopes_are_enough_for_a_whole_life() {
    let fake = fake().await;
    fake.world().scopes = Some(SCOPES.map(str::to_owned).into());
    life(&fake).await.expect("a life");
    let world = fake.world();
    assert!(world.droplets.is_empty() && world.volumes.is_empty() && world.firewalls.is_empty(), "and nothing is left");
}

#[tokio::test]
async fn none_of_them_is_too_much() {
    for without in SCOPES {
        let fake = fake().await;
        fake.world().scopes = Some(SCOPES.into_iter().filter(|scope| *scope != without).map(str::to_owned).collect());
        let refused = life(&fake).await.expect_err(without);
        match &refused {
            PlatformError::Denied { what, .. } => assert!(what.contains(without), "{without}: {what}"),
            // Whoever may not read tags sees droplets without any, and is told nothing.
            PlatformError::Unreachable { .. } if without == "tag:read" => {}
            other => panic!("{without}: {other:?}"),
        }
    }
}

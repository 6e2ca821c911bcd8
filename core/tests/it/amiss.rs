//! What the platform keeps for a cluster besides its machines, and somebody has edited.

use justmanage_core::manager::Observed;
use tokio_util::sync::CancellationToken;

use crate::shape::made;
use crate::world::{World, shape};

#[tokio::test]
async fn it_shows_and_an_apply_mends_it_before_it_asks_anybody() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 3, 1).await;
    let what = "The firewall fw-1 lets in others than it is to.".to_owned();
    for shut in [false, true] {
        world.inside().amiss = vec![what.clone()];
        world.inside().shut = shut;
        let Ok(Observed::Here(seen)) = manager.observe(&view.id).await else { panic!("it is there") };
        assert!(
            !seen.converged && seen.needs_apply && seen.waiting_on.contains(&what),
            "{shut}: {:?}",
            seen.waiting_on
        );
        let mended = manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect("an apply");
        assert!(mended.converged, "{:?}", mended.waiting_on);
        let Ok(Observed::Here(seen)) = manager.observe(&view.id).await else { panic!("it is there") };
        assert!(seen.converged && !seen.needs_apply, "{:?}", seen.waiting_on);
    }
}

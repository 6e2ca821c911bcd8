//! The list of those who are allowed changes while the server serves.

use crate::world::{World, key, pins};

#[tokio::test]
async fn whose_key_is_withdrawn_loses_the_open_connection_and_gets_no_other() {
    let (leaving, staying) = (key(), key());
    let world = World::with(&[&leaving, &staying]).await;
    let mut lost = world.call(&leaving).await.expect("let in");
    let mut kept = world.call(&staying).await.expect("let in");
    lost.echo().await.expect("an answer");

    world.allowed.set(pins(&[&staying]));
    lost.ended().await;
    assert!(world.call(&leaving).await.is_err(), "no new connection either");
    kept.echo().await.expect("the other is left alone");
    assert!(world.call(&staying).await.is_ok());
}

#[tokio::test]
async fn whose_key_is_added_gets_in() {
    let late = key();
    let world = World::with(&[&key()]).await;
    assert!(world.call(&late).await.is_err());
    world.allowed.set(pins(&[&late]));
    assert_eq!(world.call(&late).await.expect("let in").said, late.pin());
}

#[tokio::test]
async fn the_same_list_again_disturbs_nobody() {
    let operator = key();
    let world = World::with(&[&operator]).await;
    let mut call = world.call(&operator).await.expect("let in");
    for _ in 0..3 {
        world.allowed.set(pins(&[&operator]));
        call.echo().await.expect("an answer");
    }
}

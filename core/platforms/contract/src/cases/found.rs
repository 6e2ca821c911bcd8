//! Machines are looked for.

use justmanage_model::ClusterId;
use justmanage_platforms::{ClaimQuery, Machine, MachineOrder, PlatformError, Visible};

use crate::trial::{NAMES, Trial, named, of_cluster, sorted};
use crate::{Can, Place};

/// What is made is found by its name, and by its name and cluster, as it was made; by another cluster or another name it is not.
pub async fn what_is_made_is_found_by_its_claim_and_its_cluster_and_nothing_else<P: Place>() {
    Trial::<P>::run(3, async |trial| {
        trial.has(&[]).await;
        let (cache, queue) = (trial.order("cache", 1, 0), trial.order("queue", 2, 0));
        let spare = trial.order("cache", 1, 1);
        let spare = MachineOrder { claim: justmanage_model::Claim { seat: None, ..spare.claim.clone() }, ..spare };
        let mut made: Vec<Machine> = Vec::new();
        for order in [&cache, &spare, &queue] {
            made.push(trial.ensure(order).await);
        }
        trial.has(&[&cache, &spare, &queue]).await;
        let of_cache = sorted(made[..2].to_vec());
        assert_eq!(trial.find(&named("cache")).await, of_cache, "by its name");
        assert_eq!(trial.find(&of_cluster(&cache.claim)).await, of_cache, "by its cluster");
        assert_eq!(trial.find(&of_cluster(&queue.claim)).await, made[2..], "by its cluster");
        let nobody = ClusterId::from_entropy([9; 10]);
        for (name, cluster) in [("cache", nobody), ("cache", queue.claim.cluster), ("other", cache.claim.cluster)] {
            let query = ClaimQuery { cluster: Some(cluster), ..named(name) };
            assert_eq!(trial.find(&query).await, [], "{query:?}");
        }
        assert_eq!(trial.find(&named("other")).await, [], "a name that nobody has");
    })
    .await;
}

/// Two clusters of one name, of which one was made by somebody who did not know of the other: whoever asks by the name sees both. Where
/// names are locked the second one is not made, and the name is free again when the first is gone.
pub async fn two_clusters_of_one_name_are_both_seen<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let (one, other) = (trial.order("cache", 1, 0), trial.order("cache", 2, 0));
        if P::namesakes() != Can::Yes {
            let first = trial.ensure(&one).await;
            let refused = trial.try_ensure(&other).await.expect_err("the name is locked");
            assert!(matches!(refused, PlatformError::Conflict { .. }), "{refused:?}");
            trial.has(&[&one]).await;
            assert_eq!(trial.ensure(&one).await, first, "the first is as it was");
            trial.remove(&first).await;
            trial.ensure(&other).await;
            trial.has(&[&other]).await;
            return;
        }
        let (first, second) = (trial.ensure(&one).await, trial.ensure(&other).await);
        trial.has(&[&one, &other]).await;
        assert_ne!(first.reference, second.reference, "two machines");
        assert_eq!(trial.find(&of_cluster(&one.claim)).await, std::slice::from_ref(&first));
        assert_eq!(trial.find(&of_cluster(&other.claim)).await, [second]);
        trial.remove(&first).await;
        trial.has(&[&other]).await;
        assert_eq!(trial.find(&of_cluster(&one.claim)).await, []);
    })
    .await;
}

/// Names are what the clusters are called that have machines, from the first machine to the last.
pub async fn each_cluster_is_named_once_and_as_long_as_it_has_machines<P: Place>() {
    Trial::<P>::run(4, async |trial| {
        let names = async || -> Vec<String> {
            let clusters = trial.platform().clusters().await.expect("clusters");
            clusters.iter().map(ToString::to_string).collect()
        };
        assert_eq!(names().await, Vec::<String>::new());
        let first = trial.ensure(&trial.order("cache", 1, 0)).await;
        let second = trial.ensure(&trial.order("cache", 1, 1)).await;
        let queue = trial.ensure(&trial.order("queue", 2, 0)).await;
        let cluster = if P::namesakes() == Can::Yes { 3 } else { 1 };
        let namesake = trial.ensure(&trial.order("cache", cluster, 2)).await;
        assert_eq!(names().await, NAMES);
        for machine in [&first, &second, &queue] {
            trial.remove(machine).await;
        }
        assert_eq!(names().await, ["cache"], "another machine of the name is there");
        trial.remove(&namesake).await;
        assert_eq!(names().await, Vec::<String>::new());
    })
    .await;
}

/// Where everybody answers, what can be seen is all that there is.
pub async fn find_seen_agrees_with_find_where_everybody_answers<P: Place>() {
    Trial::<P>::run(3, async |trial| {
        let (cluster, of_first) = if P::namesakes() == Can::Yes { (2, 1) } else { (1, 2) };
        let orders = [trial.order("cache", 1, 0), trial.order("cache", cluster, 1), trial.order("queue", 3, 0)];
        for order in &orders {
            trial.ensure(order).await;
        }
        let queries = [named("cache"), of_cluster(&orders[0].claim), named("queue"), named("other")];
        for (query, count) in queries.iter().zip([2, of_first, 1, 0]) {
            let Visible { machines, silent, .. } = trial.platform().find_seen(query).await.expect("find_seen");
            assert_eq!(silent, Vec::<String>::new(), "everybody answers");
            assert_eq!(machines.len(), count, "{query:?}");
            assert_eq!(sorted(machines), trial.find(query).await, "{query:?}");
        }
    })
    .await;
}

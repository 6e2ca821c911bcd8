//! Who gets in, and what they see first.

use tfkit::testing::{Presenting, Version};

use crate::provider;

#[tokio::test]
async fn only_the_terraform_that_started_it_gets_in() {
    let process = provider().spawn().await.expect("it starts");
    for version in [Version::Tls13, Version::Tls12] {
        for presenting in [Presenting::Nothing, Presenting::Another, Presenting::Stolen] {
            let refused = process.try_to_enter(presenting, version).await.expect_err("refused");
            assert_ne!(refused.kind(), std::io::ErrorKind::TimedOut, "{presenting:?} {version:?}");
        }
        process.try_to_enter(Presenting::Own, version).await.expect("its Terraform");
    }
}

#[tokio::test]
async fn it_shows_its_schemas_to_the_host_and_ends_when_it_is_asked() {
    let mut host = provider().start().await.expect("it starts and lets the host in");
    let schemas = host.schemas().await.expect("schemas");
    let resources: Vec<&str> = schemas.resources.keys().map(String::as_str).collect();
    let ours = ["backup_policy", "maintenance_window", "redis_cluster", "redis_user", "server_pool"];
    assert_eq!(resources, ours.map(|name| format!("justmanage_{name}")));
    assert_eq!(schemas.identities.keys().collect::<Vec<_>>(), ["justmanage_redis_cluster", "justmanage_redis_user"]);
    assert_eq!(schemas.lists.keys().collect::<Vec<_>>(), ["justmanage_redis_cluster"]);
    let data_sources: Vec<&str> = schemas.data_sources.keys().map(String::as_str).collect();
    assert_eq!(
        data_sources,
        [
            "justmanage_backups",
            "justmanage_machine_types",
            "justmanage_redis_cluster",
            "justmanage_releases",
            "justmanage_servers"
        ]
    );
    assert!(schemas.capabilities.plan_destroy, "a protected cluster is refused before its users go");
    host.shutdown().await.map(drop).expect("it ends");
}

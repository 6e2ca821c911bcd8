//! `justmanage_redis_user` as Terraform sees it: passwords in either way, rotation, drift, and what a plan says of rules.

use justmanage_core::manager::hash_password;
use justmanage_model::{Phase, Secret, Timestamp, User};
use tfkit::testing::State;
use tfkit::{Path, Severity, Value};

use crate::world::{CLUSTER, USER, World, cluster, get, one, refused, text};

const ONE: &str = "correct horse battery staple";
const OTHER: &str = "another password entirely";

fn hash(password: &str) -> String {
    hash_password(&Secret::new(password.to_owned())).to_string()
}

/// A user of this cluster, with these attributes besides.
fn user(cluster: &State, more: &[(&str, Value)]) -> Value {
    let attributes = [("cluster_id", text(&cluster.value, "id").into()), ("name", "app".into())];
    let attributes = attributes.into_iter().chain([("acl", "~app:* +@all -@dangerous".into())]);
    let mut all: std::collections::BTreeMap<_, _> = attributes.map(|(name, value)| (name.to_owned(), value)).collect();
    all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::object(all)
}

/// The same with a password in the write-only way.
fn versioned(cluster: &State, password: &str, version: i64, more: &[(&str, Value)]) -> Value {
    let way = [("password_wo", password.into()), ("password_wo_version", version.into())];
    user(cluster, &[&way, more].concat())
}

fn app(world: &World) -> User {
    world.stage.record().users.into_values().next().expect("a user")
}

/// After a refresh, the same configuration has no difference.
async fn no_difference(world: &mut World, state: &State, config: &Value) -> State {
    let (state, warnings) = world.host.refresh(USER, state).await.expect("refresh");
    assert!(warnings.is_empty(), "{warnings:?}");
    let state = state.expect("it is there");
    let change = world.host.plan(USER, Some(&state), config).await.expect("plan");
    assert!(change.is_empty(), "{:?}", change.planned);
    state
}

#[tokio::test]
async fn a_new_password_leaves_the_old_one_valid_until_the_agents_end_it() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let made = world.host.create(USER, &versioned(&cluster, ONE, 1, &[])).await.expect("create");
    assert_eq!(get(&made.value, "previous_password_valid_until"), &Value::Null);
    let made = no_difference(&mut world, &made, &versioned(&cluster, OTHER, 1, &[])).await;

    let config = versioned(&cluster, OTHER, 2, &[]);
    let state = world.host.update(USER, &made, &config).await.expect("update");
    let both: Vec<String> = app(&world).passwords.iter().map(|password| password.hash.to_string()).collect();
    assert_eq!(both, [hash(OTHER), hash(ONE)]);
    let until: Timestamp = text(&state.value, "previous_password_valid_until").parse().expect("a moment");
    let day = std::time::Duration::from_secs(24 * 3600);
    assert!(until <= Timestamp::now() + day + std::time::Duration::from_secs(1) && until > Timestamp::now() + day / 2);
    let state = no_difference(&mut world, &state, &config).await;

    // Its time is over; nobody has asked for anything.
    world.stage.change(|record| {
        let users = record.users.values_mut();
        let ends = users.flat_map(|user| &mut user.passwords).filter_map(|password| password.until.as_mut());
        ends.for_each(|until| *until = Timestamp::now());
    });
    let state = no_difference(&mut world, &state, &config).await;
    assert_eq!(get(&state.value, "previous_password_valid_until"), &Value::Null);
    assert_eq!(app(&world).passwords.len(), 1);

    // Back to the first, at once.
    let config = versioned(&cluster, ONE, 3, &[("password_grace", "0s".into())]);
    let state = world.host.update(USER, &state, &config).await.expect("update");
    assert_eq!(app(&world).password().expect("a password").to_string(), hash(ONE));
    assert_eq!(app(&world).passwords.len(), 1);
    no_difference(&mut world, &state, &config).await;
}

#[tokio::test]
async fn a_shorter_grace_ends_the_old_password_sooner_and_another_spelling_is_none() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let grace = |text: &str| [("password_grace", Value::from(text))];
    let made = world.host.create(USER, &versioned(&cluster, ONE, 1, &grace("24h"))).await.expect("create");
    let config = versioned(&cluster, OTHER, 2, &grace("24h"));
    let state = world.host.update(USER, &made, &config).await.expect("update");
    no_difference(&mut world, &state, &versioned(&cluster, OTHER, 2, &grace("1d"))).await;
    let shorter = versioned(&cluster, OTHER, 2, &grace("0s"));
    let state = world.host.update(USER, &state, &shorter).await.expect("update");
    assert_eq!(app(&world).passwords.len(), 1);
    assert_eq!(get(&state.value, "previous_password_valid_until"), &Value::Null);
    no_difference(&mut world, &state, &shorter).await;
}

#[tokio::test]
async fn a_hash_is_as_good_as_a_password_and_shows_when_somebody_sets_another() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let hashed = |password: &str| user(&cluster, &[("password_sha256", hash(password).into())]);
    let made = world.host.create(USER, &hashed(ONE)).await.expect("create");
    assert_eq!(app(&world).password().expect("a password").to_string(), hash(ONE));
    let state = no_difference(&mut world, &made, &hashed(ONE)).await;
    let state = world.host.update(USER, &state, &hashed(OTHER)).await.expect("update");
    assert_eq!(app(&world).passwords.len(), 2, "the grace holds here, too");

    // The other way of saying the same password sets nothing.
    let before = app(&world);
    let versioned = versioned(&cluster, OTHER, 1, &[]);
    let state = world.host.update(USER, &state, &versioned).await.expect("update");
    assert_eq!(get(&state.value, "password_sha256"), &Value::Null);
    assert_eq!(app(&world).passwords, before.passwords);
    let state = world.host.update(USER, &state, &hashed(OTHER)).await.expect("update");
    assert_eq!(app(&world), before);

    world.stage.change(|record| {
        let hash = hash(ONE).parse().expect("a hash");
        record.users.values_mut().for_each(|user| user.set_password(hash, Timestamp::now(), Default::default()));
    });
    let (state, _) = world.host.refresh(USER, &state).await.expect("refresh");
    let state = state.expect("it is there");
    assert_eq!(text(&state.value, "password_sha256"), hash(ONE));
    assert!(!world.host.plan(USER, Some(&state), &hashed(OTHER)).await.expect("plan").is_empty(), "it is put back");
}

#[tokio::test]
async fn the_password_is_given_in_exactly_one_way_and_what_is_unknown_is_not_judged() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let wo = ("password_wo", Value::from(ONE));
    let version = ("password_wo_version", Value::from(1));
    let sha256 = ("password_sha256", Value::from(hash(ONE)));
    for (given, attribute, summary) in [
        (vec![], "password_wo", "Password missing"),
        (vec![version.clone()], "password_wo", "Password missing"),
        (vec![wo.clone(), sha256.clone()], "password_sha256", "Two passwords"),
        (vec![version.clone(), sha256.clone()], "password_wo_version", "Version without password_wo"),
    ] {
        let found = world.host.validate(USER, &user(&cluster, &given)).await.expect("an answer");
        let error = one(&found, Severity::Error);
        assert_eq!((error.summary.as_str(), &error.path), (summary, &Path::attribute(attribute)), "{given:?}");
        assert!(!error.detail.contains(ONE), "{error:?}");
    }
    for given in [
        vec![("password_wo", Value::unknown())],
        vec![("password_sha256", Value::unknown())],
        vec![wo.clone(), ("password_sha256", Value::unknown())],
        vec![("password_wo", Value::unknown()), sha256.clone()],
        vec![wo, version],
        vec![sha256],
    ] {
        let found = world.host.validate(USER, &user(&cluster, &given)).await.expect("an answer");
        assert!(found.is_empty(), "{given:?}: {found:?}");
    }
    for (attribute, value) in [
        ("password_sha256", "sesame"),
        ("password_sha256", &hash(ONE).to_uppercase()),
        ("password_grace", "soon"),
        ("password_grace", "91d"),
        ("password_wo", ""),
    ] {
        let found = world.host.validate(USER, &user(&cluster, &[(attribute, value.into())])).await.expect("an answer");
        let error = found.iter().find(|error| error.path == Path::attribute(attribute)).expect(value);
        assert!(!error.detail.contains("sesame"), "{error:?}");
    }
}

#[tokio::test]
async fn rules_with_which_no_client_finds_its_way_are_warned_of_when_they_are_chosen() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let with = |acl: &str| versioned(&cluster, ONE, 1, &[("acl", acl.into())]);
    let (narrow, wide) = ("~app:* +@read +@write", "~app:* +@read +@write +cluster|slots");
    assert!(world.host.plan(USER, None, &with(wide)).await.expect("plan").warnings.is_empty());
    let change = world.host.plan(USER, None, &with(narrow)).await.expect("plan");
    let warning = one(&change.warnings, Severity::Warning);
    assert_eq!(warning.path, Path::attribute("acl"));
    assert!(warning.detail.contains("+cluster|slots +cluster|shards +cluster|nodes"), "{warning:?}");
    let state = world.host.create(USER, &with(narrow)).await.expect("it is only a warning");
    let change = world.host.plan(USER, Some(&state), &with(narrow)).await.expect("plan");
    assert!(change.is_empty() && change.warnings.is_empty(), "said once: {:?}", change.warnings);
}

#[tokio::test]
async fn a_user_removed_outside_is_made_anew_and_one_of_a_cluster_that_is_gone_is_gone() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let config = versioned(&cluster, ONE, 1, &[]);
    let made = world.host.create(USER, &config).await.expect("create");
    world.stage.change(|record| record.users.clear());
    // Also when that happens between the plan and the apply.
    let change = world.host.plan(USER, Some(&made), &versioned(&cluster, ONE, 1, &[("acl", "~* +@all".into())])).await;
    let done = world.host.apply(&change.expect("plan")).await.expect("lawful");
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert_eq!(app(&world).password().expect("a password").to_string(), hash(ONE));

    world.stage.change(|record| record.users.clear());
    let (gone, warnings) = world.host.refresh(USER, &made).await.expect("refresh");
    assert!(gone.is_none() && warnings.is_empty());
    let made = world.host.create(USER, &config).await.expect("create");
    for node in world.stage.nodes() {
        world.stage.lose(node).expect("gone");
    }
    let (gone, warnings) = world.host.refresh(USER, &made).await.expect("refresh");
    assert!(gone.is_none() && warnings.is_empty());
    world.host.destroy(USER, &made).await.expect("what is gone is destroyed");
}

#[tokio::test]
async fn a_create_that_was_cut_short_is_gone_on_with_and_a_strangers_user_is_refused() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let config = versioned(&cluster, ONE, 1, &[]);
    world.host.create(USER, &config).await.expect("create");
    let before = world.stage.record();
    world.host.create(USER, &config).await.expect("the same user, made by an apply that nobody remembers");
    assert_eq!(world.stage.record(), before);
    let error = refused(world.host.create(USER, &versioned(&cluster, OTHER, 1, &[])).await);
    assert_eq!((error.summary.as_str(), error.path), ("User exists already", Path::attribute("name")));
}

#[tokio::test]
async fn a_state_from_before_passwords_could_end_has_no_difference() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let config = versioned(&cluster, ONE, 1, &[]);
    world.host.create(USER, &config).await.expect("create");
    let id = text(&cluster.value, "id");
    let old = format!(
        r#"{{"id": "{id}/app", "cluster_id": "{id}", "name": "app", "acl": "~app:* +@all -@dangerous",
            "password_wo": null, "password_wo_version": 1}}"#
    );
    let value = world.host.upgrade(USER, 0, &old).await.expect("upgrade");
    no_difference(&mut world, &State { value, private: Default::default(), identity: Value::Null }, &config).await;
}

#[tokio::test]
async fn a_cluster_that_is_full_says_so_at_apply_and_changes_nothing() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    world.stage.change(|record| {
        for number in 0..justmanage_model::record::USERS_MAX {
            let user = User { acl: "~*".parse().expect("rules"), passwords: Vec::new(), given: Default::default() };
            record.users.insert(format!("user-{number}").parse().expect("a name"), user);
        }
    });
    let before = world.stage.record();
    assert_eq!(before.phase, Phase::Formed);
    let error = refused(world.host.create(USER, &versioned(&cluster, ONE, 1, &[])).await);
    assert_eq!(error.summary, "Cluster is full");
    assert_eq!(world.stage.record().users, before.users);
    assert!(world.host.read(CLUSTER, &cluster).await.is_ok());
}

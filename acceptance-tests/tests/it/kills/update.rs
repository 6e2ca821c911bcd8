//! Updates of one node that holds data, killed at every step: live configuration, configuration that needs a restart, memory, a
//! user that is set, changed and removed; all at once.

use std::collections::{BTreeMap, VecDeque};

use acceptance_tests::steps::{Point, Steps};
use acceptance_tests::{DEADLINE, Workspace, wait_until};
use redis::TypedCommands;

use super::{Case, Place, all_of, assert_whole, cases, killed, login, most, rehearsed};
use crate::world::{APPLY, cluster, user};

/// The two configurations between which an update goes to and fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Here,
    There,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Here => Self::There,
            Self::There => Self::Here,
        }
    }

    fn configuration(self) -> String {
        const GUEST: &str = "resource \"justmanage_redis_user\" \"guest\" {\n  cluster_id = justmanage_redis_cluster.cache.id\n  \
                             name = \"guest\"\n  acl = \"~guest:* +get\"\n  password_wo = var.app_password\n}\n";
        match self {
            Self::Here => cluster("redis", "7.0", "") + &user("~* +@all", 1),
            Self::There => {
                let config = "  config = { \"maxmemory-policy\" = \"volatile-lfu\", \"io-threads\" = \"2\" }";
                cluster("redis", "7.0", config).replace("64MiB", "96MiB") + &user("~app:* +@all", 2) + GUEST
            }
        }
    }

    /// What the server has to say: policy, threads, memory, and whether there is a guest.
    fn in_force(self) -> (&'static str, &'static str, u64, bool) {
        match self {
            Self::Here => ("noeviction", "1", 64 << 20, false),
            Self::There => ("volatile-lfu", "2", 96 << 20, true),
        }
    }
}

fn made() -> Place<Side> {
    let (workspace, steps) = rehearsed(&Side::Here.configuration());
    workspace.apply().ok();
    let mut client = login(&workspace).connect().expect("connect");
    client.set("app:kept", "yes").expect("write");
    (workspace, steps, Side::Here)
}

/// The server does as it is asked, and has kept its data. The killed apply may have told the agents everything: then the next one
/// finds nothing to change, and they are at work for a moment longer.
fn assert_in_force(workspace: &Workspace, side: Side, case: &str) {
    wait_until(&format!("{case}: the server does as it is asked"), DEADLINE, || {
        said(workspace).is_ok_and(|(kept, policy, threads, memory, guest)| {
            assert_eq!(kept.as_deref(), Some("yes"), "{case}: the data");
            (&*policy, &*threads, memory.parse().unwrap_or(0), guest) == side.in_force()
        })
    });
    assert_whole(workspace, 1, case);
}

/// What the server says: what it keeps, policy, threads, memory, and whether there is a guest.
fn said(workspace: &Workspace) -> redis::RedisResult<(Option<String>, String, String, String, bool)> {
    let mut client = login(workspace).connect()?;
    let kept = client.get("app:kept")?;
    let mut get = |key: &str| -> redis::RedisResult<String> {
        let pair: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(key).query(&mut client)?;
        Ok(pair.into_iter().nth(1).unwrap_or_default())
    };
    let (policy, threads, memory) = (get("maxmemory-policy")?, get("io-threads")?, get("maxmemory")?);
    let users: Vec<String> = redis::cmd("ACL").arg("USERS").query(&mut client)?;
    Ok((kept, policy, threads, memory, users.iter().any(|user| user == "guest")))
}

/// What is passed on the way from one side to the other.
fn passed(workspace: &Workspace, steps: &Steps, to: Side, of_provider: bool) -> Vec<Point> {
    steps.begin();
    workspace.write("main.tf", &to.configuration());
    workspace.apply().ok();
    let mut points = steps.passed(most());
    points.retain(|point| point.is_of_provider() == of_provider);
    points
}

/// The points of both ways, and from which side each is come to. What is passed on both is killed on one of them, by turns.
fn recorded(of_provider: bool) -> (VecDeque<Case>, BTreeMap<Point, Side>) {
    let (workspace, steps, _) = made();
    let mut ways: BTreeMap<Point, Side> = BTreeMap::new();
    let there = passed(&workspace, &steps, Side::There, of_provider);
    let back = passed(&workspace, &steps, Side::Here, of_provider);
    workspace.destroy().ok();
    ways.extend(there.iter().map(|point| (point.clone(), Side::Here)));
    for (number, point) in back.iter().enumerate() {
        if number % 2 == 0 || !ways.contains_key(point) {
            ways.insert(point.clone(), Side::There);
        }
    }
    (cases(ways.keys()), ways)
}

/// Each case is the same update as one that was recorded, killed at its point and applied again.
fn killed_at_every_step(of_provider: bool) {
    let (cases, ways) = recorded(of_provider);
    eprintln!("{} points of an update", cases.len());
    all_of(
        cases,
        made,
        |(workspace, steps, side), case| {
            let from = ways[&case.point];
            if *side != from {
                workspace.write("main.tf", &from.configuration());
                workspace.apply().ok();
            }
            *side = from.other();
            workspace.write("main.tf", &side.configuration());
            let was = killed(workspace, steps, case, APPLY);
            workspace.apply().ok();
            assert_in_force(workspace, *side, &case.to_string());
            was
        },
        |(workspace, _, _)| {
            workspace.destroy().ok();
            workspace.assert_nothing_left();
        },
    );
}

#[test]
fn terraform_and_provider_killed_at_every_step_of_an_update() {
    killed_at_every_step(true);
}

#[test]
fn the_agent_killed_at_every_step_of_an_update() {
    killed_at_every_step(false);
}

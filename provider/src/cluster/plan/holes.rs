//! Known holes of what runs, or would run, and what closes them (docs/decisions/0017-known-holes-and-dist.md).
//!
//! A warning has to be worth its place in every plan from now on: of a cluster that is to be made, everything is said, because now its
//! version can be chosen. Of one that runs, only what something in its line would close; the rest is in `known_vulnerabilities`.

use justmanage_model::{ClusterSpec, Line, Release, ReleaseTarget};
use justmanage_releases::{Cure, Remedy, Vulnerability, catalogue, remedies, vulnerabilities};
use tfkit::{Diagnostic, Path};

/// What is known against what a new cluster would run.
pub(super) fn of_new(spec: &ClusterSpec, release: &Release) -> Option<Diagnostic> {
    let known = vulnerabilities(release);
    let holes = known.certain();
    let end = ended(release);
    if holes.is_empty() && end.is_none() {
        return None;
    }
    if holes.is_empty() {
        return Some(at_version("Line gets no fixes any more", end.unwrap_or_default()));
    }
    let remedies = remedies(release, holes);
    let said = [Some(list(release, holes)), end, cure(release, holes, &remedies), pinned(spec)];
    Some(at_version(summary(spec), said.into_iter().flatten().collect::<Vec<_>>().join("\n\n")))
}

/// What is known against what a cluster runs, if something in its line closes any of it.
pub(super) fn of_running(spec: &ClusterSpec, running: &Release) -> Option<Diagnostic> {
    let known = vulnerabilities(running);
    let holes = known.certain();
    let remedies: Vec<Remedy> = remedies(running, holes).into_iter().filter(Remedy::in_line).collect();
    let cure = cure(running, holes, &remedies)?;
    let patch = remedies.iter().find_map(|remedy| match remedy.what {
        Cure::Patch(version) => Some(format!(
            "Servers go over to it, one at a time, when version = \"{version}\" is applied; to what a newer package brings, at their \
             next restart."
        )),
        Cure::Package(_) | Cure::Line(_) => None,
    });
    let now = patch.unwrap_or_else(|| "Servers take what a newer package brings at their next restart.".to_owned());
    let said = [Some(list(running, holes)), Some(cure), pinned(spec), Some(now)];
    Some(at_version(summary(spec), said.into_iter().flatten().collect::<Vec<_>>().join("\n\n")))
}

fn at_version(summary: &str, detail: String) -> Diagnostic {
    Diagnostic::warning(summary, detail).at(Path::attribute("version"))
}

fn summary(spec: &ClusterSpec) -> &'static str {
    match spec.version {
        ReleaseTarget::Exactly(_) => "Pinned version has known holes",
        ReleaseTarget::LatestPatch(_) => "Server program has known holes",
    }
}

fn list(release: &Release, holes: &[Vulnerability]) -> String {
    let named: Vec<String> = holes.iter().map(ToString::to_string).collect();
    let count = holes.len();
    format!("{release} has {count} known {}: {}.", if count == 1 { "hole" } else { "holes" }, named.join(", "))
}

/// A line whose makers have ended it. Of a package it is its distribution that decides, so nothing is said then.
fn ended(release: &Release) -> Option<String> {
    let (engine, line) = (release.engine, release.version.line());
    let end =
        catalogue::end_of_life(engine, line).filter(|end| *end < catalogue::as_of() && release.package.is_none())?;
    let kept = |line: &Line| catalogue::end_of_life(engine, *line).is_none_or(|end| end >= catalogue::as_of());
    let lines: Vec<String> = catalogue::lines(engine).iter().filter(|line| kept(line)).map(Line::to_string).collect();
    Some(format!("The makers of {engine} {line} ended it on {end}; lines that they keep up are {}.", lines.join(", ")))
}

/// Which program would close the holes, and how one gets it.
fn cure(release: &Release, holes: &[Vulnerability], remedies: &[Remedy]) -> Option<String> {
    let engine = release.engine;
    let each = remedies.iter().map(|Remedy { what, closes }| {
        let of = match closes {
            all if *all == holes.len() => if holes.len() == 1 { "it".to_owned() } else { "all of them".to_owned() },
            some => format!("{some} of them"),
        };
        match what {
            Cure::Package(revision) => {
                format!("The package {revision} closes {of}: apt-get install --only-upgrade {engine}-server.")
            }
            Cure::Patch(version) => {
                format!("{engine} {version} closes {of}: put it on the search path, or into `artifacts` of the provider block.")
            }
            Cure::Line(version) => {
                format!("Nothing in the line {} closes them all; {engine} {version} closes {of}.", release.version.line())
            }
        }
    });
    let said: Vec<String> = each.collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

fn pinned(spec: &ClusterSpec) -> Option<String> {
    match spec.version {
        ReleaseTarget::Exactly(version) => Some(format!(
            "The version is pinned, so nothing ever changes it. Where \"{}\" is written instead, the newest patch of the line that \
             can be had is taken.",
            version.line()
        )),
        ReleaseTarget::LatestPatch(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use justmanage_model::Bytes;
    use justmanage_model::Engine::{self, Redis, Valkey};

    use super::*;

    fn spec(engine: Engine, version: &str) -> ClusterSpec {
        ClusterSpec::new(engine, version.parse().expect("a version"), 3, 1, Bytes::mib(64))
    }

    fn release(engine: Engine, version: &str, package: Option<&str>) -> Release {
        let package = package.map(|package| package.parse().expect("a revision"));
        Release { package, ..Release::new(engine, version.parse().expect("a version")) }
    }

    /// What is asked for, what is at hand, and which words a new cluster's plan has (none: no warning).
    #[test]
    fn of_a_new_cluster_everything_is_said_because_its_version_can_be_chosen() {
        let debian = |revision| Some(format!("5:7.0.15-1~deb12u{revision}"));
        type Case = (Engine, &'static str, &'static str, Option<String>, &'static [&'static str]);
        let cases: &[Case] = &[
            (Redis, "7.2", "7.2.16", None, &[]),
            (Redis, "7.0", "7.0.15", debian(10), &[]),
            // A distribution nobody looked at: nothing is claimed.
            (Redis, "7.0", "7.0.15", Some("7.0.15-4.el9".into()), &[]),
            // A newer patch of the line that is asked for, which is not at hand.
            (Redis, "7.2", "7.2.14", None, &["Server program has", "7.2.16 closes all of them", "`artifacts`"]),
            (Redis, "7.0", "7.0.15", debian(9), &["deb12u10 closes all of them", "--only-upgrade redis-server"]),
            (
                Valkey,
                "8.1",
                "8.1.1",
                Some("8.1.1+dfsg1-3+deb13u1".into()),
                &["deb13u2 closes 2 of them", "8.1.9 closes all"],
            ),
            // Nothing in the line does.
            (
                Redis,
                "7.0",
                "7.0.15",
                None,
                &["ended it on 2024-07-29", "7.2, 7.4, 8.0", "redis 7.2.16 closes 18 of them"],
            ),
            (Redis, "8.0", "8.0.6", None, &["Nothing in the line 8.0", "redis 8.2.9 closes all of them"]),
            (
                Redis,
                "7.2.15",
                "7.2.15",
                None,
                &["Pinned version has", "has 1 known hole:", "closes it:", "\"7.2\" is written"],
            ),
        ];
        for (engine, asked, at_hand, package, words) in cases {
            let said = of_new(&spec(*engine, asked), &release(*engine, at_hand, package.as_deref()));
            let case = format!("{engine} {asked} as {at_hand} {package:?}: {said:#?}");
            assert_eq!(said.is_some(), !words.is_empty(), "{case}");
            let text = said.map(|said| format!("{} {}", said.summary, said.detail)).unwrap_or_default();
            assert!(words.iter().all(|word| text.contains(word)), "{case}");
        }
    }

    #[test]
    fn of_a_running_cluster_only_what_its_line_closes() {
        for (engine, asked, runs, package, warned) in [
            (Redis, "7.2", "7.2.14", None, true),
            (Redis, "7.2.14", "7.2.14", None, true),
            (Redis, "7.0", "7.0.15", Some("5:7.0.15-1~deb12u9"), true),
            (Redis, "7.0", "7.0.15", Some("5:7.0.15-1~deb12u10"), false),
            // Whatever is done in the line, they stay: no plan says it again and again.
            (Redis, "7.0", "7.0.15", None, false),
            (Redis, "7.0.15", "7.0.15", None, false),
            (Redis, "8.0", "8.0.6", None, false),
            (Redis, "7.2", "7.2.16", None, false),
        ] {
            let said = of_running(&spec(engine, asked), &release(engine, runs, package));
            assert_eq!(said.is_some(), warned, "{engine} {asked} {runs} {package:?}: {said:?}");
            if let Some(said) = said {
                assert!(said.detail.contains("CVE-2026-") && said.detail.contains("Servers "), "{}", said.detail);
                assert_eq!(said.path, Path::attribute("version"));
            }
        }
    }
}

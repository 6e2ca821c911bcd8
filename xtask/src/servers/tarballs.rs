//! Packages of Debian or, where its index has moved on, Debian's source of the same release.
//!
//! A suite has one revision of a package at a time. The source of a release stays in Debian's pool as long as any suite has it, which is
//! often longer; nobody else serves releases that are gone from there.

use super::sources::Source;

/// The source of a release, as its authors published it and Debian keeps it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tarball {
    /// `redis` or `valkey`.
    pub(super) engine: &'static str,
    /// As a server that is built of it prints it.
    pub(super) version: &'static str,
    /// Where it is below a mirror of Debian.
    pub(super) path: &'static str,
    /// SHA-256 of the file, as Debian's signed index of sources has said.
    pub(super) sha256: &'static str,
}

/// The releases that can come this way: all that were packaged in the suites from which servers are taken, with TLS. (Redis 7.2 and 7.4
/// were in none of them, nor what comes as a wheel.) Of a line, the first one is built.
pub(super) static TARBALLS: [Tarball; 7] = [
    Tarball {
        engine: "redis",
        version: "7.0.15",
        path: "pool/main/r/redis/redis_7.0.15.orig.tar.gz",
        sha256: "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982",
    },
    Tarball {
        engine: "redis",
        version: "8.0.2",
        path: "pool/main/r/redis/redis_8.0.2.orig.tar.gz",
        sha256: "caf3c0069f06fc84c5153bd2a348b204c578de80490c73857bee01d9b5d7401f",
    },
    Tarball {
        engine: "redis",
        version: "8.0.6",
        path: "pool/main/r/redis/redis_8.0.6.orig.tar.gz",
        sha256: "763bf3005bcbf77c1d8145016a9627e45219665f99cf5a736bc73ec70faf0c8e",
    },
    Tarball {
        engine: "redis",
        version: "8.6.3",
        path: "pool/main/r/redis/redis_8.6.3.orig.tar.gz",
        sha256: "58d0d1eb49a1ea6c2179659707fec171b1e2e2b8d5157ed2ec59d1d66ad5a654",
    },
    Tarball {
        engine: "valkey",
        version: "8.0.1",
        path: "pool/main/v/valkey/valkey_8.0.1+dfsg1.orig.tar.xz",
        sha256: "67f3e4c4925172f448b442b2378079cecad9264a529220f381b09ae7474e9039",
    },
    Tarball {
        engine: "valkey",
        version: "8.1.1",
        path: "pool/main/v/valkey/valkey_8.1.1+dfsg1.orig.tar.xz",
        sha256: "d9bbd82eecb82f359e649a0007ad3dc1b47cc15afa626348ca86b73c4ae2c7ee",
    },
    Tarball {
        engine: "valkey",
        version: "9.1.2",
        path: "pool/main/v/valkey/valkey_9.1.2.orig.tar.gz",
        sha256: "8e8557da7426a51b4e0fb514a65ef6241dc7c85cb408243af389070abf379cec",
    },
];

/// Where a server of Debian is to be taken from: what comes first is tried first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// This revision of its packages.
    Package(String),
    /// Built of its source.
    Build(&'static Tarball),
}

/// The ways to a server, by the revisions that the index of its suite has, newest first.
///
/// A revision of what is wanted, the newest; else its source. A package may be named that cannot be had any more, so its source comes
/// after it. Last, of a suite that moves, a later line: some tests will say that they miss theirs, and the others run.
pub(super) fn ways(source: &Source, indexed: &[String]) -> Vec<Way> {
    let package = |wanted: &dyn Fn(&str) -> bool| {
        indexed.iter().find(|revision| wanted(upstream(revision))).cloned().map(Way::Package)
    };
    let exact = package(&|version| source.is(source.engine, version));
    let later = package(&|version| source.brings(source.engine, version)).filter(|_| exact.is_none());
    let built = TARBALLS.iter().find(|one| source.is(one.engine, one.version)).map(Way::Build);
    exact.into_iter().chain(built).chain(later).collect()
}

/// The version that its authors gave it: `8.0.6` of `5:8.0.6-3+deb13u2`, `8.1.1` of `8.1.1+dfsg1-3`.
fn upstream(revision: &str) -> &str {
    let version = revision.split_once(':').map_or(revision, |(_, version)| version);
    let version = version.rsplit_once('-').map_or(version, |(version, _)| version);
    version.split(['+', '~']).next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::super::sources::{FURTHER, Origin, PATCHES, USUAL};
    use super::*;

    fn of_debian() -> impl Iterator<Item = &'static Source> {
        USUAL.iter().chain(&FURTHER).chain(&PATCHES).filter(|source| matches!(source.origin, Origin::Debian(_)))
    }

    #[test]
    fn upstream_versions() {
        for (revision, version) in [
            ("5:7.0.15-1~deb12u10", "7.0.15"),
            ("8.0.1+dfsg1-1~bpo12+1", "8.0.1"),
            ("9.1.2-1", "9.1.2"),
            ("9.2.0~rc1-1", "9.2.0"),
            ("8.0.6", "8.0.6"),
        ] {
            assert_eq!(upstream(revision), version, "{revision}");
        }
    }

    #[test]
    fn a_package_of_what_is_wanted_then_its_source_then_a_later_line() {
        let ways = |name: &str, indexed: &[&str]| {
            let source = of_debian().find(|source| source.name() == name).unwrap();
            let indexed: Vec<String> = indexed.iter().map(|one| (*one).to_owned()).collect();
            let ways = ways(source, &indexed).into_iter().map(|way| match way {
                Way::Package(revision) => revision,
                Way::Build(tarball) => format!("source of {}", tarball.version),
            });
            ways.collect::<Vec<_>>()
        };
        for (what, name, indexed, expected) in [
            ("the index has it", "redis 8.0.6", &["5:8.0.6-3"][..], &["5:8.0.6-3", "source of 8.0.6"][..]),
            (
                "in a newer revision",
                "redis 8.0.6",
                &["5:8.0.6-4+b1", "5:8.0.6-3"],
                &["5:8.0.6-4+b1", "source of 8.0.6"],
            ),
            ("beside what is newer", "valkey 9.1", &["10.0.0-1", "9.1.3-1"], &["9.1.3-1", "source of 9.1.2"]),
            ("it has moved on", "redis 8.0.6", &["5:8.6.3-1"], &["source of 8.0.6", "5:8.6.3-1"]),
            ("to what is earlier", "valkey 9.1", &["8.1.4+dfsg1-1"], &["source of 9.1.2"]),
            ("nothing moves in a release", "valkey 8.1", &["9.1.2-1"], &["source of 8.1.1"]),
            ("another patch of the line will do", "redis 8.0", &["5:8.0.9-1"], &["5:8.0.9-1", "source of 8.0.2"]),
            ("but not where one is named", "redis 7.0.15", &["5:7.0.16-1"], &["source of 7.0.15"]),
            ("the package is gone", "redis 7.0", &[], &["source of 7.0.15"]),
        ] {
            assert_eq!(ways(name, indexed), expected, "{what}");
        }
    }

    #[test]
    fn all_that_comes_from_debian_can_be_built() {
        for source in of_debian() {
            assert!(ways(source, &[]).iter().any(|way| matches!(way, Way::Build(_))), "{}", source.name());
        }
    }

    #[test]
    fn every_tarball_is_named_by_its_version_and_pinned() {
        for Tarball { engine, version, path, sha256 } in &TARBALLS {
            assert!(path.contains(&format!("/{engine}_{version}")), "{path}");
            assert!(sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}");
        }
    }
}

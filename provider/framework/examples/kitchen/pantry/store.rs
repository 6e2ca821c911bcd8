//! Things as JSON files: `DIRECTORY/KIND-ID.json`.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde_json::Value as Json;
use tfkit::Diagnostic;

/// The client of this provider.
pub(crate) struct Store {
    directory: PathBuf,
    /// Who is responsible.
    pub(crate) owner: String,
}

impl Store {
    /// Opens the directory, which is made when it is missing.
    pub(crate) fn open(directory: PathBuf, owner: String) -> Result<Self, Diagnostic> {
        fs::create_dir_all(&directory).map_err(|error| failed("make the directory", &error))?;
        Ok(Self { directory, owner })
    }

    fn path(&self, kind: &str, id: &str) -> PathBuf {
        self.directory.join(format!("{kind}-{id}.json"))
    }

    /// Writes a thing, which others see whole or not at all.
    pub(crate) fn put(&self, kind: &str, id: &str, thing: &Json) -> Result<(), Diagnostic> {
        let new = self.directory.join(format!(".{kind}-{id}.new"));
        let written = fs::write(&new, thing.to_string()).and_then(|()| fs::rename(&new, self.path(kind, id)));
        written.map_err(|error| failed("write", &error))
    }

    /// Reads a thing; `None` when there is none.
    pub(crate) fn get(&self, kind: &str, id: &str) -> Result<Option<Json>, Diagnostic> {
        match fs::read(self.path(kind, id)) {
            Ok(bytes) => {
                let thing = serde_json::from_slice(&bytes);
                thing.map(Some).map_err(|error| Diagnostic::error("File not readable", error.to_string()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &error)),
        }
    }

    /// Removes a thing; already gone is fine.
    pub(crate) fn remove(&self, kind: &str, id: &str) -> Result<(), Diagnostic> {
        match fs::remove_file(self.path(kind, id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &error)),
            _ => Ok(()),
        }
    }

    /// The ids of all things of a kind.
    pub(crate) fn ids(&self, kind: &str) -> Result<Vec<String>, Diagnostic> {
        let entries = fs::read_dir(&self.directory).map_err(|error| failed("list", &error))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let id = |name: String| Some(name.strip_prefix(kind)?.strip_prefix('-')?.strip_suffix(".json")?.to_owned());
        let mut ids: Vec<String> = names.filter_map(id).collect();
        ids.sort();
        Ok(ids)
    }
}

fn failed(verb: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error("Kitchen not reachable", format!("Could not {verb}: {error}."))
}

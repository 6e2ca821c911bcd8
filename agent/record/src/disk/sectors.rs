//! A disk for tests: it forgets what was not synced, as a power cut does, and it can be full.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use redb::{Builder, Database, StorageBackend};

use super::{CACHE_BYTES, Disk, DiskError, lock};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A disk whose content outlives its users. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sectors {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What was synced.
    kept: Vec<u8>,
    /// What a reader sees.
    seen: Vec<u8>,
    /// Sectors that were written since, by their number.
    loose: BTreeSet<usize>,
    /// Operations are counted, and the power fails at this one.
    operations: u64,
    cut_at: Option<u64>,
    full: bool,
}

impl Sectors {
    /// From now on there is no room, or there is again.
    pub(crate) fn full(&self, full: bool) {
        lock(&self.state).full = full;
    }

    /// The power fails at this operation from now: nothing works from then on.
    pub(crate) fn cut_in(&self, operations: u64) {
        let mut state = lock(&self.state);
        state.cut_at = Some(state.operations + operations);
    }

    /// The power is back: there is everything that was synced, and of what was written since, the sectors that `survives` says.
    pub(crate) fn after_cut(&self, mut survives: impl FnMut() -> bool) {
        let mut state = lock(&self.state);
        let mut content = std::mem::take(&mut state.kept);
        if survives() && state.seen.len() > content.len() {
            content.resize(state.seen.len(), 0);
        }
        for sector in std::mem::take(&mut state.loose).into_iter().filter(|_| survives()) {
            let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(content.len()).min(state.seen.len()));
            if start < end {
                let written = state.seen[start..end].to_vec();
                content[start..end].copy_from_slice(&written);
            }
        }
        *state = State { kept: content.clone(), seen: content, ..State::default() };
    }

    /// A [`Disk`] on it; the marker is a file as ever.
    pub(crate) fn disk(&self, home: &Path) -> Disk {
        let sectors = self.clone();
        let opener = move |_: &Path| sectors.database();
        Disk::with(&home.join("record"), home.join("voted"), Box::new(opener)).expect("a directory")
    }

    fn database(&self) -> Result<Database, DiskError> {
        Ok(Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(self.clone())?)
    }

    fn operate<T>(&self, operate: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = lock(&self.state);
        state.operations += 1;
        if state.cut_at.is_some_and(|cut| state.operations >= cut) {
            return Err(io::Error::other("the power is off"));
        }
        operate(&mut state)
    }
}

impl StorageBackend for Sectors {
    fn len(&self) -> io::Result<u64> {
        self.operate(|state| Ok(state.seen.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.operate(|state| {
            let start = offset as usize;
            let there = state.seen.get(start..start + out.len());
            out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.operate(|state| {
            if state.full && len as usize > state.seen.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.seen.resize(len as usize, 0);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(|state| {
            let State { kept, seen, loose, .. } = state;
            kept.resize(seen.len(), 0);
            for sector in std::mem::take(loose) {
                let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(seen.len()));
                if start < end {
                    kept[start..end].copy_from_slice(&seen[start..end]);
                }
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.operate(|state| {
            if state.full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let start = offset as usize;
            state.seen[start..start + data.len()].copy_from_slice(data);
            state.loose.extend(start / SECTOR..(start + data.len()).div_ceil(SECTOR));
            Ok(())
        })
    }
}

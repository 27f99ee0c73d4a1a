//! Which artefacts a run has: the finished ones with digests, and those that began and are not finished. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{FileEntry, ReportError};

/// Shared between a run directory and its writers.
#[derive(Debug, Default)]
pub(crate) struct Listing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    finished: BTreeMap<String, FileEntry>,
    unfinished: BTreeSet<String>,
}

impl Listing {
    /// Starts from artefacts that exist already.
    pub(crate) fn of(entries: Vec<FileEntry>) -> Self {
        let finished = entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        Self(Mutex::new(State { finished, unfinished: BTreeSet::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An artefact begins. Until it is finished, so is not the run.
    pub(crate) fn begin(&self, path: &str) {
        self.state().unfinished.insert(path.to_owned());
    }

    /// An artefact is in place.
    pub(crate) fn finished(&self, entry: FileEntry) {
        let mut state = self.state();
        state.unfinished.remove(&entry.path);
        state.finished.insert(entry.path.clone(), entry);
    }

    /// Takes the finished artefacts under `directory/` off the list.
    pub(crate) fn take_under(&self, directory: &str) -> Vec<FileEntry> {
        let inside = |path: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        let mut state = self.state();
        let (taken, kept) =
            std::mem::take(&mut state.finished).into_iter().partition(|(path, _)| inside(path));
        state.finished = kept;
        let taken: BTreeMap<String, FileEntry> = taken;
        taken.into_values().collect()
    }

    /// The finished artefacts, by path.
    pub(crate) fn entries(&self) -> Vec<FileEntry> {
        self.state().finished.values().cloned().collect()
    }

    /// The finished artefacts, if nothing that began is open.
    pub(crate) fn close(&self) -> Result<Vec<FileEntry>, ReportError> {
        let unfinished: Vec<String> = self.state().unfinished.iter().cloned().collect();
        if !unfinished.is_empty() {
            return Err(ReportError::Unclosed { names: unfinished.join(", ") });
        }
        Ok(self.entries())
    }
}

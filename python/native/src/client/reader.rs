//! One opened store, shared by everything that is read from it.

use std::mem;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pave_metadata::{Metadata, MetadataError};
use pyo3::prelude::*;

use super::error;
use super::logs::LogCache;

/// A store's folder, its metadata, and what was last read of its logs.
pub(super) struct Reader {
    folder: PathBuf,
    link: Mutex<Link>,
    pub(super) logs: LogCache,
}

/// A connection belongs to the process that opened it: SQLite's must not be used, nor even closed,
/// on the other side of a fork.
struct Link {
    pid: u32,
    metadata: Option<Arc<dyn Metadata>>,
}

impl Reader {
    /// Opens the store in `folder`.
    pub(super) fn open(folder: &Path) -> Result<Self, MetadataError> {
        let metadata = connect(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            link: Mutex::new(Link {
                pid: process::id(),
                metadata: Some(metadata),
            }),
            logs: LogCache::default(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asks the metadata store, with the interpreter released.
    pub(super) fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&dyn Metadata) -> Result<T, MetadataError> + Send,
    ) -> PyResult<T> {
        let metadata = self
            .metadata()
            .map_err(|cause| error::metadata(py, &cause))?;
        py.detach(|| question(metadata.as_ref()))
            .map_err(|cause| error::metadata(py, &cause))
    }

    /// This process's connection. The lock is only ever held while the interpreter is, so no other
    /// thread can hold it when Python forks.
    fn metadata(&self) -> Result<Arc<dyn Metadata>, MetadataError> {
        let mut link = self.lock();
        if link.pid != process::id() {
            let ours = connect(&self.folder)?;
            mem::forget(link.metadata.replace(Arc::clone(&ours)));
            link.pid = process::id();
            return Ok(ours);
        }
        Ok(Arc::clone(
            link.metadata.as_ref().expect("only drop takes it"),
        ))
    }

    fn lock(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut link = self.lock();
        if link.pid != process::id() {
            mem::forget(link.metadata.take());
        }
    }
}

fn connect(folder: &Path) -> Result<Arc<dyn Metadata>, MetadataError> {
    Ok(Arc::from(pave_metadata::open_existing(folder)?))
}

//! A store in one SQLite file, `metadata.db`.
//!
//! Several processes of one machine may use it at once: one writes at a time, for microseconds, and
//! readers see the last commit without waiting. `migrations/sqlite` holds the tables.

mod codes;
mod commit;
mod fault;
mod open;
#[cfg(test)]
mod plans;
mod runs;
mod tags;
mod tasks;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pave_model::{FlowName, RunId, RunNumber, StepName, TaskNumber, TaskState};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::fault::{Fault, read_only_reason, reason};
use self::open::{Access, MIGRATIONS, Opened};
use crate::error::Reason;
use crate::{
    AttemptRecord, Commit, ManifestRecord, Metadata, MetadataError, NewRun, Owner, RunFilter,
    RunRecord, TaskFilter, TaskRecord,
};

/// Most connections kept for reading; more readers at once open their own.
const READERS: usize = 4;

/// A metadata store in an SQLite file.
///
/// Not to be carried over a fork: the child opens its own.
#[derive(Debug)]
pub struct SqliteMetadata {
    path: PathBuf,
    access: Access,
    /// Kept connections, the one used last at the end.
    readers: Mutex<Vec<Connection>>,
    /// Opened by the first write: who only reads has one connection.
    writer: Mutex<Option<Connection>>,
}

impl SqliteMetadata {
    /// Opens `metadata.db` in a folder; creates both if absent.
    ///
    /// In a folder that can't be written it opens for reading, and refuses every change.
    /// # Errors
    /// [`MetadataError::Newer`], with nothing touched; [`MetadataError::Open`], also for a file that
    /// is damaged, no database, or another program's.
    pub fn open(store_folder: &Path) -> Result<Self, MetadataError> {
        std::fs::create_dir_all(store_folder).map_err(|cause| MetadataError::Open {
            place: store_folder.display().to_string(),
            cause: Box::new(cause),
        })?;
        Self::at(store_folder, true)
    }

    /// Opens `metadata.db` in a folder that has one: creates nothing.
    ///
    /// # Errors
    /// As [`SqliteMetadata::open`].
    pub fn open_existing(store_folder: &Path) -> Result<Self, MetadataError> {
        Self::at(store_folder, false)
    }

    fn at(folder: &Path, create: bool) -> Result<Self, MetadataError> {
        let path = folder.join("metadata.db");
        let Opened { connection, access } = open::open(&path, create, MIGRATIONS)?;
        let readers = match access {
            Access::Write => vec![connection],
            Access::Read => Vec::new(),
        };
        Ok(Self {
            path,
            access,
            readers: Mutex::new(readers),
            writer: Mutex::new(None),
        })
    }

    /// Reads one moment of the store.
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, MetadataError> {
        self.try_read(read).map_err(|error| MetadataError::Read {
            place: self.place(),
            cause: Box::new(reason(error)),
        })
    }

    fn try_read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let kept = lock(&self.readers).pop();
        let connection = match (kept, self.access) {
            (Some(kept), _) => kept,
            (None, Access::Write) => open::connect(&self.path)?,
            (None, Access::Read) => open::read_only(&self.path)?,
        };
        let moment = connection.unchecked_transaction()?;
        let result = read(&moment)?;
        moment.finish()?;
        let mut readers = lock(&self.readers);
        if self.access == Access::Write && readers.len() < READERS {
            readers.push(connection);
        }
        Ok(result)
    }

    /// Changes the store, whole or not at all.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, MetadataError> {
        self.with_writer(|writer| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    fn with_writer<T>(
        &self,
        act: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, MetadataError> {
        if self.access == Access::Read {
            return Err(self.not_written(read_only_reason()));
        }
        let mut writer = lock(&self.writer);
        let done = match &mut *writer {
            Some(writer) => act(writer),
            None => open::connect(&self.path)
                .map_err(Fault::from)
                .and_then(|opened| act(writer.insert(opened))),
        };
        done.map_err(|fault| match fault {
            Fault::Database(error) => self.not_written(reason(error)),
            Fault::Commit(reason) => self.not_written(reason),
            Fault::Rule(error) => error,
        })
    }

    fn not_written(&self, reason: Reason) -> MetadataError {
        MetadataError::Write {
            place: self.place(),
            cause: Box::new(reason),
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Puts the log itself on the disk: what remains where a reader of an older moment, or another
    /// process at the same work, keeps it from being copied into the database whole.
    fn sync_log(&self) -> std::io::Result<()> {
        let log = PathBuf::from(format!("{}-wal", self.path.display()));
        match File::open(log) {
            Ok(log) => log.sync_all()?,
            // Another process has copied it whole and removed it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        self.path
            .parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

impl Metadata for SqliteMetadata {
    fn create_run(&self, run: &NewRun) -> Result<RunRecord, MetadataError> {
        self.write(|change| runs::create(change, run))
    }

    fn commit(&self, run: RunId, commit: &Commit) -> Result<Vec<i64>, MetadataError> {
        self.write(|change| commit::apply(change, run, commit))
    }

    fn take_over(&self, run: RunId, owner: &Owner) -> Result<u64, MetadataError> {
        self.write(|change| runs::take_over(change, run, owner))
    }

    fn sync(&self) -> Result<(), MetadataError> {
        if self.access == Access::Read {
            return Ok(());
        }
        let whole = self.with_writer(|writer| {
            let sql = "PRAGMA wal_checkpoint(PASSIVE)";
            Ok(writer.query_one(sql, [], |row| {
                let (busy, pages, copied): (i64, i64, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(busy == 0 && pages == copied)
            })?)
        })?;
        if whole {
            return Ok(());
        }
        self.sync_log().map_err(|cause| MetadataError::Write {
            place: self.place(),
            cause: Box::new(cause),
        })
    }

    fn events(&self, run: RunId, from: u64) -> Result<Vec<(u64, Vec<u8>)>, MetadataError> {
        self.read(|moment| tasks::events(moment, run, from))
    }

    fn list_flows(&self, tags: &[String]) -> Result<Vec<FlowName>, MetadataError> {
        self.read(|moment| runs::list_flows(moment, tags))
    }

    fn list_runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, MetadataError> {
        self.read(|moment| runs::list(moment, filter))
    }

    fn find_run(
        &self,
        flow: &FlowName,
        number: RunNumber,
    ) -> Result<Option<RunRecord>, MetadataError> {
        self.read(|moment| runs::find(moment, flow, number))
    }

    fn list_steps(&self, run: RunId) -> Result<Vec<StepName>, MetadataError> {
        self.read(|moment| tasks::list_steps(moment, run))
    }

    fn list_tasks(
        &self,
        run: RunId,
        filter: &TaskFilter,
    ) -> Result<Vec<TaskRecord>, MetadataError> {
        self.read(|moment| tasks::list(moment, run, filter))
    }

    fn find_task(&self, run: RunId, task: TaskNumber) -> Result<Option<TaskRecord>, MetadataError> {
        self.read(|moment| tasks::find(moment, run, task))
    }

    fn list_attempts(
        &self,
        run: RunId,
        task: Option<TaskNumber>,
    ) -> Result<Vec<AttemptRecord>, MetadataError> {
        self.read(|moment| tasks::list_attempts(moment, run, task))
    }

    fn count_tasks(&self, run: RunId) -> Result<Vec<(StepName, TaskState, u64)>, MetadataError> {
        self.read(|moment| tasks::count(moment, run))
    }

    fn manifests(&self, ids: &[i64]) -> Result<Vec<ManifestRecord>, MetadataError> {
        self.read(|moment| tasks::manifests(moment, ids))
    }

    fn change_tags(
        &self,
        run: RunId,
        add: &[String],
        remove: &[String],
    ) -> Result<Vec<String>, MetadataError> {
        self.write(|change| tags::change(change, run, add, remove))
    }
}

/// A panic elsewhere leaves a connection whole: its transaction was rolled back on the way out.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What is known of flows, runs, tasks and attempts: a trait, and its implementations.
//!
//! Owns: the records, the [`Metadata`] trait, memory and SQLite behind it, the conformance suite.
//! Must not: know the scheduler (events are bytes here), the artifact encodings or user code.
//! Start reading at: `records.rs`, `store.rs`, then `sqlite/mod.rs`.
//! Tested by: `conformance`, run against every implementation; `tests/` with real processes that
//! are killed, crowd one another and run out of disk.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod keys;
mod memory;
mod owner;
mod records;
mod sqlite;
mod store;
mod tags;

use std::path::Path;

pub use error::MetadataError;
pub use memory::MemoryMetadata;
pub use records::{
    AttemptRecord, Commit, ManifestRecord, NewRun, Owner, RunChange, RunFilter, RunRecord,
    TaskFilter, TaskRecord,
};
pub use sqlite::SqliteMetadata;
pub use store::Metadata;

/// Opens the metadata of a store folder; creates both if absent.
///
/// A store on a read-only disk opens too: it reads, and refuses every change.
/// # Errors
/// [`MetadataError::Newer`], [`MetadataError::Open`].
pub fn open(store_folder: &Path) -> Result<Box<dyn Metadata>, MetadataError> {
    Ok(Box::new(SqliteMetadata::open(store_folder)?))
}

/// Opens the metadata of a store folder that must be there: creates nothing.
///
/// # Errors
/// [`MetadataError::Newer`], [`MetadataError::Open`].
pub fn open_existing(store_folder: &Path) -> Result<Box<dyn Metadata>, MetadataError> {
    Ok(Box::new(SqliteMetadata::open_existing(store_folder)?))
}

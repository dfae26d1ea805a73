//! What is known of flows, runs, tasks and attempts: a trait, and its implementations.
//!
//! Owns: the records, the [`Metadata`] trait, memory and SQLite behind it, the conformance suite.
//! Must not: know the scheduler (events are bytes here), the artifact encodings or user code.
//! Start reading at: `records.rs`, `store.rs`.
//! Tested by: `conformance.rs`, run against every implementation.

mod records;
mod store;

pub use records::{
    AttemptRecord, Commit, ManifestRecord, NewRun, Owner, RunChange, RunFilter, RunRecord,
    TaskFilter, TaskRecord,
};
pub use store::{Metadata, MetadataError};

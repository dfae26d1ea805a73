//! The loop that moves a run forward: wait, step, store, perform.
//!
//! Owns: the order of those four; time; the translation between the scheduler's events, the
//! metadata store's records and the workers' messages; where a store lies.
//! Must not: hold a rule that could sit in the scheduler; print.
//! Start reading at: `driver.rs`.
//! Tested by: `tests/`, with a real store and real processes, and end to end by `cli/tests`.

mod begin;
mod clock;
mod crash;
mod driver;
mod error;
mod judge;
mod launch;
mod lines;
mod manifests;
mod origin;
mod place;
mod prepare;
mod records;
mod report;
mod signals;
mod store;
mod turn;

pub use clock::now;
pub use driver::{Driver, RunRequest};
pub use error::RuntimeError;
pub use manifests::effective_manifest;
pub use origin::ResumeFrom;
pub use place::{place_from_text, place_to_text};
pub use prepare::{FlowDocument, Limits, PARAMETERS_STEP};
pub use report::{FailedTask, Notice, Observer, RunReport, TaskName};
pub use signals::Signals;
pub use store::{StoreLocation, find_store, user_name};

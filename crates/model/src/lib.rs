//! The nouns every room shares: ids, path names, states and error codes.
//!
//! Owns: newtypes for ids, `Pathspec`, the state enums, `Code`.
//! Must not: do IO, read a clock, draw randomness; hold a type that only one crate needs.
//! Start reading at: `ids.rs`, then `state.rs`.
//! Tested by: unit tests beside each module.

mod code;
mod ids;
mod pathspec;
mod state;

pub use code::Code;
pub use ids::{AttemptNumber, FlowName, Millis, RunId, RunNumber, StepName, TaskNumber};
pub use pathspec::{Pathspec, PathspecError};
pub use state::{AttemptState, RunState, TaskState};

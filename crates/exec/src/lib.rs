//! Runs attempts in processes and tells how they ended.
//!
//! Owns: the [`Executor`] trait; warm and fresh local worker processes, their sockets, pipes,
//! process groups and deaths.
//! Must not: decide retries, know the metadata store, or interpret what a task reports.
//! Start reading at: `executor.rs`, then `local.rs`.
//! Tested by: `tests/`, against workers written for the purpose, and end to end by `cli/tests`.

mod capacity;
mod executor;
mod guard;
mod interpreter;
mod link;
mod local;
mod process;
mod task;
mod worker;

pub use capacity::Capacity;
pub use executor::{
    End, ExecError, ExecEvent, Executor, FOUND_WORKER, ForkMode, FoundWorker, Output, Session,
    WorkerSpec,
};
pub use guard::run_guard;
pub use interpreter::find_python;
pub use local::LocalExecutor;

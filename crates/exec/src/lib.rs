//! Runs attempts in processes and tells how they ended.
//!
//! Owns: the [`Executor`] trait; warm and fresh local worker processes, their sockets, pipes,
//! process groups and deaths.
//! Must not: decide retries, know the metadata store, or interpret what a task reports.
//! Start reading at: `executor.rs`, then `local.rs`.
//! Tested by: `tests/exec`, against a worker written for the purpose (`tests/worker`), and end to
//! end by `python/tests/cli`.
//!
//! # What dies when
//!
//! Each task leads a process group. Whatever it starts is in that group, daemons that forked twice
//! included, and the group is killed
//!
//! - when the task's process ends, by whoever waits for it, before its number is free again;
//! - when the attempt is stopped, and when the executor is shut down or dropped;
//! - when the runtime dies, however it does: on Linux the kernel kills workers, and with them
//!   their tasks, and the guard the groups that are left. A task runs nothing of the user's before
//!   the guard knows its group.
//!
//! Only a process that leaves its group on purpose (`setsid`) escapes all that. It is meant to:
//! it is how a step starts something that outlives it. Nobody reads what it prints.
//!
//! While the flow file is imported, Ctrl-C keeps its ordinary meaning: it ends the runtime, and
//! with it, as above, the worker. A program that counts signals instead of dying of them names
//! what tells of them with [`LocalExecutor::interrupt_by`].
//!
//! # One thread
//!
//! On Linux a process is killed when the thread that started it ends. All processes are started by
//! the thread that calls [`Executor::launch`] and [`Executor::wait`]; [`LocalExecutor`] can't leave
//! the thread that made it.

mod capacity;
mod command;
mod executor;
mod guard;
mod interpreter;
mod link;
mod local;
mod process;
mod task;
mod watch;
mod worker;

pub use capacity::Capacity;
pub use executor::{
    End, ExecError, ExecEvent, Executor, FOUND_WORKER, ForkMode, FoundWorker, Output, Session,
    WorkerSpec,
};
pub use guard::run_guard;
pub use interpreter::find_python;
pub use local::LocalExecutor;

//! The executor among real processes: a worker that does as its script says, and everything that
//! can become of it.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers panic as tests do, and children report to their parent"
)]

mod groups;
mod interpreter;
mod limits;
mod outcomes;
mod output;
mod processes;
mod stage;
mod stopping;
mod workers;

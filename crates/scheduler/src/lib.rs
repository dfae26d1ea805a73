//! The run as a pure state machine: inputs in, events and effects out.
//!
//! Owns: when which task is tried, retried, caught, cloned; how a run ends; admission by
//! resources; recovery from events.
//! Must not: be async, read a clock, draw randomness, do IO. Time and answers arrive as arguments.
//! Start reading at: `message.rs` (the edge), then `scheduler.rs` (the machine, as a table).
//! Tested by: `testdata/` tables, property tests, and the seeded simulation in `testkit`.
//!
//! | file | holds |
//! |---|---|
//! | `message.rs` | inputs, events, effects |
//! | `scheduler.rs` | what each input comes to |
//! | `apply.rs` | what each event changes |
//! | `recover.rs` | going on after a crash |
//! | `tree.rs`, `joins.rs`, `tally.rs` | task numbers, places, joins, a byte of state per task |
//! | `queue.rs`, `resources.rs` | who is launched next |
//! | `attempts.rs` | retries, fallbacks, losses |
//! | `resume.rs` | what is cloned |
//! | `verdict.rs` | whether a task may lead where it says |
//! | `view.rs` | what can be asked |

mod apply;
mod attempts;
mod joins;
mod message;
mod plan;
mod queue;
mod recover;
mod resources;
mod resume;
mod scheduler;
mod tally;
mod tree;
mod verdict;
mod view;

pub use apply::Unfit;
pub use message::{
    AfterFailure, Effect, Event, Frame, Input, LostReason, Options, Origin, OriginTask, Outcome,
    Place, Refused, StopReason, Timer, Verdict,
};
pub use recover::RecoverError;
pub use scheduler::Scheduler;
pub use tally::Counts;
pub use view::{Snapshot, TooLarge, UnderWay};

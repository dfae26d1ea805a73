//! The run as a pure state machine: inputs in, events and effects out.
//!
//! Owns: when which task is tried, retried, caught, cloned; how a run ends; admission by
//! resources; recovery from events.
//! Must not: be async, read a clock, draw randomness, do IO. Time and answers arrive as arguments.
//! Start reading at: `message.rs` (the edge), then `scheduler.rs`.
//! Tested by: `testdata/` tables, property tests, and the seeded simulation in `testkit`.

mod message;

pub use message::{
    AfterFailure, Effect, Event, Frame, Input, LostReason, Options, Origin, OriginTask, Outcome,
    Place, StopReason, Timer, Verdict,
};

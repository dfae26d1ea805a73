//! What the runtime and its workers say to each other.
//!
//! Owns: the messages, their version, their framing (length-prefixed MessagePack).
//! Must not: open sockets, start processes, decide anything.
//! Start reading at: `message.rs`.
//! Tested by: round trips and broken frames in `frame.rs`.

mod frame;
mod message;

pub use frame::{FrameError, Frames, encode};
pub use message::{
    Description, Failure, FailureKind, Finished, ForeachFrame, FromTask, FromWorker, Input,
    ItemRef, Outcome, PROTOCOL_VERSION, Taken, TaskSpec, ToTask, ToWorker,
};

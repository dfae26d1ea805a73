//! The flow graph, parameters and decorators as data, and their validation.
//!
//! Owns: `FlowSpec` (what an SDK says of a flow), `Graph` (a flow that holds together),
//! `Finding` (what is wrong with one, all at once), values of parameters read from text,
//! a flow in words and as a drawing.
//! Must not: know that runs exist; do IO; know Python or R (hints alone spell code, Python's).
//! Start reading at: `spec.rs` (in), `graph.rs` (out), `validate/mod.rs` (between).
//! Tested by: text files in `testdata/` (flows with their findings or graphs, `tests/cases.rs`),
//! property tests in `tests/properties.rs`.

mod draw;
mod exact;
mod finding;
mod graph;
mod nearest;
mod parameter;
mod show;
mod spec;
mod validate;

pub use finding::Finding;
pub use graph::{Graph, Resources, Retry, Step, StepIndex, Transition};
pub use parameter::ParameterError;
pub use spec::{Case, Decorator, FlowSpec, Parameter, ParameterType, StepSpec, Tail, Target};
pub use validate::{MAX_STEPS, validate};

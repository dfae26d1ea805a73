//! The flow graph, parameters and decorators as data, and their validation.
//!
//! Owns: `FlowSpec` (what an SDK says of a flow), `Graph` (a flow that holds together),
//! `Finding` (what is wrong with one, all at once).
//! Must not: know that runs exist; do IO; know Python or R.
//! Start reading at: `spec.rs` (in), `graph.rs` (out), `validate.rs` (between).
//! Tested by: text files in `testdata/`, one flow and its findings each.

mod graph;
mod spec;
mod validate;

pub use graph::{Graph, Resources, Retry, Step, StepIndex, Transition};
pub use spec::{Case, Decorator, FlowSpec, Parameter, ParameterType, StepSpec, Tail, Target};
pub use validate::{Finding, validate};

//! The runtime with a real store and an executor that answers from a script.

mod fake;
mod lifecycle;
mod resume;
mod store;

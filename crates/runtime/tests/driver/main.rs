//! The runtime with a real store and an executor that answers from a script.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helper fails its test by panicking"
)]

mod fake;
mod lifecycle;
mod resume;
mod store;

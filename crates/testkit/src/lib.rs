//! What tests are made of.
//!
//! Owns: graphs by hand, a clock that stands still, seeded randomness, a fake executor, the
//! simulation of whole runs.
//! Must not: be a normal dependency of anything; read a clock or draw real randomness.
//! Start reading at: `build.rs`, then `simulation/mod.rs`.
//! Tested by: unit tests beside each module, `tests/simulation.rs`.

mod build;
mod clock;
mod random;
pub mod simulation;
pub mod text;

pub use build::GraphBuilder;
pub use clock::Clock;
pub use random::Random;

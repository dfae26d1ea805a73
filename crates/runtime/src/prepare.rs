//! What a run is started with.

use pave_graph::{FlowSpec, Graph};
use serde::{Deserialize, Serialize};

/// The step name under which a run's parameters and constants are kept.
pub const PARAMETERS_STEP: &str = "_parameters";

/// A flow as it is stored with each of its runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowDocument {
    /// As the SDK described it.
    pub flow: FlowSpec,
    /// As it was judged.
    pub graph: Graph,
}

/// Limits of a run that people may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most attempts under way at once.
    pub max_workers: usize,
    /// Most children of one foreach.
    pub max_num_splits: u64,
    /// Most bytes kept of each stream of an attempt.
    pub max_log_bytes: u64,
    /// How long running tasks are given when the run fails or is interrupted.
    pub grace_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_workers: 16,
            max_num_splits: 100,
            max_log_bytes: 10 << 20,
            grace_ms: 5_000,
        }
    }
}

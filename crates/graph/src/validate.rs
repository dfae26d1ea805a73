//! Judges a [`FlowSpec`]: a [`Graph`], or everything that is wrong with it.

use pave_model::Code;
use serde::Serialize;

use crate::{FlowSpec, Graph};

/// One thing that is wrong with a flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if the file as a whole is meant.
    pub line: u32,
    /// The source line, stripped; may be empty.
    pub source: String,
    /// What is wrong, naming the step.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Judges a flow.
///
/// # Errors
/// All findings, in the order of the source.
pub fn validate(_flow: &FlowSpec) -> Result<Graph, Vec<Finding>> {
    Ok(Graph::default())
}

//! Why a run can't go on for reasons of our own.

use pave_exec::ExecError;
use pave_logs::LogError;
use pave_metadata::MetadataError;
use pave_model::Code;

/// Why the runtime gave up. The run is left as it was last committed.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The metadata store refused.
    #[error("the metadata store refused")]
    Metadata(#[from] MetadataError),
    /// The log can't be written.
    #[error("the run's log cannot be written")]
    Log(#[from] LogError),
    /// The executor can't go on.
    #[error("no task can be run")]
    Exec(#[from] ExecError),
    /// A stored manifest can't be read.
    #[error("the stored manifest of task {task} cannot be read: {reason}")]
    Manifest {
        /// Whose.
        task: String,
        /// Why.
        reason: String,
    },
    /// A step asks for more than the machine has.
    #[error("{message}")]
    TooLarge {
        /// Which step, what it asks for, what there is.
        message: String,
    },
    /// The run to resume doesn't exist or doesn't fit the flow.
    #[error("{message}")]
    Resume {
        /// Which code.
        code: Code,
        /// What is wrong.
        message: String,
    },
}

impl RuntimeError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Metadata(error) => error.code(),
            Self::Log(error) => error.code(),
            Self::Exec(error) => error.code(),
            Self::Manifest { .. } => Code::A004,
            Self::TooLarge { .. } => Code::R003,
            Self::Resume { code, .. } => *code,
        }
    }
}

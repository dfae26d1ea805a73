//! Why a metadata store refused, and what to do about it.

use std::error::Error;

use pave_model::{Code, RunId};

/// The cause of a [`MetadataError`], boxed so that no store's own error type shows.
type Cause = Box<dyn Error + Send + Sync>;

/// Why a metadata store refused.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The store's schema is newer than this program.
    #[error(
        "the store at {place} was written by a newer version of Pave (schema {found}, this one knows up to {known})"
    )]
    Newer {
        /// Where.
        place: String,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It can't be opened.
    #[error("the store at {place} cannot be opened")]
    Open {
        /// Where.
        place: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// It can't be written: full disk, read-only folder, lost connection. Nothing was written.
    #[error("writing to the store at {place} failed, nothing was written")]
    Write {
        /// Where.
        place: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// It can't be read.
    #[error("reading from the store at {place} failed")]
    Read {
        /// Where.
        place: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The thing doesn't exist.
    #[error("{what} does not exist")]
    NotFound {
        /// Named as people name it.
        what: String,
    },
    /// Another runtime has taken the run over, or the events don't follow on those stored.
    #[error(
        "the run with key {run} was moved on by another runtime: it has token {stored} and {events} events, this commit has token {ours} and begins with event {first_event}"
    )]
    Fenced {
        /// The run's key.
        run: RunId,
        /// The stored token.
        stored: u64,
        /// The writer's.
        ours: u64,
        /// How many events are stored.
        events: u64,
        /// The number of the first event that the writer brought.
        first_event: u64,
    },
    /// A tag that can't be.
    #[error("invalid tag: {0}")]
    Tag(String),
}

impl MetadataError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Newer { .. } => Code::M001,
            Self::Open { .. } => Code::M002,
            Self::Write { .. } => Code::M003,
            Self::Read { .. } => Code::M006,
            Self::NotFound { .. } => Code::M004,
            Self::Fenced { .. } => Code::M005,
            Self::Tag(_) => Code::C002,
        }
    }

    /// What to do next, in one sentence for people; `None` where the error says it all.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Newer { .. } => {
                Some("Upgrade Pave with `pip install --upgrade pave-ml`, or use another store.")
            }
            Self::Open { cause, .. } | Self::Write { cause, .. } | Self::Read { cause, .. } => {
                cause.downcast_ref::<Reason>()?.hint
            }
            Self::Fenced { .. } => {
                Some("Leave the run to the process that drives it; `pave runs` shows which.")
            }
            Self::NotFound { .. } | Self::Tag(_) => None,
        }
    }
}

/// A cause in words for people, with what to do about it, above what the database said.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct Reason {
    pub(crate) sentence: String,
    pub(crate) hint: Option<&'static str>,
    #[source]
    pub(crate) source: Option<Cause>,
}

impl Reason {
    /// A reason that nothing lies beneath.
    pub(crate) fn new(sentence: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self {
            sentence: sentence.into(),
            hint,
            source: None,
        }
    }
}

/// The store has no run with this key.
pub(crate) fn no_such_run(run: RunId) -> MetadataError {
    MetadataError::NotFound {
        what: format!("the run with key {run}"),
    }
}

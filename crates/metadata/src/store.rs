//! The port: what every metadata store must do.

use pave_model::{Code, FlowName, RunId, RunNumber, TaskNumber};

use crate::{
    AttemptRecord, Commit, ManifestRecord, NewRun, Owner, RunFilter, RunRecord, TaskFilter,
    TaskRecord,
};

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
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It can't be written: full disk, read-only folder, lost connection. Nothing was written.
    #[error("writing to the store at {place} failed, nothing was written")]
    Write {
        /// Where.
        place: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It can't be read.
    #[error("reading from the store at {place} failed")]
    Read {
        /// Where.
        place: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The thing doesn't exist.
    #[error("{what} does not exist")]
    NotFound {
        /// Named as people name it.
        what: String,
    },
    /// Another runtime has taken the run over, or the events don't follow on those stored.
    #[error("run {run} belongs to another runtime now (token {stored}, ours {ours})")]
    Fenced {
        /// The run's key.
        run: RunId,
        /// The stored token.
        stored: u64,
        /// The writer's.
        ours: u64,
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
}

/// A metadata store. Blocking; safe to use from several threads, and from several processes of the
/// machine at once. Lists never issue a query per element.
pub trait Metadata: Send + Sync {
    /// Creates a run, numbered one above the flow's last, in state `Running`, with event sequence 0.
    ///
    /// # Errors
    /// [`MetadataError::Write`], [`MetadataError::Tag`].
    fn create_run(&self, run: &NewRun) -> Result<RunRecord, MetadataError>;

    /// Applies a commit, whole or not at all.
    ///
    /// Returns the keys given to `commit.manifests`, in order.
    /// # Errors
    /// [`MetadataError::Fenced`] if the token is not the newest or `first_event` doesn't follow on;
    /// [`MetadataError::Write`].
    fn commit(&self, run: RunId, commit: &Commit) -> Result<Vec<i64>, MetadataError>;

    /// Takes a run over: stores the new owner with the next token, which it returns.
    ///
    /// # Errors
    /// [`MetadataError::NotFound`], [`MetadataError::Write`].
    fn take_over(&self, run: RunId, owner: &Owner) -> Result<u64, MetadataError>;

    /// All events of a run from sequence number `from` (the first is 1), each with its number.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn events(&self, run: RunId, from: u64) -> Result<Vec<(u64, Vec<u8>)>, MetadataError>;

    /// Names of all flows with at least one run that has all `tags`, sorted.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn list_flows(&self, tags: &[String]) -> Result<Vec<FlowName>, MetadataError>;

    /// The runs that match, newest first.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn list_runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, MetadataError>;

    /// One run, if it exists.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn find_run(
        &self,
        flow: &FlowName,
        number: RunNumber,
    ) -> Result<Option<RunRecord>, MetadataError>;

    /// The tasks of a run that match, by number.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn list_tasks(&self, run: RunId, filter: &TaskFilter)
    -> Result<Vec<TaskRecord>, MetadataError>;

    /// The attempts of one task, or of all tasks of a run, by task and attempt.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn list_attempts(
        &self,
        run: RunId,
        task: Option<TaskNumber>,
    ) -> Result<Vec<AttemptRecord>, MetadataError>;

    /// Number of tasks of a run by step and state, in the order steps were first reached.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn count_tasks(
        &self,
        run: RunId,
    ) -> Result<Vec<(pave_model::StepName, pave_model::TaskState, u64)>, MetadataError>;

    /// The manifests with these keys and, transitively, the ones they add to. Missing keys are left out.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn manifests(&self, ids: &[i64]) -> Result<Vec<ManifestRecord>, MetadataError>;

    /// Changes a run's user tags in one step: removals first. Returns all user tags, sorted.
    /// Adding a tag that is there, user or system, and removing one that isn't, change nothing.
    ///
    /// # Errors
    /// [`MetadataError::Tag`] for an empty tag, one above 500 characters, more than 50 user tags,
    /// or the removal of a system tag; [`MetadataError::NotFound`]; [`MetadataError::Write`].
    fn change_tags(
        &self,
        run: RunId,
        add: &[String],
        remove: &[String],
    ) -> Result<Vec<String>, MetadataError>;
}

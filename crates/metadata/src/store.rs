//! The port: what every metadata store must do.

use std::sync::Arc;

use pave_model::{FlowName, RunId, RunNumber, StepName, TaskNumber, TaskState};

use crate::{
    AttemptRecord, Commit, ManifestRecord, MetadataError, NewRun, Owner, RunFilter, RunRecord,
    TaskFilter, TaskRecord,
};

/// A metadata store. Blocking; safe to use from several threads, and from several processes of the
/// machine at once. Lists never issue a query per element, and show one moment of the store.
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
    /// [`MetadataError::NotFound`]; [`MetadataError::Write`], also for a commit that contradicts
    /// itself (a placeholder without its manifest, a task that changes its step).
    fn commit(&self, run: RunId, commit: &Commit) -> Result<Vec<i64>, MetadataError>;

    /// Takes a run over: stores the new owner with the next token, which it returns.
    ///
    /// # Errors
    /// [`MetadataError::NotFound`], [`MetadataError::Write`].
    fn take_over(&self, run: RunId, owner: &Owner) -> Result<u64, MetadataError>;

    /// Makes all that was committed survive a power cut too, as every commit survives the death of
    /// the process. Called when a run ends.
    ///
    /// # Errors
    /// [`MetadataError::Write`].
    fn sync(&self) -> Result<(), MetadataError>;

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

    /// The steps of a run that have a task, in the order in which their first one was committed.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn list_steps(&self, run: RunId) -> Result<Vec<StepName>, MetadataError>;

    /// The tasks of a run that match, by number.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn list_tasks(&self, run: RunId, filter: &TaskFilter)
    -> Result<Vec<TaskRecord>, MetadataError>;

    /// One task of a run, if it exists.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn find_task(&self, run: RunId, task: TaskNumber) -> Result<Option<TaskRecord>, MetadataError>;

    /// The attempts of one task, or of all tasks of a run, by task and attempt.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn list_attempts(
        &self,
        run: RunId,
        task: Option<TaskNumber>,
    ) -> Result<Vec<AttemptRecord>, MetadataError>;

    /// Number of tasks of a run by step and state, in the order of [`Metadata::list_steps`] and,
    /// within a step, of [`TaskState::ALL`]; what there is none of is left out.
    ///
    /// # Errors
    /// [`MetadataError::Read`].
    fn count_tasks(&self, run: RunId) -> Result<Vec<(StepName, TaskState, u64)>, MetadataError>;

    /// The manifests with these keys and, transitively, the ones they add to: each once, by key.
    /// Missing keys are left out.
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

/// A shared or boxed store is a store: one wrapper, each method handed on.
macro_rules! hand_on {
    ($($pointer:ident),+) => {$(
        impl<T: Metadata + ?Sized> Metadata for $pointer<T> {
            fn create_run(&self, run: &NewRun) -> Result<RunRecord, MetadataError> {
                (**self).create_run(run)
            }
            fn commit(&self, run: RunId, commit: &Commit) -> Result<Vec<i64>, MetadataError> {
                (**self).commit(run, commit)
            }
            fn take_over(&self, run: RunId, owner: &Owner) -> Result<u64, MetadataError> {
                (**self).take_over(run, owner)
            }
            fn sync(&self) -> Result<(), MetadataError> {
                (**self).sync()
            }
            fn events(&self, run: RunId, from: u64) -> Result<Vec<(u64, Vec<u8>)>, MetadataError> {
                (**self).events(run, from)
            }
            fn list_flows(&self, tags: &[String]) -> Result<Vec<FlowName>, MetadataError> {
                (**self).list_flows(tags)
            }
            fn list_runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, MetadataError> {
                (**self).list_runs(filter)
            }
            fn find_run(
                &self,
                flow: &FlowName,
                number: RunNumber,
            ) -> Result<Option<RunRecord>, MetadataError> {
                (**self).find_run(flow, number)
            }
            fn list_steps(&self, run: RunId) -> Result<Vec<StepName>, MetadataError> {
                (**self).list_steps(run)
            }
            fn list_tasks(
                &self,
                run: RunId,
                filter: &TaskFilter,
            ) -> Result<Vec<TaskRecord>, MetadataError> {
                (**self).list_tasks(run, filter)
            }
            fn find_task(
                &self,
                run: RunId,
                task: TaskNumber,
            ) -> Result<Option<TaskRecord>, MetadataError> {
                (**self).find_task(run, task)
            }
            fn list_attempts(
                &self,
                run: RunId,
                task: Option<TaskNumber>,
            ) -> Result<Vec<AttemptRecord>, MetadataError> {
                (**self).list_attempts(run, task)
            }
            fn count_tasks(
                &self,
                run: RunId,
            ) -> Result<Vec<(StepName, TaskState, u64)>, MetadataError> {
                (**self).count_tasks(run)
            }
            fn manifests(&self, ids: &[i64]) -> Result<Vec<ManifestRecord>, MetadataError> {
                (**self).manifests(ids)
            }
            fn change_tags(
                &self,
                run: RunId,
                add: &[String],
                remove: &[String],
            ) -> Result<Vec<String>, MetadataError> {
                (**self).change_tags(run, add, remove)
            }
        }
    )+};
}

hand_on!(Arc, Box);

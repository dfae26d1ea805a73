//! Attempts, and why they failed.

use std::collections::HashMap;

use pave_metadata::AttemptRecord;
use pave_model::{AttemptNumber, AttemptState, TaskNumber};
use pave_protocol::Failure;
use pyo3::prelude::*;

/// The attempts of some tasks of a run, by task, in order.
#[derive(Default)]
pub(super) struct Attempts(HashMap<TaskNumber, Vec<AttemptRecord>>);

impl Attempts {
    pub(super) fn new(records: Vec<AttemptRecord>) -> Self {
        let mut by_task: HashMap<TaskNumber, Vec<AttemptRecord>> = HashMap::new();
        for record in records {
            by_task.entry(record.task).or_default().push(record);
        }
        Self(by_task)
    }

    pub(super) fn of(&self, task: TaskNumber) -> &[AttemptRecord] {
        self.0.get(&task).map_or(&[], Vec::as_slice)
    }

    pub(super) fn find(&self, task: TaskNumber, attempt: AttemptNumber) -> Option<&AttemptRecord> {
        self.of(task).iter().find(|it| it.attempt == attempt)
    }
}

/// A stored attempt.
#[pyclass(frozen, name = "AttemptRecord", module = "pave._native")]
pub(super) struct Attempt(pub(super) AttemptRecord);

#[pymethods]
impl Attempt {
    #[getter]
    fn attempt(&self) -> u32 {
        self.0.attempt.0
    }

    #[getter]
    fn state(&self) -> &'static str {
        self.0.state.as_str()
    }

    #[getter]
    fn started_at(&self) -> i64 {
        self.0.started_at.0
    }

    #[getter]
    fn finished_at(&self) -> Option<i64> {
        self.0.finished_at.map(|at| at.0)
    }

    /// Why it failed: the exception's type, a sentence, the traceback. `None` if it didn't fail.
    fn failure(&self) -> Option<(String, String, String)> {
        let failure: Failure = rmp_serde::from_slice(&self.0.failure).ok()?;
        Some((failure.exception, failure.message, failure.traceback))
    }
}

impl Attempt {
    /// Whether it failed and `@catch` made a success of it.
    pub(super) fn is_caught(&self) -> bool {
        self.0.state == AttemptState::Succeeded && !self.0.failure.is_empty()
    }
}

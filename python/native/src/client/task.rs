//! One stored task.

use std::sync::Arc;

use pave_artifact::Entry;
use pave_logs::LogLine;
use pave_metadata::{MetadataError, TaskFilter, TaskRecord};
use pave_model::{AttemptNumber, StepName, TaskNumber};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::attempts::Attempt;
use super::error;
use super::logs::{self, LogOwner};
use super::manifests::Manifests;
use super::tasks::{Batch, Tasks};

/// A stored task, and those it was read together with.
#[pyclass(frozen, name = "TaskRecord", module = "pave._native")]
pub(super) struct Task {
    batch: Arc<Batch>,
    at: usize,
}

impl Task {
    pub(super) fn new(batch: Arc<Batch>, at: usize) -> Self {
        Self { batch, at }
    }

    fn row(&self) -> &TaskRecord {
        &self.batch.rows[self.at]
    }

    /// Runs `look` on what the task, or one attempt of it, left.
    fn look<T>(
        &self,
        py: Python<'_>,
        attempt: Option<u32>,
        look: impl FnOnce(&Manifests, i64) -> T,
    ) -> PyResult<Option<T>> {
        match attempt {
            None => {
                let Some(id) = self.batch.manifest_of(py, self.at)? else {
                    return Ok(None);
                };
                Ok(Some(look(&*self.batch.manifests(py, self.at)?, id)))
            }
            Some(number) => {
                let attempts = self.batch.attempts(py)?;
                let Some(attempt) = attempts.find(self.row().task, AttemptNumber(number)) else {
                    return Ok(None);
                };
                let manifests = self.batch.manifest_of_attempt(py, attempt)?;
                Ok(attempt.manifest.map(|id| look(&manifests, id)))
            }
        }
    }

    /// Whose log holds what the task printed: a clone's is its origin's.
    fn log_owner(&self, py: Python<'_>, attempt: Option<u32>) -> PyResult<LogOwner> {
        let run = &self.batch.run.record;
        let (number, row) = match self.batch.source(py, self.at)? {
            Some(source) => (source.number, &source.row),
            None => (run.number, self.row()),
        };
        Ok(LogOwner {
            flow: run.flow.clone(),
            run: number,
            task: row.task,
            attempt: attempt.map(AttemptNumber).or(row.attempt),
        })
    }
}

#[pymethods]
impl Task {
    #[getter]
    fn number(&self) -> u32 {
        self.row().task.0
    }

    #[getter]
    fn step(&self) -> &str {
        self.row().step.as_str()
    }

    #[getter]
    fn state(&self) -> &'static str {
        self.row().state.as_str()
    }

    /// Whether nothing more will happen to the task.
    #[getter]
    fn is_finished(&self) -> bool {
        self.row().state.is_finished()
    }

    #[getter]
    fn created_at(&self) -> i64 {
        self.row().created_at.0
    }

    #[getter]
    fn finished_at(&self) -> Option<i64> {
        self.row().finished_at.map(|at| at.0)
    }

    /// Number of the newest attempt; `None` before the first, and for a clone.
    #[getter]
    fn attempt(&self) -> Option<u32> {
        self.row().attempt.map(|attempt| attempt.0)
    }

    /// Number of the task in the origin run that this one is a clone of.
    #[getter]
    fn origin(&self) -> Option<u32> {
        self.row().origin.map(|task| task.0)
    }

    /// Which item of the innermost foreach around it.
    #[getter]
    fn index(&self) -> Option<u32> {
        let shape = self.batch.run.shape();
        shape
            .foreach_path(self.step(), &self.row().place)
            .pop()
            .map(|(_, index)| index)
    }

    /// The foreachs around it, outermost first: the step that fanned out, and which item.
    fn foreach_path(&self) -> Vec<(&str, u32)> {
        self.batch
            .run
            .shape()
            .foreach_path(self.step(), &self.row().place)
    }

    /// Its attempts, in order.
    fn attempts(&self, py: Python<'_>) -> PyResult<Vec<Attempt>> {
        let attempts = self.batch.attempts(py)?.of(self.row().task);
        Ok(attempts.iter().cloned().map(Attempt).collect())
    }

    /// The attempt with this number, or the newest.
    #[pyo3(signature = (attempt=None))]
    fn find_attempt(&self, py: Python<'_>, attempt: Option<u32>) -> PyResult<Option<Attempt>> {
        let attempts = self.batch.attempts(py)?;
        let number = attempt.map(AttemptNumber).or(self.row().attempt);
        let found = number.and_then(|number| attempts.find(self.row().task, number));
        Ok(found.cloned().map(Attempt))
    }

    /// Whether its body raised and `@catch` caught that, in the newest attempt or the given one.
    #[pyo3(signature = (attempt=None))]
    fn is_caught(&self, py: Python<'_>, attempt: Option<u32>) -> PyResult<bool> {
        if !self.batch.run.shape().catches(self.step()) {
            return Ok(false);
        }
        let Some(source) = self.batch.source(py, self.at)? else {
            let found = self.find_attempt(py, attempt)?;
            return Ok(found.is_some_and(|attempt| attempt.is_caught()));
        };
        let (run, task) = (source.run, source.row.task);
        let number = attempt.map(AttemptNumber).or(source.row.attempt);
        let attempts = self
            .batch
            .run
            .reader
            .ask(py, |store| store.list_attempts(run, Some(task)))?;
        let found = attempts.into_iter().find(|it| Some(it.attempt) == number);
        Ok(found.is_some_and(|attempt| Attempt(attempt).is_caught()))
    }

    /// Names of all artifacts that it, or one of its attempts, left.
    #[pyo3(signature = (attempt=None))]
    fn names(&self, py: Python<'_>, attempt: Option<u32>) -> PyResult<Vec<String>> {
        let names = self.look(py, attempt, |manifests, id| {
            let flat = manifests.flat(id);
            flat.iter().map(|entry| entry.name.clone()).collect()
        })?;
        Ok(names.unwrap_or_default())
    }

    /// The stored entry of one artifact, if it has it.
    #[pyo3(signature = (name, attempt=None))]
    fn entry<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        attempt: Option<u32>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let bytes = self.look(py, attempt, |manifests, id| {
            manifests.find(id, name).map(Entry::to_bytes)
        })?;
        Ok(bytes.flatten().map(|bytes| PyBytes::new(py, &bytes)))
    }

    /// What it printed to a stream, as bytes.
    #[pyo3(signature = (stream, attempt=None))]
    fn log<'py>(
        &self,
        py: Python<'py>,
        stream: &str,
        attempt: Option<u32>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let pieces = self.pieces(py, stream, attempt)?;
        let text: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.text).collect();
        Ok(PyBytes::new(py, &text))
    }

    /// The lines it printed to a stream, without their ends, each with the time it arrived.
    #[pyo3(signature = (stream, attempt=None))]
    fn log_lines(
        &self,
        py: Python<'_>,
        stream: &str,
        attempt: Option<u32>,
    ) -> PyResult<Vec<(i64, Vec<u8>)>> {
        Ok(logs::lines(&self.pieces(py, stream, attempt)?))
    }

    /// The tasks that it continues.
    fn parents(&self, py: Python<'_>) -> PyResult<Tasks> {
        let run = &self.batch.run;
        let ranges = ranges(&self.row().parents);
        let rows = run.reader.ask(py, |store| {
            let mut rows = Vec::new();
            for (first, count) in ranges {
                let filter = TaskFilter {
                    after: first.checked_sub(1).map(TaskNumber),
                    limit: count as usize,
                    ..TaskFilter::default()
                };
                rows.extend(store.list_tasks(run.record.id, &filter)?);
            }
            Ok(rows)
        })?;
        Ok(Tasks::new(Arc::clone(run), rows))
    }

    /// The tasks that continue it.
    fn children(&self, py: Python<'_>) -> PyResult<Tasks> {
        let run = &self.batch.run;
        let number = self.row().task.0;
        let next = run.shape().next(self.step());
        let rows = run.reader.ask(py, |store| {
            let mut rows = Vec::new();
            for step in next {
                let filter = TaskFilter {
                    step: Some(StepName::from(step)),
                    ..TaskFilter::default()
                };
                rows.extend(store.list_tasks(run.record.id, &filter)?);
            }
            rows.retain(|row| has_parent(row, number));
            Ok(rows)
        })?;
        Ok(Tasks::new(Arc::clone(run), rows))
    }

    /// The task as it is now.
    fn refresh(&self, py: Python<'_>) -> PyResult<Self> {
        let run = &self.batch.run;
        let number = self.row().task;
        let row = run.reader.ask(py, |store| {
            store
                .find_task(run.record.id, number)?
                .ok_or_else(|| MetadataError::NotFound {
                    what: format!(
                        "task {}/{}/{}/{number}",
                        run.record.flow,
                        run.record.number,
                        self.step()
                    ),
                })
        })?;
        Ok(Self::new(Batch::new(Arc::clone(run), vec![row]), 0))
    }
}

impl Task {
    fn pieces(&self, py: Python<'_>, stream: &str, attempt: Option<u32>) -> PyResult<Vec<LogLine>> {
        let Some(stream) = logs::stream(stream) else {
            return Err(PyValueError::new_err(format!(
                "`{stream}` is no stream: expected stdout, stderr or runtime"
            )));
        };
        let owner = self.log_owner(py, attempt)?;
        let reader = &self.batch.run.reader;
        let pieces = reader.logs.pieces(reader.folder(), &owner, stream);
        pieces.map_err(|cause| error::log(py, &cause))
    }
}

/// The ranges of task numbers, first and count, that a task continues.
fn ranges(parents: &[u8]) -> Vec<(u32, u32)> {
    rmp_serde::from_slice(parents).unwrap_or_default()
}

fn has_parent(row: &TaskRecord, number: u32) -> bool {
    let within =
        |(first, count): (u32, u32)| (first..first.saturating_add(count)).contains(&number);
    ranges(&row.parents).into_iter().any(within)
}

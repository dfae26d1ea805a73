//! Tasks read together: what one of them needs of the store is asked for all at once.

use std::sync::{Arc, OnceLock};

use pave_artifact::{ArtifactError, Manifest};
use pave_metadata::{AttemptRecord, TaskRecord};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::attempts::Attempts;
use super::error;
use super::manifests::{Manifests, Pages};
use super::run::RunView;
use super::shape::place_key;
use super::sources::{Source, Sources};
use super::task::Task;

/// Tasks of one run.
pub(super) struct Batch {
    pub(super) run: Arc<RunView>,
    pub(super) rows: Vec<TaskRecord>,
    attempts: OnceLock<Attempts>,
    sources: OnceLock<Sources>,
    pages: Pages,
}

impl Batch {
    pub(super) fn new(run: Arc<RunView>, rows: Vec<TaskRecord>) -> Arc<Self> {
        Arc::new(Self {
            run,
            rows,
            attempts: OnceLock::new(),
            sources: OnceLock::new(),
            pages: Pages::default(),
        })
    }

    /// The attempts of these tasks: asked for once, all together.
    pub(super) fn attempts(&self, py: Python<'_>) -> PyResult<&Attempts> {
        if let Some(attempts) = self.attempts.get() {
            return Ok(attempts);
        }
        let only = match self.rows.as_slice() {
            [row] => Some(row.task),
            _ => None,
        };
        let run = self.run.record.id;
        let records = self
            .run
            .reader
            .ask(py, |store| store.list_attempts(run, only))?;
        Ok(self.attempts.get_or_init(|| Attempts::new(records)))
    }

    /// The task that ran where the task at `at` is a clone: asked for once, for all together.
    pub(super) fn source(&self, py: Python<'_>, at: usize) -> PyResult<Option<&Source>> {
        if self.rows[at].origin.is_none() {
            return Ok(None);
        }
        let sources = match self.sources.get() {
            Some(sources) => sources,
            None => {
                let found = self.run.reader.ask(py, |store| {
                    Sources::find(store, &self.run.record, &self.rows)
                })?;
                self.sources.get_or_init(|| found)
            }
        };
        Ok(sources.of(self.rows[at].task))
    }

    /// The manifests of the task at `at` and its neighbours.
    pub(super) fn manifests(&self, py: Python<'_>, at: usize) -> PyResult<Arc<Manifests>> {
        if let Some(page) = self.pages.find(at) {
            return Ok(page);
        }
        let mut ids = Vec::new();
        for at in Pages::around(at, self.rows.len()) {
            ids.extend(self.manifest_of(py, at)?);
        }
        Ok(self.pages.keep(at, self.load(py, ids)?))
    }

    /// The manifest that shows what the task at `at` left: the one it committed, else the one of
    /// its newest attempt, which a failure leaves too.
    pub(super) fn manifest_of(&self, py: Python<'_>, at: usize) -> PyResult<Option<i64>> {
        let row = &self.rows[at];
        let (None, Some(attempt)) = (row.manifest, row.attempt) else {
            return Ok(row.manifest);
        };
        let newest = self.attempts(py)?.find(row.task, attempt);
        Ok(newest.and_then(|attempt| attempt.manifest))
    }

    /// Everything that the task at `at` left.
    pub(super) fn flat(&self, py: Python<'_>, at: usize) -> PyResult<Manifest> {
        match self.manifest_of(py, at)? {
            Some(id) => Ok(self.manifests(py, at)?.flat(id)),
            None => Ok(Manifest::new()),
        }
    }

    /// The manifest of one attempt.
    pub(super) fn manifest_of_attempt(
        &self,
        py: Python<'_>,
        attempt: &AttemptRecord,
    ) -> PyResult<Manifests> {
        self.load(py, attempt.manifest.into_iter().collect())
    }

    fn load(&self, py: Python<'_>, mut ids: Vec<i64>) -> PyResult<Manifests> {
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Manifests::default());
        }
        let records = self.run.reader.ask(py, |store| store.manifests(&ids))?;
        py.detach(|| Manifests::decode(records))
            .map_err(|cause| artifact_error(py, &cause))
    }
}

/// Tasks of one run.
#[pyclass(frozen, sequence, name = "Tasks", module = "pave._native")]
pub(super) struct Tasks(pub(super) Arc<Batch>);

impl Tasks {
    pub(super) fn new(run: Arc<RunView>, rows: Vec<TaskRecord>) -> Self {
        Self(Batch::new(run, rows))
    }
}

#[pymethods]
impl Tasks {
    fn __len__(&self) -> usize {
        self.0.rows.len()
    }

    fn __getitem__(&self, at: isize) -> PyResult<Task> {
        let count = self.0.rows.len();
        let at = if at < 0 {
            at.checked_add_unsigned(count)
        } else {
            Some(at)
        };
        let at = at.and_then(|at| usize::try_from(at).ok());
        match at.filter(|at| *at < count) {
            Some(at) => Ok(Task::new(Arc::clone(&self.0), at)),
            None => Err(PyIndexError::new_err("there is no such task")),
        }
    }

    /// The same tasks in the order of the items of the foreachs around them.
    fn in_order(&self) -> Self {
        let mut rows = self.0.rows.clone();
        rows.sort_by_cached_key(|row| place_key(&row.place));
        Self::new(Arc::clone(&self.0.run), rows)
    }

    /// When the last of them finished; `None` while one goes on, or if there are none.
    #[getter]
    fn finished_at(&self) -> Option<i64> {
        let ends = self.0.rows.iter().map(|row| row.finished_at);
        let ends: Option<Vec<_>> = ends.collect();
        ends?.into_iter().max().map(|at| at.0)
    }

    /// Milliseconds from the first of them being created to the last of them finishing.
    #[getter]
    fn elapsed(&self) -> Option<i64> {
        let begin = self.0.rows.iter().map(|row| row.created_at.0).min()?;
        Some(self.finished_at()? - begin)
    }

    /// The stored entry of artifact `name` for each task, `None` where it has none.
    fn entries<'py>(
        &self,
        py: Python<'py>,
        name: &str,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        let mut entries = Vec::with_capacity(self.0.rows.len());
        for at in 0..self.0.rows.len() {
            let found = match self.0.manifest_of(py, at)? {
                Some(id) => {
                    let page = self.0.manifests(py, at)?;
                    page.find(id, name)
                        .map(|entry| PyBytes::new(py, &entry.to_bytes()))
                }
                None => None,
            };
            entries.push(found);
        }
        Ok(entries)
    }
}

fn artifact_error(py: Python<'_>, cause: &ArtifactError) -> PyErr {
    error::raise(py, "MetaflowException", cause.code(), &error::chain(cause))
}

//! A stored run, and the way to its tasks.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use pave_metadata::{MetadataError, RunRecord, TaskFilter};
use pave_model::{RunId, StepName, TaskNumber};
use pyo3::prelude::*;

use super::diff;
use super::reader::Reader;
use super::shape::Shape;
use super::task::Task;
use super::tasks::{Batch, Tasks};

/// The step under which a run's parameters and constants are kept.
pub(super) const PARAMETERS: &str = "_parameters";

/// A run as it was when it was read, shared with its tasks.
pub(super) struct RunView {
    pub(super) reader: Arc<Reader>,
    pub(super) record: RunRecord,
    shape: OnceLock<Shape>,
}

impl RunView {
    pub(super) fn new(reader: Arc<Reader>, record: RunRecord) -> Self {
        Self {
            reader,
            record,
            shape: OnceLock::new(),
        }
    }

    /// The run's graph, read from its description when first asked for.
    pub(super) fn shape(&self) -> &Shape {
        self.shape
            .get_or_init(|| Shape::parse(&self.record.flow_spec))
    }
}

/// A stored run.
#[pyclass(frozen, name = "RunRecord", module = "pave._native")]
pub(super) struct Run(Arc<RunView>);

impl Run {
    pub(super) fn new(reader: Arc<Reader>, record: RunRecord) -> Self {
        Self(Arc::new(RunView::new(reader, record)))
    }

    pub(super) fn key(&self) -> RunId {
        self.0.record.id
    }

    /// The tasks of one step.
    pub(super) fn batch(&self, py: Python<'_>, step: &str) -> PyResult<Arc<Batch>> {
        Ok(self.tasks(py, step.to_owned(), false, 0)?.0)
    }
}

#[pymethods]
impl Run {
    #[getter]
    fn flow(&self) -> &str {
        self.0.record.flow.as_str()
    }

    #[getter]
    fn number(&self) -> u64 {
        self.0.record.number.0
    }

    #[getter]
    fn user(&self) -> &str {
        &self.0.record.user
    }

    /// Its state; `interrupted` where its process is known to be gone.
    #[getter]
    fn state(&self) -> &'static str {
        self.0.record.state_now().as_str()
    }

    /// Whether its stored state is final.
    #[getter]
    fn is_settled(&self) -> bool {
        self.0.record.state.is_finished()
    }

    /// Whether nothing more will happen to it.
    #[getter]
    fn is_finished(&self) -> bool {
        self.0.record.state_now().is_finished()
    }

    #[getter]
    fn created_at(&self) -> i64 {
        self.0.record.created_at.0
    }

    #[getter]
    fn finished_at(&self) -> Option<i64> {
        self.0.record.finished_at.map(|at| at.0)
    }

    #[getter]
    fn origin(&self) -> Option<u64> {
        self.0.record.origin.map(|run| run.0)
    }

    #[getter]
    fn tags(&self) -> &[String] {
        &self.0.record.tags
    }

    #[getter]
    fn system_tags(&self) -> &[String] {
        &self.0.record.system_tags
    }

    /// Names of the artifacts that hold the flow's parameters, in the order of the source.
    fn parameter_names(&self) -> Vec<&str> {
        self.0.shape().parameters()
    }

    #[getter]
    fn file(&self) -> &str {
        &self.0.record.file
    }

    /// Name of the step that a run of this flow ends with.
    #[getter]
    fn end_step(&self) -> &str {
        self.0.shape().end()
    }

    /// Each step of the graph with the steps that may follow it.
    fn graph(&self) -> Vec<(&str, Vec<&str>)> {
        self.0.shape().steps()
    }

    /// Names of the steps with at least one task, in the order they were first reached.
    pub(super) fn reached(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let run = self.key();
        let steps = self.0.reader.ask(py, |store| store.list_steps(run))?;
        Ok(steps.into_iter().map(|step| step.0).collect())
    }

    /// The same steps, with the number of their tasks in each state.
    fn steps(&self, py: Python<'_>) -> PyResult<Vec<(String, BTreeMap<&'static str, u64>)>> {
        let run = self.key();
        let counts = self.0.reader.ask(py, |store| store.count_tasks(run))?;
        let mut steps: Vec<(String, BTreeMap<&'static str, u64>)> = Vec::new();
        for (step, state, count) in counts {
            let at = steps.iter().position(|(name, _)| *name == step.0);
            let at = at.unwrap_or_else(|| {
                steps.push((step.0, BTreeMap::new()));
                steps.len() - 1
            });
            *steps[at].1.entry(state.as_str()).or_default() += count;
        }
        Ok(steps)
    }

    /// Tasks of one step, in order of their numbers or the newest first, at most `limit` (0 for
    /// all). One question to the store.
    #[pyo3(signature = (step, *, newest_first=false, limit=0))]
    fn tasks(
        &self,
        py: Python<'_>,
        step: String,
        newest_first: bool,
        limit: usize,
    ) -> PyResult<Tasks> {
        let filter = TaskFilter {
            step: Some(StepName(step)),
            newest_first,
            limit,
            ..TaskFilter::default()
        };
        let run = self.key();
        let tasks = self
            .0
            .reader
            .ask(py, |store| store.list_tasks(run, &filter))?;
        Ok(Tasks::new(Arc::clone(&self.0), tasks))
    }

    /// The task with this number, if it exists.
    fn find_task(&self, py: Python<'_>, number: u32) -> PyResult<Option<Task>> {
        let run = self.key();
        let found = self
            .0
            .reader
            .ask(py, |store| store.find_task(run, TaskNumber(number)))?;
        Ok(found.map(|row| Task::new(Batch::new(Arc::clone(&self.0), vec![row]), 0)))
    }

    /// Removes, then adds user tags. Returns the run as it is then.
    fn change_tags(&self, py: Python<'_>, add: Vec<String>, remove: Vec<String>) -> PyResult<Self> {
        let run = self.key();
        self.0
            .reader
            .ask(py, |store| store.change_tags(run, &add, &remove))?;
        self.refresh(py)
    }

    /// For each step that both runs reached, names of the artifacts that differ.
    fn diff(&self, py: Python<'_>, other: &Self) -> PyResult<Vec<(String, Vec<String>)>> {
        diff::artifacts(py, self, other)
    }

    /// The run as it is now.
    fn refresh(&self, py: Python<'_>) -> PyResult<Self> {
        let record = &self.0.record;
        let found = self.0.reader.ask(py, |store| {
            let found = store.find_run(&record.flow, record.number)?;
            found.ok_or_else(|| MetadataError::NotFound {
                what: format!("run {}/{}", record.flow, record.number),
            })
        })?;
        Ok(Self::new(Arc::clone(&self.0.reader), found))
    }
}

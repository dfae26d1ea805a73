//! The door: a store, its flows, its runs.

use std::path::PathBuf;
use std::sync::Arc;

use pave_metadata::RunFilter;
use pave_model::{FlowName, RunNumber, RunState};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::error;
use super::reader::Reader;
use super::run::Run;

/// A store opened for reading back. Safe to use from several threads, and after a fork.
#[pyclass(frozen, name = "MetadataStore", module = "pave._native")]
pub(super) struct Store {
    reader: Arc<Reader>,
}

#[pymethods]
impl Store {
    /// Opens the store in `folder`, which must exist.
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        let reader = Reader::open(&folder).map_err(|cause| error::metadata(py, &cause))?;
        Ok(Self {
            reader: Arc::new(reader),
        })
    }

    /// Names of the flows with at least one run that has all `tags`, sorted.
    fn flows(&self, py: Python<'_>, tags: Vec<String>) -> PyResult<Vec<String>> {
        let flows = self.reader.ask(py, |store| store.list_flows(&tags))?;
        Ok(flows.into_iter().map(|flow| flow.0).collect())
    }

    /// Runs of `flow` with all `tags`, newest first, older than the run `before`, at most `limit`
    /// (0 for all). `state` keeps one state only.
    #[pyo3(signature = (flow, tags, *, state=None, before=None, limit=0))]
    fn runs(
        &self,
        py: Python<'_>,
        flow: String,
        tags: Vec<String>,
        state: Option<&str>,
        before: Option<&Run>,
        limit: usize,
    ) -> PyResult<Vec<Run>> {
        let state = state.map(str::parse::<RunState>).transpose();
        let filter = RunFilter {
            flow: Some(FlowName(flow)),
            tags,
            states: state.map_err(PyValueError::new_err)?.into_iter().collect(),
            before: before.map(Run::key),
            limit,
            ..RunFilter::default()
        };
        let runs = self.reader.ask(py, |store| store.list_runs(&filter))?;
        let wrap = |record| Run::new(Arc::clone(&self.reader), record);
        Ok(runs.into_iter().map(wrap).collect())
    }

    /// The run with this number, if it exists.
    fn find_run(&self, py: Python<'_>, flow: String, number: u64) -> PyResult<Option<Run>> {
        let flow = FlowName(flow);
        let found = self
            .reader
            .ask(py, |store| store.find_run(&flow, RunNumber(number)))?;
        Ok(found.map(|record| Run::new(Arc::clone(&self.reader), record)))
    }
}

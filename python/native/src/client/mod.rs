//! Reading back: flows, runs, tasks, logs, as rows that Python wraps.
//!
//! Everything that people read of many tasks is asked of the store for all of them together.
use pyo3::prelude::*;

mod attempts;
mod diff;
mod error;
mod logs;
mod manifests;
mod reader;
mod run;
mod shape;
mod sources;
mod store;
mod task;
mod tasks;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<store::Store>()?;
    module.add_class::<run::Run>()?;
    module.add_class::<tasks::Tasks>()?;
    module.add_class::<task::Task>()?;
    module.add_class::<attempts::Attempt>()
}

//! Python binding of Pave.
use pyo3::prelude::*;

/// The native half of the `pave` package.
#[pymodule]
fn _native(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}

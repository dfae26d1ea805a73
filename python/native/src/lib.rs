//! The native half of the `pave` package.
//!
//! Owns: conversions between Python objects and the Rust rooms.
//! Must not: decide anything; print; hold state beyond handles.
//! Start reading at: `artifacts/`, `client/`, `wire.rs`.
//! Tested by: `python/tests`.
use pyo3::prelude::*;

mod artifacts;
mod client;
mod process;
mod wire;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    wire::register(module)?;
    process::register(module)?;
    artifacts::register(module)?;
    client::register(module)
}

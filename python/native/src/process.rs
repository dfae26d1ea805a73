//! The few system calls of a worker that Python itself doesn't offer.
//!
//! Owns: binding a child's life to its parent's; flushing C's own output buffers.
//! Must not: start or stop processes.
//! Tested by: `python/tests/flows/test_worker.py`.

use std::ffi::{c_int, c_void};

use pyo3::prelude::*;

unsafe extern "C" {
    fn fflush(stream: *mut c_void) -> c_int;
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(die_with_parent, module)?)?;
    module.add_function(wrap_pyfunction!(flush_c_streams, module)?)
}

/// Has the kernel kill this process when the thread that started it is gone.
///
/// Gives false where the parent is gone already: it is no longer `parent`.
#[pyfunction]
fn die_with_parent(parent: i32) -> bool {
    #[cfg(target_os = "linux")]
    {
        // A refusal is harmless: the parent also kills its children's groups when it ends.
        let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    }
    nix::unistd::getppid().as_raw() == parent
}

/// Writes out what C and Fortran code has printed but not flushed.
///
/// `os._exit` skips this step of an ordinary exit.
#[pyfunction]
fn flush_c_streams(py: Python<'_>) {
    // SAFETY: a null stream means all of them; fflush has no other precondition.
    py.detach(|| unsafe { fflush(std::ptr::null_mut()) });
}

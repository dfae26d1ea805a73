//! Refusals of the artifact room as one Python exception, which `pave._artifacts` words for people.

use std::error::Error;

use arrow_schema::ArrowError;
use pave_artifact::ArtifactError;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;

create_exception!(
    pave._native,
    ArtifactFault,
    PyException,
    "The artifact room refused; the arguments are its code and the reason."
);

/// What the artifact room refused, with its causes.
pub(super) fn fault(error: &ArtifactError) -> PyErr {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        reason.push_str(": ");
        reason.push_str(&inner.to_string());
        cause = inner.source();
    }
    ArtifactFault::new_err((error.code().as_str(), reason))
}

/// What Arrow can't hold.
pub(super) fn unfit(error: &ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

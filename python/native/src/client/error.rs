//! Errors of the Rust rooms as the exceptions of `pave.exceptions`.

use std::error::Error;

use pave_logs::LogError;
use pave_metadata::MetadataError;
use pave_model::Code;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Turns what the metadata store refused into the exception that people catch.
pub(super) fn metadata(py: Python<'_>, error: &MetadataError) -> PyErr {
    let class = match error {
        MetadataError::NotFound { .. } => "MetaflowNotFound",
        MetadataError::Tag(_) => "MetaflowTaggingError",
        _ => "MetaflowException",
    };
    let hint = error
        .hint()
        .map_or_else(String::new, |hint| format!(". {hint}"));
    raise(py, class, error.code(), &(chain(error) + &hint))
}

/// Turns what the log file refused into an exception.
pub(super) fn log(py: Python<'_>, error: &LogError) -> PyErr {
    raise(py, "MetaflowException", error.code(), &chain(error))
}

/// An exception of `pave.exceptions` with a stable code.
pub(super) fn raise(py: Python<'_>, class: &str, code: Code, message: &str) -> PyErr {
    let text = format!("{code}: {message}");
    let made = py
        .import("pave.exceptions")
        .and_then(|module| module.getattr(class))
        .and_then(|class| class.call1((&text,)));
    match made {
        Ok(exception) => {
            // A class without room for the attribute still carries the code in its text.
            exception.setattr("code", code.as_str()).ok();
            PyErr::from_value(exception)
        }
        Err(_) => PyRuntimeError::new_err(text),
    }
}

/// A sentence and its causes, outermost first.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

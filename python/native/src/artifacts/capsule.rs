//! The Arrow PyCapsule interface: arrays and streams between Arrow libraries, without copying.

use std::ffi::CStr;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use arrow_schema::Field;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use super::fault::unfit;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// What `__arrow_c_array__` gives.
pub(super) fn import_array(
    object: &Bound<'_, PyAny>,
) -> PyResult<(FFI_ArrowSchema, FFI_ArrowArray)> {
    let (schema, array): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
        object.call_method0("__arrow_c_array__")?.extract()?;
    let schema = pointer(&schema, SCHEMA)?;
    let array = pointer(&array, ARRAY)?;
    // SAFETY: capsules of these names hold these structures, which are moved out and left released.
    #[expect(unsafe_code, reason = "the Arrow C data interface is a C interface")]
    let moved = unsafe {
        (
            FFI_ArrowSchema::from_raw(schema),
            FFI_ArrowArray::from_raw(array),
        )
    };
    Ok(moved)
}

/// What `__arrow_c_stream__` gives.
pub(super) fn import_stream(object: &Bound<'_, PyAny>) -> PyResult<ArrowArrayStreamReader> {
    let capsule = object.call_method0("__arrow_c_stream__")?;
    let stream: *mut FFI_ArrowArrayStream = pointer(&capsule, STREAM)?;
    // SAFETY: a capsule of this name holds this structure, which is moved out and left released.
    #[expect(unsafe_code, reason = "the Arrow C data interface is a C interface")]
    let reader = unsafe { ArrowArrayStreamReader::from_raw(stream) };
    reader.map_err(|error| unfit(&error))
}

/// The pair of capsules that `__arrow_c_array__` gives.
pub(super) fn export_array<'py>(
    py: Python<'py>,
    field: &Field,
    array: FFI_ArrowArray,
) -> PyResult<Bound<'py, PyTuple>> {
    let schema = FFI_ArrowSchema::try_from(field).map_err(|error| unfit(&error))?;
    let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
    let array = PyCapsule::new_with_value(py, array, ARRAY)?;
    PyTuple::new(py, [schema, array])
}

/// The capsule that `__arrow_c_stream__` gives.
pub(super) fn export_stream(
    py: Python<'_>,
    stream: FFI_ArrowArrayStream,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, stream, STREAM)
}

fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<*mut T> {
    let capsule = capsule
        .cast::<PyCapsule>()
        .map_err(|_| PyTypeError::new_err("the Arrow interface gave no capsule"))?;
    Ok(capsule.pointer_checked(Some(name))?.as_ptr().cast())
}

//! Memory that Rust and Python share, in both directions, without copying.

use std::os::raw::c_int;
use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_buffer::Buffer;
use pave_artifact::Mapping;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

/// The bytes of a Python object, for as long as the result lives. The object must export one
/// contiguous stretch of them.
pub(super) fn borrow(object: &Bound<'_, PyAny>) -> PyResult<Buffer> {
    let exported = PyUntypedBuffer::get(object)?;
    if !exported.is_c_contiguous() {
        return Err(PyBufferError::new_err("the memory is not contiguous"));
    }
    let length = exported.len_bytes();
    let Some(start) = NonNull::new(exported.buf_ptr().cast::<u8>()).filter(|_| length > 0) else {
        return Ok(Buffer::from_vec(Vec::<u8>::new()));
    };
    let owner = Arc::new(AssertUnwindSafe(exported));
    // SAFETY: the exporter keeps these bytes where they are until `owner` is dropped.
    #[expect(unsafe_code, reason = "Arrow reads Python's memory in place")]
    let buffer = unsafe { Buffer::from_custom_allocation(start, length, owner) };
    Ok(buffer)
}

/// A mapped payload as a buffer that keeps it alive.
pub(super) fn of_mapping(mapping: &Arc<Mapping>) -> Buffer {
    let Some(start) = NonNull::new(mapping.as_ptr()).filter(|_| !mapping.is_empty()) else {
        return Buffer::from_vec(Vec::<u8>::new());
    };
    let owner = Arc::new(AssertUnwindSafe(Arc::clone(mapping)));
    // SAFETY: the mapping is valid for its length as long as its owner lives.
    #[expect(unsafe_code, reason = "Python reads the mapping in place")]
    let buffer = unsafe { Buffer::from_custom_allocation(start, mapping.len(), owner) };
    buffer
}

/// Bytes that Python may view and change. What was mapped from the store changes for this process
/// only.
#[pyclass(frozen, module = "pave._native")]
pub(super) struct Memory(Buffer);

impl Memory {
    /// The memory must not be shared with anyone who relies on it not to change.
    pub(super) fn new(buffer: Buffer) -> Self {
        Self(buffer)
    }
}

#[pymethods]
impl Memory {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[expect(unsafe_code, reason = "the buffer protocol is a C interface")]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let buffer = &slf.get().0;
        let start = buffer.as_ptr().cast_mut().cast();
        let length = isize::try_from(buffer.len()).expect("a buffer fits into memory");
        // SAFETY: `view` is Python's to fill; it takes a reference to `slf`, which owns the bytes.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 0, flags) };
        if status == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}

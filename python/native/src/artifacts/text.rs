//! Columns of texts: from arrays of Python objects, and back to lists of them.

use std::slice;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, GenericStringArray, LargeStringArray, OffsetSizeTrait, StringArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyList, PyString};

use super::encode::exactly;
use super::fault::unfit;

/// An array of texts and which of the missing values occurs, or what is in the way.
type Gathered = Result<(ArrayRef, usize), String>;

/// Gathers an array of Python objects, each an exact `str` or one and the same of `missing`.
pub(super) fn gather<'py>(
    objects: &Bound<'py, PyAny>,
    missing: &[Bound<'py, PyAny>],
) -> PyResult<Gathered> {
    let exported = PyUntypedBuffer::get(objects)?;
    let is_objects = exported.format().to_bytes() == b"O" && exported.is_c_contiguous();
    if !is_objects || exported.item_size() != size_of::<*mut ffi::PyObject>() {
        return Err(PyTypeError::new_err("not an array of objects"));
    }
    let count = exported.item_count();
    if count == 0 {
        return Ok(Ok((Arc::new(StringArray::new_null(0)), 0)));
    }
    // SAFETY: the exporter holds `count` references here, and nothing below runs Python code that
    // could exchange them.
    #[expect(unsafe_code, reason = "the buffer protocol knows no typed objects")]
    let pointers =
        unsafe { slice::from_raw_parts(exported.buf_ptr().cast::<*mut ffi::PyObject>(), count) };
    let mut texts = Texts::with_capacity(count);
    for &pointer in pointers {
        // SAFETY: a null pointer stands for `None`; any other is a live object.
        #[expect(unsafe_code, reason = "as above")]
        let object = unsafe { Bound::from_borrowed_ptr_or_opt(objects.py(), pointer) };
        let object = object.unwrap_or_else(|| objects.py().None().into_bound(objects.py()));
        if let Err(reason) = texts.push(&object, missing) {
            return Ok(Err(reason));
        }
    }
    texts.finish()
}

struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i64>,
    present: BooleanBufferBuilder,
    missing: Option<usize>,
}

impl Texts {
    fn with_capacity(count: usize) -> Self {
        let mut ends = Vec::with_capacity(count + 1);
        ends.push(0);
        Self {
            bytes: Vec::with_capacity(count * 8),
            ends,
            present: BooleanBufferBuilder::new(count),
            missing: None,
        }
    }

    fn push<'py>(
        &mut self,
        object: &Bound<'py, PyAny>,
        missing: &[Bound<'py, PyAny>],
    ) -> Result<(), String> {
        if let Some(text) = exactly::<PyString>(object) {
            let text = text
                .to_str()
                .map_err(|_| "text that is not valid Unicode".to_owned())?;
            self.bytes.extend_from_slice(text.as_bytes());
            self.present.append(true);
        } else {
            let found = missing
                .iter()
                .position(|sentinel| is_sentinel(object, sentinel));
            match (found, self.missing) {
                (None, _) => return Err(type_name(object)),
                (Some(_), None) => self.missing = found,
                (Some(found), Some(first)) if found == first => {}
                _ => return Err("different kinds of missing values".to_owned()),
            }
            self.present.append(false);
        }
        let end = i64::try_from(self.bytes.len()).expect("memory is smaller than 2^63 bytes");
        self.ends.push(end);
        Ok(())
    }

    fn finish(mut self) -> PyResult<Gathered> {
        let nulls = self.missing.map(|_| NullBuffer::new(self.present.finish()));
        let found = self.missing.unwrap_or(0);
        let bytes = Buffer::from_vec(self.bytes);
        let array: ArrayRef = if i32::try_from(bytes.len()).is_ok() {
            let narrow = |&end: &i64| i32::try_from(end).expect("no end is beyond the last");
            let ends: ScalarBuffer<i32> = self.ends.iter().map(narrow).collect();
            let array = StringArray::try_new(OffsetBuffer::new(ends), bytes, nulls);
            Arc::new(array.map_err(|error| unfit(&error))?)
        } else {
            let ends = OffsetBuffer::new(self.ends.into());
            let array = LargeStringArray::try_new(ends, bytes, nulls);
            Arc::new(array.map_err(|error| unfit(&error))?)
        };
        Ok(Ok((array, found)))
    }
}

/// Whether an object is this missing value. A NaN is one if it has the same bits: which object it
/// is tells nothing.
fn is_sentinel<'py>(object: &Bound<'py, PyAny>, sentinel: &Bound<'py, PyAny>) -> bool {
    if object.is(sentinel) {
        return true;
    }
    let bits = |value: &Bound<'py, PyAny>| Some(exactly::<PyFloat>(value)?.value().to_bits());
    bits(object).is_some_and(|found| bits(sentinel) == Some(found))
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    let class = object.get_type();
    class
        .name()
        .map_or_else(|_| "unknown".to_owned(), |name| name.to_string())
}

/// The texts of a column, with `missing` for those that are.
pub(super) fn list<'py>(
    array: &ArrayRef,
    missing: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    match array.data_type() {
        DataType::Utf8 => list_of(array.as_string::<i32>(), missing),
        DataType::LargeUtf8 => list_of(array.as_string::<i64>(), missing),
        other => Err(PyTypeError::new_err(format!("{other} holds no texts"))),
    }
}

fn list_of<'py, O: OffsetSizeTrait>(
    array: &GenericStringArray<O>,
    missing: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let mut known = Known::default();
    let texts = array.iter().map(|text| match text {
        None => missing.clone(),
        Some(text) => known.get(missing.py(), text),
    });
    PyList::new(missing.py(), texts.collect::<Vec<_>>())
}

/// Texts met before: a column tends to repeat a few, and one object will do for all.
#[derive(Default)]
pub(super) struct Known<'py, 'a>(Vec<Option<(&'a str, Bound<'py, PyAny>)>>);

impl<'py, 'a> Known<'py, 'a> {
    const SLOTS: usize = 1024;
    const LONGEST: usize = 64;

    /// The Python object for a text.
    pub(super) fn get(&mut self, py: Python<'py>, text: &'a str) -> Bound<'py, PyAny> {
        if text.len() > Self::LONGEST {
            return PyString::new(py, text).into_any();
        }
        if self.0.is_empty() {
            self.0.resize_with(Self::SLOTS, || None);
        }
        let hash = text.bytes().fold(text.len(), |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        let slot = &mut self.0[hash % Self::SLOTS];
        match slot {
            Some((known, object)) if *known == text => object.clone(),
            _ => {
                let object = PyString::new(py, text).into_any();
                *slot = Some((text, object.clone()));
                object
            }
        }
    }
}

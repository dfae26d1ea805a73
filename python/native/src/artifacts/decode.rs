//! Plain values as Python values.

use pave_artifact::value::{Event, ValueReader};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyRange, PySet,
    PyString, PyTuple, PyType,
};

use super::calendar;
use super::fault::fault;
use super::text::Known;

/// The Python value of a plain value's bytes.
pub(super) fn decode<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut decoder = Decoder {
        py,
        reader: ValueReader::new(bytes),
        keys: Known::default(),
    };
    let value = decoder.read()?;
    decoder.reader.finish().map_err(|error| fault(&error))?;
    Ok(value)
}

/// The value of a plain value's bytes.
#[pyfunction]
pub(super) fn plain_value<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    decode(py, bytes)
}

struct Decoder<'py, 'a> {
    py: Python<'py>,
    reader: ValueReader<'a>,
    /// Many dicts have the same keys, and Python had them once.
    keys: Known<'py, 'a>,
}

impl<'py, 'a> Decoder<'py, 'a> {
    fn next(&mut self) -> PyResult<Event<'a>> {
        self.reader.next().map_err(|error| fault(&error))
    }

    fn read(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let event = self.next()?;
        self.value(event)
    }

    fn value(&mut self, event: Event<'a>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        Ok(match event {
            Event::None => py.None().into_bound(py),
            Event::Bool(truth) => PyBool::new(py, truth).to_owned().into_any(),
            Event::Int(number) => number.into_pyobject(py)?.into_any(),
            Event::BigInt(bytes) => big_int(py, bytes)?,
            Event::Float(number) => PyFloat::new(py, number).into_any(),
            Event::Complex(real, imaginary) => {
                PyComplex::from_doubles(py, real, imaginary).into_any()
            }
            Event::Str(text) => PyString::new(py, text).into_any(),
            Event::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
            Event::ByteArray(bytes) => PyByteArray::new(py, bytes).into_any(),
            Event::List(count) => self.list(count)?,
            Event::Tuple(count) => self.tuple(count)?,
            Event::Set(count) => PySet::new(py, self.all(count)?)?.into_any(),
            Event::FrozenSet(count) => PyFrozenSet::new(py, self.all(count)?)?.into_any(),
            Event::Dict(count) => self.dict(count)?,
            Event::Range => {
                let bounds = PyTuple::new(py, self.all(3)?)?;
                py.get_type::<PyRange>().call1(bounds)?
            }
            Event::DateTime(value) => calendar::date_time(py, value)?,
            Event::Date(value) => calendar::date(py, value)?,
            Event::Time(value) => calendar::time(py, value)?,
            Event::TimeDelta(value) => calendar::time_delta(py, value)?,
            Event::Decimal(text) => calendar::decimal(py, text)?,
            Event::Uuid(bytes) => calendar::uuid(py, bytes)?,
        })
    }

    fn all(&mut self, count: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        (0..count).map(|_| self.read()).collect()
    }

    /// A list, filled in place: a large one passes no second time through memory.
    #[expect(unsafe_code, reason = "the safe way gathers all elements first")]
    fn list(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: a new list; every place is set once, before anyone but the collector sees it,
        // which expects places that are still empty. `PyList_SetItem` takes the reference over.
        unsafe {
            let new = ffi::PyList_New(length(count));
            let list = Bound::from_owned_ptr_or_err(self.py, new)?;
            for index in 0..count {
                let item = self.read()?;
                ffi::PyList_SetItem(list.as_ptr(), length(index), item.into_ptr());
            }
            Ok(list)
        }
    }

    /// A tuple, filled in place as a list is.
    #[expect(unsafe_code, reason = "the safe way gathers all elements first")]
    fn tuple(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: as in `list`.
        unsafe {
            let new = ffi::PyTuple_New(length(count));
            let tuple = Bound::from_owned_ptr_or_err(self.py, new)?;
            for index in 0..count {
                let item = self.read()?;
                ffi::PyTuple_SetItem(tuple.as_ptr(), length(index), item.into_ptr());
            }
            Ok(tuple)
        }
    }

    fn dict(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        let dict = PyDict::new(self.py);
        for _ in 0..count {
            let key = match self.next()? {
                Event::Str(text) => self.keys.get(self.py, text),
                event => self.value(event)?,
            };
            dict.set_item(key, self.read()?)?;
        }
        Ok(dict.into_any())
    }
}

fn length(count: usize) -> isize {
    isize::try_from(count).expect("the reader announces no more elements than there are bytes")
}

fn big_int<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let class: Bound<'py, PyType> = py.get_type::<PyInt>();
    let keywords = PyDict::new(py);
    keywords.set_item("signed", true)?;
    class.call_method(
        "from_bytes",
        (PyBytes::new(py, bytes), "big"),
        Some(&keywords),
    )
}

//! Python values as plain values, where that loses nothing.
//!
//! Only exact types are taken: a subclass, an enum or a numpy scalar is something else. What other
//! code could tell apart after reading it back (one list in two places, a cycle) is refused, and
//! so is what would swell (the same large text in many places). Refused values are pickled.

use std::collections::{HashMap, HashSet};

use pave_artifact::ArtifactError;
use pave_artifact::value::ValueWriter;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyRange,
    PySet, PyString, PyTuple,
};
use pyo3::{PyTypeInfo, ffi, intern};

use super::calendar;

/// Texts and bytes shorter than this are never worth counting as repeated.
const LONG: usize = 1024;

/// Repeated content may add this much, or as much as all other content if that is more.
const REPEAT_ALLOWANCE: usize = 1 << 20;

/// Why a value isn't a plain one.
pub(super) enum Refusal {
    /// It has no exact plain form.
    NotPlain,
    /// Python raised.
    Raised(PyErr),
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<ArtifactError> for Refusal {
    fn from(_: ArtifactError) -> Self {
        // The writer refuses what nests too deep or is too long; a pickle may still hold it.
        Self::NotPlain
    }
}

type Written = Result<(), Refusal>;

/// The plain form of a value; `None` if it has none that is exact.
pub(super) fn encode(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    let mut encoder = Encoder::default();
    let written = encoder.write(value);
    match written.and_then(|()| Ok(encoder.writer.finish()?)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Refusal::NotPlain) => Ok(None),
        Err(Refusal::Raised(error)) => Err(error),
    }
}

/// The bytes of a plain value; `None` if the value isn't one.
#[pyfunction]
pub(super) fn plain_bytes<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    Ok(encode(value)?.map(|bytes| PyBytes::new(value.py(), &bytes)))
}

#[derive(Default)]
struct Encoder {
    writer: ValueWriter,
    /// Addresses of the mutable objects met, which may be met once only.
    met: HashSet<usize>,
    /// How many mutable objects were met.
    mutable: usize,
    /// How many bytes each immutable object took that may be met again; `None` if a mutable one is
    /// part of it, which would then be in two places.
    sizes: HashMap<usize, Option<usize>>,
    /// Bytes that repeat what was written before.
    repeated: usize,
}

impl Encoder {
    fn write(&mut self, value: &Bound<'_, PyAny>) -> Written {
        if let Some(text) = exactly::<PyString>(value) {
            self.text(text)
        } else if let Some(number) = exactly::<PyInt>(value) {
            self.int(number)
        } else if let Some(number) = exactly::<PyFloat>(value) {
            Ok(self.writer.float(number.value())?)
        } else if value.is_none() {
            Ok(self.writer.none()?)
        } else if let Some(truth) = exactly::<PyBool>(value) {
            Ok(self.writer.bool(truth.is_true())?)
        } else if let Some(list) = exactly::<PyList>(value) {
            self.meet(list)?;
            self.writer.list_begin(list.len())?;
            list.iter().try_for_each(|item| self.write(&item))
        } else if let Some(dict) = exactly::<PyDict>(value) {
            self.meet(dict)?;
            self.dict(dict)
        } else if let Some(tuple) = exactly::<PyTuple>(value) {
            self.once(tuple, |encoder| {
                encoder.writer.tuple_begin(tuple.len())?;
                tuple.iter().try_for_each(|item| encoder.write(&item))
            })
        } else {
            self.write_rarer(value)
        }
    }

    fn write_rarer(&mut self, value: &Bound<'_, PyAny>) -> Written {
        if let Some(bytes) = exactly::<PyBytes>(value) {
            let bytes = bytes.as_bytes();
            self.long(value, bytes.len())?;
            Ok(self.writer.bytes(bytes)?)
        } else if let Some(set) = exactly::<PySet>(value) {
            self.meet(set)?;
            self.writer.set_begin(set.len())?;
            set.iter().try_for_each(|item| self.write(&item))
        } else if let Some(set) = exactly::<PyFrozenSet>(value) {
            self.once(set, |encoder| {
                encoder.writer.frozen_set_begin(set.len())?;
                set.iter().try_for_each(|item| encoder.write(&item))
            })
        } else if let Some(bytes) = exactly::<PyByteArray>(value) {
            self.meet(bytes)?;
            Ok(self.writer.byte_array(&bytes.to_vec())?)
        } else if let Some(number) = exactly::<PyComplex>(value) {
            Ok(self.writer.complex(number.real(), number.imag())?)
        } else if let Some(range) = exactly::<PyRange>(value) {
            self.range(range)
        } else {
            calendar::write(value, &mut self.writer)
        }
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> Written {
        // A text with lone surrogates isn't UTF-8.
        let utf8 = text.to_str().map_err(|_| Refusal::NotPlain)?;
        self.long(text, utf8.len())?;
        Ok(self.writer.str(utf8)?)
    }

    fn int(&mut self, number: &Bound<'_, PyInt>) -> Written {
        if let Ok(small) = number.extract::<i64>() {
            return Ok(self.writer.int(small)?);
        }
        let py = number.py();
        let bits: usize = number.call_method0(intern!(py, "bit_length"))?.extract()?;
        let signed = pyo3::types::PyDict::new(py);
        signed.set_item(intern!(py, "signed"), true)?;
        let arguments = (bits / 8 + 1, intern!(py, "big"));
        let bytes = number.call_method(intern!(py, "to_bytes"), arguments, Some(&signed))?;
        Ok(self
            .writer
            .big_int(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())?)
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>) -> Written {
        self.writer.dict_begin(dict.len())?;
        for (key, value) in dict.iter() {
            self.write(&key)?;
            self.write(&value)?;
        }
        Ok(())
    }

    fn range(&mut self, range: &Bound<'_, PyRange>) -> Written {
        self.writer.range_begin()?;
        for bound in ["start", "stop", "step"] {
            // A range may hold integers of any size, so its own accessors won't do.
            self.write(&range.getattr(bound)?)?;
        }
        Ok(())
    }

    /// Notes a mutable object, and refuses it the second time.
    fn meet(&mut self, object: &Bound<'_, PyAny>) -> Written {
        self.mutable += 1;
        if is_shared(object) && !self.met.insert(object.as_ptr() as usize) {
            return Err(Refusal::NotPlain);
        }
        Ok(())
    }

    /// Writes an immutable container, and accounts for it if it was written before.
    fn once(
        &mut self,
        object: &Bound<'_, PyAny>,
        write: impl FnOnce(&mut Self) -> Written,
    ) -> Written {
        if !is_shared(object) {
            return write(self);
        }
        let address = object.as_ptr() as usize;
        if let Some(&size) = self.sizes.get(&address) {
            self.repeat(size.ok_or(Refusal::NotPlain)?)?;
        }
        let (start, mutable) = (self.writer.len(), self.mutable);
        write(self)?;
        let size = (mutable == self.mutable).then(|| self.writer.len() - start);
        self.sizes.insert(address, size);
        Ok(())
    }

    /// Accounts for a long text or bytes if it was written before.
    fn long(&mut self, object: &Bound<'_, PyAny>, size: usize) -> Written {
        if size >= LONG && is_shared(object) {
            let again = self
                .sizes
                .insert(object.as_ptr() as usize, Some(size))
                .is_some();
            if again {
                return self.repeat(size);
            }
        }
        Ok(())
    }

    /// A pickle writes equal objects once, so what repeats too much had better be one. This also
    /// ends early what would double with each level of a tuple of tuples.
    fn repeat(&mut self, size: usize) -> Written {
        self.repeated += size;
        let unique = self.writer.len().saturating_sub(self.repeated);
        if self.repeated > unique.max(REPEAT_ALLOWANCE) {
            return Err(Refusal::NotPlain);
        }
        Ok(())
    }
}

/// The value as one of exactly this class. A cast that fails is slow, because it makes an error;
/// this asks first.
pub(super) fn exactly<'a, 'py, T: PyTypeInfo>(
    value: &'a Bound<'py, PyAny>,
) -> Option<&'a Bound<'py, T>> {
    if value.is_exact_instance_of::<T>() {
        value.cast_exact::<T>().ok()
    } else {
        None
    }
}

/// Whether another part of the same value may hold this object too: one reference is its
/// container's, one ours.
fn is_shared(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object is alive, and the interpreter attached.
    #[expect(unsafe_code, reason = "the reference count has no safe accessor")]
    let references = unsafe { ffi::Py_REFCNT(object.as_ptr()) };
    references > 2
}

//! One Arrow column between Python arrays and frames.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::ffi::{from_ffi, to_ffi};
use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, PrimitiveArray, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::fault::unfit;
use super::memory::{Memory, borrow};
use super::{capsule, text};

/// One column of a frame.
#[pyclass(frozen, module = "pave._native")]
pub(super) struct Column {
    pub(super) field: FieldRef,
    pub(super) array: ArrayRef,
    /// Addresses of the payload that the frame was read from.
    pub(super) payload: Option<Range<usize>>,
}

impl Column {
    fn made(array: ArrayRef) -> Self {
        let field = Field::new("", array.data_type().clone(), true);
        Self {
            field: Arc::new(field),
            array,
            payload: None,
        }
    }

    fn part(&self, array: ArrayRef) -> Self {
        let payload = self.payload.clone();
        Self {
            payload,
            ..Self::made(array)
        }
    }

    /// The buffer of values of a fixed width, cut to this column's rows.
    fn values(&self) -> PyResult<Buffer> {
        let data = self.array.to_data();
        let width = data.data_type().primitive_width();
        match (width, data.buffers()) {
            (Some(width), [values]) => {
                Ok(values.slice_with_length(data.offset() * width, data.len() * width))
            }
            _ => Err(PyTypeError::new_err(format!(
                "{} has no fixed width",
                data.data_type()
            ))),
        }
    }
}

#[pymethods]
impl Column {
    /// A column of values of a fixed width, over the memory of `data`. Missing are the rows where
    /// `mask` isn't 0, or, with `sentinel`, those that hold the least integer.
    #[staticmethod]
    #[pyo3(signature = (arrow_type, data, length, *, mask=None, sentinel=false, zone=None))]
    fn from_fixed(
        arrow_type: &str,
        data: &Bound<'_, PyAny>,
        length: usize,
        mask: Option<&Bound<'_, PyAny>>,
        sentinel: bool,
        zone: Option<String>,
    ) -> PyResult<Self> {
        let data_type = parse_type(arrow_type, zone)?;
        let width = data_type
            .primitive_width()
            .expect("only such types are parsed");
        let values = aligned(borrow(data)?, width);
        let nulls = match mask {
            Some(mask) => present(&borrow(mask)?, |&masked| masked == 0),
            None if sentinel => present(values.typed_data::<i64>(), |&value| value != i64::MIN),
            None => None,
        };
        let data = ArrayData::builder(data_type)
            .len(length)
            .nulls(nulls)
            .add_buffer(values);
        Ok(Self::made(make_array(
            data.build().map_err(|error| unfit(&error))?,
        )))
    }

    /// A column of truth values: `data` has a byte for each.
    #[staticmethod]
    #[pyo3(signature = (data, *, mask=None))]
    fn from_booleans(data: &Bound<'_, PyAny>, mask: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let data = borrow(data)?;
        let values = BooleanBuffer::collect_bool(data.len(), |row| data[row] != 0);
        let nulls = match mask {
            Some(mask) => present(&borrow(mask)?, |&masked| masked == 0),
            None => None,
        };
        Ok(Self::made(Arc::new(BooleanArray::new(values, nulls))))
    }

    /// A column of texts from an array of Python objects, each an exact `str` or one of `missing`.
    /// Gives the column and which of `missing` occurs (the first if none does); or `None` and what
    /// is in the way.
    #[staticmethod]
    fn from_texts<'py>(
        objects: &Bound<'py, PyAny>,
        missing: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<(Option<Self>, Py<PyAny>)> {
        let py = objects.py();
        Ok(match text::gather(objects, &missing)? {
            Ok((array, found)) => (
                Some(Self::made(array)),
                found.into_pyobject(py)?.into_any().unbind(),
            ),
            Err(reason) => (None, reason.into_pyobject(py)?.into_any().unbind()),
        })
    }

    /// A column of codes (`int8` to `int64`; a negative one is missing) over their categories.
    #[staticmethod]
    fn from_codes(
        code_type: &str,
        data: &Bound<'_, PyAny>,
        categories: &Self,
        ordered: bool,
    ) -> PyResult<Self> {
        let codes = borrow(data)?;
        let values = Arc::clone(&categories.array);
        let array = match code_type {
            "int8" => dictionary::<Int8Type>(codes, values),
            "int16" => dictionary::<Int16Type>(codes, values),
            "int32" => dictionary::<Int32Type>(codes, values),
            "int64" => dictionary::<Int64Type>(codes, values),
            _ => return Err(PyValueError::new_err(format!("codes of type {code_type}"))),
        }?;
        let field = Field::new("", array.data_type().clone(), true).with_dict_is_ordered(ordered);
        Ok(Self {
            field: Arc::new(field),
            array,
            payload: None,
        })
    }

    /// The column of any object with `__arrow_c_array__`, over its memory.
    #[staticmethod]
    fn from_arrow(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (schema, array) = capsule::import_array(object)?;
        let field = Field::try_from(&schema).map_err(|error| unfit(&error))?;
        // SAFETY: the pair comes from one export, whose producer vouches for it.
        #[expect(unsafe_code, reason = "the Arrow C data interface is a C interface")]
        let data = unsafe { from_ffi(array, &schema) }.map_err(|error| unfit(&error))?;
        Ok(Self {
            field: Arc::new(field),
            array: make_array(data),
            payload: None,
        })
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }

    /// The Arrow type's name; for numbers it is numpy's too.
    #[getter]
    fn r#type(&self) -> String {
        self.array.data_type().to_string().to_lowercase()
    }

    /// Where the values of a fixed width lie in memory.
    #[getter]
    fn address(&self) -> PyResult<usize> {
        Ok(self.values()?.as_ptr().addr())
    }

    /// Where they lie within the payload; `None` if they are elsewhere.
    #[getter]
    fn offset(&self) -> PyResult<Option<usize>> {
        let values = self.values()?;
        Ok(offset_within(self.payload.as_ref(), &values))
    }

    /// The values of a fixed width.
    fn data(&self) -> PyResult<Memory> {
        Ok(Memory::new(self.values()?))
    }

    /// A byte for each row: whether its value is missing.
    fn missing(&self) -> Memory {
        let missing: Vec<u8> = match self.array.nulls() {
            None => vec![0; self.array.len()],
            Some(nulls) => nulls.iter().map(|present| u8::from(!present)).collect(),
        };
        Memory::new(Buffer::from_vec(missing))
    }

    /// A byte for each row: whether it is true.
    fn booleans(&self) -> PyResult<Memory> {
        let array = self.array.as_boolean_opt();
        let array = array.ok_or_else(|| PyTypeError::new_err("not a column of truth values"))?;
        Ok(Memory::new(Buffer::from_vec(
            array.values().iter().map(u8::from).collect::<Vec<_>>(),
        )))
    }

    /// The texts, with `missing` for those that are.
    fn texts<'py>(&self, missing: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        text::list(&self.array, missing)
    }

    /// The codes of a column of categories.
    fn codes(&self) -> PyResult<Self> {
        Ok(self.part(make_array(self.dictionary()?.keys().to_data())))
    }

    /// The categories.
    fn categories(&self) -> PyResult<Self> {
        Ok(self.part(Arc::clone(self.dictionary()?.values())))
    }

    /// Whether an object with `__arrow_c_array__` holds the very memory of this column, which lies
    /// in the payload.
    fn is_same(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        let other = Self::from_arrow(object)?;
        Ok(is_same(&self.array, &other.array, self.payload.as_ref()))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // A consumer may ask for a schema but can't insist on it.
        let _ = requested_schema;
        let (array, _) = to_ffi(&self.array.to_data()).map_err(|error| unfit(&error))?;
        capsule::export_array(py, &self.field, array)
    }
}

impl Column {
    fn dictionary(&self) -> PyResult<&dyn arrow_array::array::AnyDictionaryArray> {
        let array = self.array.as_any_dictionary_opt();
        array.ok_or_else(|| PyTypeError::new_err("not a column of categories"))
    }
}

/// Whether two arrays are one: the same buffers, all of them within the payload.
pub(super) fn is_same(ours: &ArrayRef, other: &ArrayRef, payload: Option<&Range<usize>>) -> bool {
    let data = ours.to_data();
    data.ptr_eq(&other.to_data()) && lies_within(&data, payload)
}

fn lies_within(data: &ArrayData, payload: Option<&Range<usize>>) -> bool {
    let is_inside = |buffer: &Buffer| buffer.is_empty() || offset_within(payload, buffer).is_some();
    data.nulls().is_none_or(|nulls| is_inside(nulls.buffer()))
        && data.buffers().iter().all(is_inside)
        && data
            .child_data()
            .iter()
            .all(|child| lies_within(child, payload))
}

fn offset_within(payload: Option<&Range<usize>>, buffer: &Buffer) -> Option<usize> {
    let payload = payload?;
    let start = buffer.as_ptr().addr();
    (payload.start <= start && start + buffer.len() <= payload.end).then(|| start - payload.start)
}

fn dictionary<K>(codes: Buffer, categories: ArrayRef) -> PyResult<ArrayRef>
where
    K: ArrowDictionaryKeyType,
    K::Native: Default + PartialOrd,
{
    let codes = aligned(codes, size_of::<K::Native>());
    let nulls = present(codes.typed_data::<K::Native>(), |code| {
        *code >= K::Native::default()
    });
    let keys = PrimitiveArray::<K>::try_new(codes.into(), nulls);
    let array = keys.and_then(|keys| DictionaryArray::try_new(keys, categories));
    Ok(Arc::new(array.map_err(|error| unfit(&error))?))
}

/// Which rows are present; `None` if all are.
fn present<T>(values: &[T], is_present: impl Fn(&T) -> bool) -> Option<NullBuffer> {
    if values.iter().all(&is_present) {
        return None;
    }
    let mut bits = BooleanBufferBuilder::new(values.len());
    values
        .iter()
        .for_each(|value| bits.append(is_present(value)));
    Some(NullBuffer::new(bits.finish()))
}

/// The buffer at an address that Arrow can read values of this width from.
fn aligned(buffer: Buffer, width: usize) -> Buffer {
    if buffer.as_ptr().addr().is_multiple_of(width) {
        return buffer;
    }
    Buffer::from_slice_ref(buffer.as_slice())
}

fn parse_type(name: &str, zone: Option<String>) -> PyResult<DataType> {
    let unit = |text: &str| match text {
        "s" => Ok(TimeUnit::Second),
        "ms" => Ok(TimeUnit::Millisecond),
        "us" => Ok(TimeUnit::Microsecond),
        "ns" => Ok(TimeUnit::Nanosecond),
        _ => Err(PyValueError::new_err(format!("unknown unit {text}"))),
    };
    let (family, inner) = match name.split_once('[') {
        Some((family, rest)) => (family, rest.trim_end_matches(']')),
        None => (name, ""),
    };
    Ok(match family {
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float16" => DataType::Float16,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "timestamp" => DataType::Timestamp(unit(inner)?, zone.map(Into::into)),
        "duration" => DataType::Duration(unit(inner)?),
        _ => return Err(PyValueError::new_err(format!("unknown type {name}"))),
    })
}

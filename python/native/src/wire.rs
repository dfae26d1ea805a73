//! MessagePack to and from plain Python objects, for the worker protocol.
//!
//! Owns: `pack` and `unpack`. Bytes stay bytes, text stays text, tuples become lists.
//! Must not: know any message; `pave._worker` builds and reads those.
//! Tested by: `python/tests/flows/test_wire.py`.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple,
};
use rmp::Marker;
use rmp::decode::{self, RmpRead};
use rmp::encode;

/// Deeper nesting than this is an error on both sides: no message needs it, and the stack is finite.
const MAX_DEPTH: usize = 256;

/// Lengths that bytes merely announce don't reserve more memory than this.
const MAX_RESERVED: usize = 1 << 12;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pack, module)?)?;
    module.add_function(wrap_pyfunction!(unpack, module)?)
}

/// Encodes a plain value as MessagePack.
///
/// `None`, `bool`, `int` of 64 bits, `float`, `str`, bytes-likes, lists, tuples and dicts.
#[pyfunction]
fn pack<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value, 0)?;
    Ok(PyBytes::new(py, &out))
}

/// Decodes one MessagePack value that fills `data`.
#[pyfunction]
fn unpack<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut rest = data;
    let value = read(py, &mut rest, 0)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(PyValueError::new_err(format!(
            "{} bytes are left after the value",
            rest.len()
        )))
    }
}

fn write(out: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    if value.is_none() {
        encode::write_nil(out)?;
    } else if let Ok(text) = value.cast::<PyString>() {
        encode::write_str(out, text.to_str()?).map_err(unwritable)?;
    } else if let Ok(flag) = value.cast::<PyBool>() {
        encode::write_bool(out, flag.is_true())?;
    } else if let Ok(number) = value.cast::<PyInt>() {
        write_int(out, number)?;
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        encode::write_bin(out, bytes.as_bytes()).map_err(unwritable)?;
    } else if let Ok(map) = value.cast::<PyDict>() {
        encode::write_map_len(out, length(map.len())?).map_err(unwritable)?;
        for (key, item) in map {
            write(out, &key, depth + 1)?;
            write(out, &item, depth + 1)?;
        }
    } else if let Ok(list) = value.cast::<PyList>() {
        encode::write_array_len(out, length(list.len())?).map_err(unwritable)?;
        for item in list {
            write(out, &item, depth + 1)?;
        }
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        encode::write_array_len(out, length(tuple.len())?).map_err(unwritable)?;
        for item in tuple {
            write(out, &item, depth + 1)?;
        }
    } else if let Ok(number) = value.cast::<PyFloat>() {
        encode::write_f64(out, number.value()).map_err(unwritable)?;
    } else {
        write_bytes_like(out, value)?;
    }
    Ok(())
}

fn write_int(out: &mut Vec<u8>, number: &Bound<'_, PyInt>) -> PyResult<()> {
    if let Ok(number) = number.extract::<i64>() {
        encode::write_sint(out, number).map_err(unwritable)?;
    } else if let Ok(number) = number.extract::<u64>() {
        encode::write_uint(out, number).map_err(unwritable)?;
    } else {
        return Err(PyOverflowError::new_err(
            "an int of more than 64 bits has no MessagePack form",
        ));
    }
    Ok(())
}

fn write_bytes_like(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>() {
        let bytes = value.py().get_type::<PyBytes>().call1((value,))?;
        let bytes = bytes.cast_into::<PyBytes>()?;
        return encode::write_bin(out, bytes.as_bytes()).map_err(unwritable);
    }
    Err(PyTypeError::new_err(format!(
        "a value of type `{}` has no MessagePack form",
        value.get_type().qualname()?
    )))
}

fn read<'py>(py: Python<'py>, rest: &mut &[u8], depth: usize) -> PyResult<Bound<'py, PyAny>> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let marker = decode::read_marker(rest).map_err(|_| cut_short())?;
    Ok(match marker {
        Marker::Null => py.None().into_bound(py),
        Marker::True => PyBool::new(py, true).to_owned().into_any(),
        Marker::False => PyBool::new(py, false).to_owned().into_any(),
        Marker::FixPos(number) => number.into_pyobject(py)?.into_any(),
        Marker::FixNeg(number) => number.into_pyobject(py)?.into_any(),
        Marker::U8 => fixed(rest, u8::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::U16 => fixed(rest, u16::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::U32 => fixed(rest, u32::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::U64 => fixed(rest, u64::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::I8 => fixed(rest, i8::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::I16 => fixed(rest, i16::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::I32 => fixed(rest, i32::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::I64 => fixed(rest, i64::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::F32 => fixed(rest, f32::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::F64 => fixed(rest, f64::from_be_bytes)?
            .into_pyobject(py)?
            .into_any(),
        Marker::FixStr(length) => read_text(py, rest, length.into())?,
        Marker::Str8 => read_length::<1>(rest).and_then(|length| read_text(py, rest, length))?,
        Marker::Str16 => read_length::<2>(rest).and_then(|length| read_text(py, rest, length))?,
        Marker::Str32 => read_length::<4>(rest).and_then(|length| read_text(py, rest, length))?,
        Marker::Bin8 => read_length::<1>(rest).and_then(|length| read_bytes(py, rest, length))?,
        Marker::Bin16 => read_length::<2>(rest).and_then(|length| read_bytes(py, rest, length))?,
        Marker::Bin32 => read_length::<4>(rest).and_then(|length| read_bytes(py, rest, length))?,
        Marker::FixArray(length) => read_list(py, rest, length.into(), depth)?,
        Marker::Array16 => {
            read_length::<2>(rest).and_then(|length| read_list(py, rest, length, depth))?
        }
        Marker::Array32 => {
            read_length::<4>(rest).and_then(|length| read_list(py, rest, length, depth))?
        }
        Marker::FixMap(length) => read_map(py, rest, length.into(), depth)?,
        Marker::Map16 => {
            read_length::<2>(rest).and_then(|length| read_map(py, rest, length, depth))?
        }
        Marker::Map32 => {
            read_length::<4>(rest).and_then(|length| read_map(py, rest, length, depth))?
        }
        other => {
            return Err(PyValueError::new_err(format!(
                "{other:?} is no part of the protocol"
            )));
        }
    })
}

fn read_list<'py>(
    py: Python<'py>,
    rest: &mut &[u8],
    length: usize,
    depth: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let mut items = Vec::with_capacity(length.min(MAX_RESERVED));
    for _ in 0..length {
        items.push(read(py, rest, depth + 1)?);
    }
    Ok(PyList::new(py, items)?.into_any())
}

fn read_map<'py>(
    py: Python<'py>,
    rest: &mut &[u8],
    length: usize,
    depth: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let map = PyDict::new(py);
    for _ in 0..length {
        let key = read(py, rest, depth + 1)?;
        let item = read(py, rest, depth + 1)?;
        map.set_item(key, item)?;
    }
    Ok(map.into_any())
}

fn read_text<'py>(py: Python<'py>, rest: &mut &[u8], length: usize) -> PyResult<Bound<'py, PyAny>> {
    let text = std::str::from_utf8(take(rest, length)?)
        .map_err(|_| PyValueError::new_err("a text is not UTF-8"))?;
    Ok(PyString::new(py, text).into_any())
}

fn read_bytes<'py>(
    py: Python<'py>,
    rest: &mut &[u8],
    length: usize,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyBytes::new(py, take(rest, length)?).into_any())
}

fn read_length<const N: usize>(rest: &mut &[u8]) -> PyResult<usize> {
    let mut bytes = [0; N];
    rest.read_exact_buf(&mut bytes).map_err(|_| cut_short())?;
    Ok(bytes
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

fn fixed<const N: usize, T>(rest: &mut &[u8], from: fn([u8; N]) -> T) -> PyResult<T> {
    let mut bytes = [0; N];
    rest.read_exact_buf(&mut bytes).map_err(|_| cut_short())?;
    Ok(from(bytes))
}

fn take<'data>(rest: &mut &'data [u8], length: usize) -> PyResult<&'data [u8]> {
    let (taken, left) = rest.split_at_checked(length).ok_or_else(cut_short)?;
    *rest = left;
    Ok(taken)
}

fn length(count: usize) -> PyResult<u32> {
    u32::try_from(count).map_err(|_| PyValueError::new_err("more items than MessagePack can count"))
}

fn unwritable(error: encode::ValueWriteError) -> PyErr {
    PyValueError::new_err(format!("writing MessagePack: {error}"))
}

fn cut_short() -> PyErr {
    PyValueError::new_err("the bytes end in the middle of a value")
}

fn too_deep() -> PyErr {
    PyValueError::new_err(format!("nested deeper than {MAX_DEPTH} levels"))
}

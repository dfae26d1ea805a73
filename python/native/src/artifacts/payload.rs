//! A payload that was read from the store, as what its encoding says it is.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::Buffer;
use pave_artifact::array::{ArrayHeader, Order};
use pave_artifact::pickle::PickleLayout;
use pave_artifact::{Encoding, Mapping};
use pyo3::prelude::*;

use super::decode::decode;
use super::fault::fault;
use super::frame::Frame;
use super::memory::{Memory, of_mapping};

/// A payload in memory, and how it is to be read.
#[pyclass(frozen, module = "pave._native")]
pub(super) struct Payload {
    encoding: Encoding,
    type_name: String,
    mapping: Arc<Mapping>,
    /// Where the payload is within the mapping.
    range: Range<usize>,
    /// What is stored, if the mapping can't tell whether it still holds it.
    stored: Option<Vec<u8>>,
}

/// An array's dtype, shape, whether it is in Fortran order, notes, and elements.
type Array = (String, Vec<u64>, bool, Vec<(String, String)>, Memory);

impl Payload {
    /// A payload that is a whole mapping.
    pub(super) fn new(encoding: Encoding, type_name: String, mapping: Mapping) -> Self {
        let range = 0..mapping.len();
        Self::part(encoding, type_name, Arc::new(mapping), range)
    }

    /// A payload that is part of a mapping.
    pub(super) fn part(
        encoding: Encoding,
        type_name: String,
        mapping: Arc<Mapping>,
        range: Range<usize>,
    ) -> Self {
        Self {
            encoding,
            type_name,
            mapping,
            range,
            stored: None,
        }
    }

    /// The same, with what is stored to compare with.
    pub(super) fn with_stored(self, stored: Vec<u8>) -> Self {
        Self {
            stored: Some(stored),
            ..self
        }
    }

    /// Whether it is a plain value.
    pub(super) fn is_plain(&self) -> bool {
        self.encoding == Encoding::Value
    }

    fn bytes(&self) -> &[u8] {
        &self.mapping[self.range.clone()]
    }

    fn buffer(&self) -> Buffer {
        of_mapping(&self.mapping).slice_with_length(self.range.start, self.range.len())
    }
}

#[pymethods]
impl Payload {
    #[getter]
    fn encoding(&self) -> &str {
        self.encoding.as_str()
    }

    #[getter]
    fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The Python value of a plain value.
    pub(super) fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        decode(py, self.bytes())
    }

    /// The parts of an array.
    fn array(&self) -> PyResult<Array> {
        let (header, data) = ArrayHeader::parse(self.bytes()).map_err(|error| fault(&error))?;
        let elements = Memory::new(self.buffer().slice(self.range.len() - data.len()));
        let is_fortran = header.order == Order::F;
        Ok((
            header.dtype,
            header.shape,
            is_fortran,
            header.extra,
            elements,
        ))
    }

    /// The frame.
    fn frame(&self) -> PyResult<Frame> {
        Frame::read(self.buffer())
    }

    /// The stream and the out-of-band buffers of a pickle.
    fn pickle(&self) -> PyResult<(Memory, Vec<Memory>)> {
        let layout = PickleLayout::parse(self.bytes()).map_err(|error| fault(&error))?;
        let whole = self.buffer();
        let part =
            |range: Range<usize>| Memory::new(whole.slice_with_length(range.start, range.len()));
        Ok((
            part(layout.stream),
            layout.buffers.into_iter().map(part).collect(),
        ))
    }

    /// Whether the memory provably still holds what is stored.
    fn is_clean(&self) -> bool {
        match &self.stored {
            Some(stored) => self.bytes() == stored,
            None => self.mapping.is_clean() == Some(true),
        }
    }
}

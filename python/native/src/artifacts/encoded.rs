//! A value's payload on its way into the store, or into a list of items.

use std::borrow::Cow;

use arrow_buffer::Buffer;
use pave_artifact::array::{ArrayHeader, Order};
use pave_artifact::frame::FrameParts;
use pave_artifact::items::{ItemKind, ItemsWriter};
use pave_artifact::pickle::PickleHead;
use pave_artifact::{ArtifactError, Encoding};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use super::encode::encode;
use super::fault::fault;
use super::memory::borrow;

/// A payload that shares the memory of the value it was made from.
#[pyclass(frozen, module = "pave._native")]
pub(super) struct Encoded(Content);

enum Content {
    Value(Vec<u8>),
    Array {
        head: Vec<u8>,
        data: Buffer,
    },
    Frame(FrameParts),
    Pickle {
        head: PickleHead,
        stream: Buffer,
        buffers: Vec<Buffer>,
    },
}

impl Encoded {
    pub(super) fn of_frame(parts: FrameParts) -> Self {
        Self(Content::Frame(parts))
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self.0 {
            Content::Value(_) => Encoding::Value,
            Content::Array { .. } => Encoding::Array,
            Content::Frame(_) => Encoding::Frame,
            Content::Pickle { .. } => Encoding::Pickle,
        }
    }

    /// The payload's parts, in order.
    pub(super) fn parts(&self) -> Vec<&[u8]> {
        match &self.0 {
            Content::Value(bytes) => vec![bytes],
            Content::Array { head, data } => vec![head, data],
            Content::Frame(parts) => parts.parts(),
            Content::Pickle {
                head,
                stream,
                buffers,
            } => {
                let buffers: Vec<&[u8]> = buffers.iter().map(Buffer::as_slice).collect();
                head.parts(stream, &buffers)
            }
        }
    }
}

#[pymethods]
impl Encoded {
    /// The payload of a plain value; `None` if the value isn't one.
    #[staticmethod]
    fn value(value: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        Ok(encode(value)?.map(|bytes| Self(Content::Value(bytes))))
    }

    /// The payload of an array whose elements are `data`.
    #[staticmethod]
    fn array(
        dtype: String,
        shape: Vec<u64>,
        is_fortran: bool,
        extra: Vec<(String, String)>,
        data: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let order = if is_fortran { Order::F } else { Order::C };
        let header = ArrayHeader {
            dtype,
            shape,
            order,
            extra,
        };
        let head = header.encode().map_err(|error| fault(&error))?;
        Ok(Self(Content::Array {
            head,
            data: borrow(data)?,
        }))
    }

    /// The payload of a pickle stream and its out-of-band buffers.
    #[staticmethod]
    fn pickle(stream: &Bound<'_, PyAny>, buffers: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        let stream = borrow(stream)?;
        let buffers: Vec<Buffer> = buffers.iter().map(borrow).collect::<PyResult<_>>()?;
        let slices: Vec<&[u8]> = buffers.iter().map(Buffer::as_slice).collect();
        let head = PickleHead::new(&stream, &slices);
        Ok(Self(Content::Pickle {
            head,
            stream,
            buffers,
        }))
    }
}

/// Values on their way into one payload from which each can be read alone.
#[pyclass(module = "pave._native")]
#[derive(Default)]
pub(super) struct Items {
    items: Vec<(ItemKind, Item)>,
    /// The class of the last plain value, and its kind: items tend to be alike.
    last: Option<(Py<PyType>, ItemKind)>,
}

enum Item {
    Plain(Vec<u8>),
    Encoded(Py<Encoded>),
}

impl Items {
    /// Calls `then` with the parts of the whole payload.
    pub(super) fn with_parts<T>(
        &self,
        then: impl FnOnce(&[&[u8]]) -> Result<T, ArtifactError>,
    ) -> Result<T, ArtifactError> {
        let mut writer = ItemsWriter::new();
        for (kind, item) in &self.items {
            match item {
                Item::Plain(bytes) => writer.push(kind, Cow::Borrowed(bytes.as_slice()))?,
                Item::Encoded(encoded) => {
                    let parts = encoded.get().parts();
                    writer.push_parts(kind, parts.into_iter().map(Cow::Borrowed))?;
                }
            }
        }
        let finished = writer.finish();
        then(&finished.parts())
    }

    fn kind_of(&mut self, class: &Bound<'_, PyType>) -> PyResult<ItemKind> {
        if let Some((last, kind)) = &self.last
            && class.is(last)
        {
            return Ok(kind.clone());
        }
        let type_name = class.fully_qualified_name()?.to_string();
        let kind = ItemKind {
            encoding: Encoding::Value,
            type_name,
        };
        self.last = Some((class.clone().unbind(), kind.clone()));
        Ok(kind)
    }
}

#[pymethods]
impl Items {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds the values from `start` on as long as they are plain ones, and gives the index of the
    /// first that isn't, or their number.
    fn extend(&mut self, values: &Bound<'_, PyList>, start: usize) -> PyResult<usize> {
        for index in start..values.len() {
            let value = values.get_item(index)?;
            let Some(bytes) = encode(&value)? else {
                return Ok(index);
            };
            let kind = self.kind_of(&value.get_type())?;
            self.items.push((kind, Item::Plain(bytes)));
        }
        Ok(values.len())
    }

    /// Adds any payload.
    fn push(&mut self, encoded: Bound<'_, Encoded>, type_name: String) {
        let kind = ItemKind {
            encoding: encoded.get().encoding(),
            type_name,
        };
        self.items.push((kind, Item::Encoded(encoded.unbind())));
    }

    fn __len__(&self) -> usize {
        self.items.len()
    }
}

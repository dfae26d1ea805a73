//! A frame between Python and its Arrow IPC payload.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader};
use arrow_buffer::Buffer;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use pave_artifact::{Mapping, frame};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};

use super::capsule;
use super::column::{Column, is_same};
use super::encoded::Encoded;
use super::fault::{fault, unfit};
use super::memory::{Memory, of_mapping};

/// Named columns of equal length, with the schema's own metadata.
#[pyclass(frozen, module = "pave._native")]
pub(super) struct Frame {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// The payload that it was read from.
    payload: Option<Buffer>,
}

impl Frame {
    /// The frame of a payload, over its memory.
    pub(super) fn read(payload: Buffer) -> PyResult<Self> {
        let frame = frame::decode_buffer(payload.clone()).map_err(|error| fault(&error))?;
        Ok(Self {
            schema: frame.schema,
            batches: frame.batches,
            payload: Some(payload),
        })
    }

    fn addresses(&self) -> Option<Range<usize>> {
        let payload = self.payload.as_ref()?;
        let start = payload.as_ptr().addr();
        Some(start..start + payload.len())
    }

    fn parts(&self) -> PyResult<frame::FrameParts> {
        frame::encode(&self.schema, &self.batches)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn reader(&self) -> Box<dyn RecordBatchReader + Send> {
        let batches = self.batches.clone().into_iter().map(Ok::<_, ArrowError>);
        Box::new(RecordBatchIterator::new(batches, Arc::clone(&self.schema)))
    }
}

#[pymethods]
impl Frame {
    /// A frame of columns that are all `rows` long.
    #[new]
    fn new(
        names: Vec<String>,
        columns: Vec<PyRef<'_, Column>>,
        metadata: HashMap<String, String>,
        rows: usize,
    ) -> PyResult<Self> {
        let fields = names.into_iter().zip(&columns);
        let fields: Vec<Field> = fields
            .map(|(name, column)| column.field.as_ref().clone().with_name(name))
            .collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let arrays = columns
            .iter()
            .map(|column| Arc::clone(&column.array))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
            .map_err(|error| unfit(&error))?;
        Ok(Self {
            schema,
            batches: vec![batch],
            payload: None,
        })
    }

    /// The frame of any object with `__arrow_c_stream__`, over its memory.
    #[staticmethod]
    fn from_stream(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let reader = capsule::import_stream(object)?;
        let schema = reader.schema();
        let batches: Result<_, _> = reader.collect();
        Ok(Self {
            schema,
            batches: batches.map_err(|error| unfit(&error))?,
            payload: None,
        })
    }

    /// The frame that `to_bytes` wrote.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        Self::read(of_mapping(&Arc::new(Mapping::copy_of(bytes))))
    }

    /// The frame as one Arrow IPC stream.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.parts()?.parts().concat()))
    }

    /// The frame as a payload that shares its memory.
    fn encode(&self) -> PyResult<Encoded> {
        Ok(Encoded::of_frame(self.parts()?))
    }

    /// The same frame with other metadata.
    fn with_metadata(&self, metadata: HashMap<String, String>) -> Self {
        // The batches keep theirs: only the frame's is ever written or handed on.
        let schema = Arc::new(Schema::clone(&self.schema).with_metadata(metadata));
        Self {
            schema,
            batches: self.batches.clone(),
            payload: self.payload.clone(),
        }
    }

    #[getter]
    fn metadata(&self) -> HashMap<String, String> {
        self.schema.metadata().clone()
    }

    #[getter]
    fn names(&self) -> Vec<String> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    #[getter]
    fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    #[getter]
    fn batches(&self) -> usize {
        self.batches.len()
    }

    /// The payload that it was read from.
    #[getter]
    fn memory(&self) -> Option<Memory> {
        self.payload.clone().map(Memory::new)
    }

    /// A column of a frame that is one batch.
    fn column(&self, index: usize) -> PyResult<Column> {
        match &self.batches[..] {
            [batch] if index < batch.num_columns() => Ok(Column {
                field: Arc::clone(&self.schema.fields()[index]),
                array: Arc::clone(batch.column(index)),
                payload: self.addresses(),
            }),
            [_] => Err(PyValueError::new_err(format!("there is no column {index}"))),
            batches => Err(PyValueError::new_err(format!(
                "{} batches instead of 1",
                batches.len()
            ))),
        }
    }

    /// Whether an object with `__arrow_c_stream__` has the same columns in the very memory of the
    /// payload.
    fn is_same(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        let other = Self::from_stream(object)?;
        let addresses = self.addresses();
        let pairs = || self.batches.iter().zip(&other.batches);
        Ok(self.schema.fields() == other.schema.fields()
            && self.batches.len() == other.batches.len()
            && pairs().all(|(ours, theirs)| {
                let mut columns = ours.columns().iter().zip(theirs.columns());
                ours.num_rows() == theirs.num_rows()
                    && columns.all(|(ours, theirs)| is_same(ours, theirs, addresses.as_ref()))
            }))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A consumer may ask for a schema but can't insist on it.
        let _ = requested_schema;
        capsule::export_stream(py, FFI_ArrowArrayStream::new(self.reader()))
    }
}

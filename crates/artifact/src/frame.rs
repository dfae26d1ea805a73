//! The format of frames: an Arrow IPC stream, uncompressed, every buffer at a multiple of 64.
//!
//! Any Arrow implementation reads it. Writing hands the columns' own buffers on without copying
//! them; reading gives batches whose buffers are the mapped payload.

use std::{panic, ptr::NonNull, sync::Arc};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::{
    MetadataVersion,
    reader::StreamDecoder,
    writer::{IpcWriteOptions, StreamEncoder},
};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::{ArtifactError, Mapping};

const FORMAT: &str = "frame";
const ALIGNMENT: usize = 64;

/// A frame ready to be put: parts that share the columns' memory.
#[derive(Debug)]
pub struct FrameParts(Vec<Buffer>);

impl FrameParts {
    /// The payload's parts, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<&[u8]> {
        self.0.iter().map(Buffer::as_slice).collect()
    }
}

/// A frame as read: batches that share the payload's memory.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Columns, and the metadata that was written with them.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

impl Frame {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Encodes batches of one schema; its metadata is kept. Buffers of columns are not copied; those of
/// dictionaries (categories) are.
///
/// # Errors
/// [`ArtifactError::Unfit`] if a batch has another schema or a type that Arrow IPC lacks.
pub fn encode(schema: &Schema, batches: &[RecordBatch]) -> Result<FrameParts, ArtifactError> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5);
    let parts = options.and_then(|options| {
        let mut encoder = StreamEncoder::try_new_with_options(schema, options)?;
        let mut parts = Vec::new();
        for batch in batches {
            same_columns(schema, batch)?;
            parts.extend(encoder.encode(batch)?);
        }
        parts.extend(encoder.finish()?);
        Ok(parts)
    });
    parts.map(FrameParts).map_err(|cause| ArtifactError::Unfit {
        format: FORMAT,
        why: cause.to_string(),
    })
}

/// Decodes a mapped payload without copying it: the batches keep the mapping alive. Their contents
/// are checked (offsets, UTF-8), so nothing read from them can reach outside of the payload.
///
/// # Errors
/// [`ArtifactError::Malformed`].
pub fn decode(payload: Arc<Mapping>) -> Result<Frame, ArtifactError> {
    let start = NonNull::from(&payload[..]).cast();
    let length = payload.len();
    #[expect(
        unsafe_code,
        reason = "Arrow's only way to borrow memory of another owner"
    )]
    // SAFETY: the memory is valid for `length` bytes as long as its owner, the mapping, lives.
    let buffer = unsafe { Buffer::from_custom_allocation(start, length, payload) };
    decode_buffer(buffer)
}

/// Decodes a payload in memory. Buffers at a multiple of 64 are not copied.
///
/// # Errors
/// [`ArtifactError::Malformed`].
pub fn decode_buffer(payload: Buffer) -> Result<Frame, ArtifactError> {
    // Arrow's reader verifies what it reads, but some damage to a message makes it panic.
    let read = panic::catch_unwind(move || read(payload));
    let wrong = match read {
        Ok(Ok(frame)) => return Ok(frame),
        Ok(Err(cause)) => cause.to_string(),
        Err(_) => "a message contradicts itself".to_owned(),
    };
    Err(ArtifactError::Malformed {
        format: FORMAT,
        why: wrong,
        at: 0,
    })
}

fn read(mut payload: Buffer) -> Result<Frame, ArrowError> {
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut payload)? {
        batches.push(batch);
    }
    decoder.finish()?;
    let schema = decoder
        .schema()
        .ok_or_else(|| ArrowError::IpcError("the schema is missing".to_owned()))?;
    Ok(Frame { schema, batches })
}

fn same_columns(schema: &Schema, batch: &RecordBatch) -> Result<(), ArrowError> {
    if batch.schema_ref().fields() == schema.fields() {
        Ok(())
    } else {
        Err(ArrowError::SchemaError(
            "a batch has other columns than the frame".to_owned(),
        ))
    }
}

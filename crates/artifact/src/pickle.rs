//! The format of pickles: the pickle stream, then its out-of-band buffers (protocol 5), each at a
//! multiple of 64 so that a mapped payload serves as the buffers themselves.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | the magic text `PVPICKL1` |
//! | 8 | number of buffers, little-endian, as all numbers here |
//! | 8 each | length of the stream, then of each buffer |
//! | | the stream, then each buffer, each padded with zeros to a multiple of 64 |
//!
//! Nothing here runs or inspects the pickle itself.

use std::ops::Range;

use crate::{ArtifactError, wire::Tokens};

const MAGIC: &[u8; 8] = b"PVPICKL1";
const FORMAT: &str = "pickle";
const ALIGNMENT: usize = 64;
const ZEROS: [u8; ALIGNMENT] = [0; ALIGNMENT];

/// The head of a pickle's payload; see [`PickleHead::parts`].
#[derive(Clone, Debug)]
pub struct PickleHead(Vec<u8>);

impl PickleHead {
    /// The head for a stream and its buffers.
    #[must_use]
    pub fn new(stream: &[u8], buffers: &[&[u8]]) -> Self {
        let mut head = Vec::with_capacity(24 + 8 * buffers.len());
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&(buffers.len() as u64).to_le_bytes());
        head.extend_from_slice(&(stream.len() as u64).to_le_bytes());
        for buffer in buffers {
            head.extend_from_slice(&(buffer.len() as u64).to_le_bytes());
        }
        head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
        Self(head)
    }

    /// The payload's parts, in order; nothing is copied.
    #[must_use]
    pub fn parts<'a>(&'a self, stream: &'a [u8], buffers: &[&'a [u8]]) -> Vec<&'a [u8]> {
        let mut parts = vec![self.0.as_slice()];
        for &bytes in std::iter::once(&stream).chain(buffers) {
            parts.push(bytes);
            parts.push(&ZEROS[..bytes.len().next_multiple_of(ALIGNMENT) - bytes.len()]);
        }
        parts
    }
}

/// Where the stream and its buffers are within a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickleLayout {
    /// The pickle stream.
    pub stream: Range<usize>,
    /// The out-of-band buffers, in order.
    pub buffers: Vec<Range<usize>>,
}

impl PickleLayout {
    /// Reads a payload's head.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`].
    pub fn parse(payload: &[u8]) -> Result<Self, ArtifactError> {
        let mut tokens = Tokens::new(payload, FORMAT);
        if tokens.take(8)? != MAGIC {
            return Err(tokens.wrong("the magic text is not there"));
        }
        let count = number(&mut tokens)?;
        if count >= tokens.remaining() / 8 {
            return Err(tokens.wrong(format!("{count} buffers were announced")));
        }
        let lengths: Vec<usize> = (0..=count)
            .map(|_| number(&mut tokens))
            .collect::<Result<_, _>>()?;
        pad(&mut tokens)?;
        let mut ranges = Vec::with_capacity(lengths.len());
        for length in lengths {
            let start = tokens.at();
            tokens.take(length)?;
            ranges.push(start..tokens.at());
            pad(&mut tokens)?;
        }
        if tokens.remaining() > 0 {
            return Err(tokens.wrong("bytes follow the end"));
        }
        let stream = ranges.remove(0);
        Ok(Self {
            stream,
            buffers: ranges,
        })
    }
}

fn number(tokens: &mut Tokens<'_>) -> Result<usize, ArtifactError> {
    let bytes = tokens.take(8)?.try_into().expect("take gives 8 bytes");
    usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| tokens.wrong("a length is absurd"))
}

fn pad(tokens: &mut Tokens<'_>) -> Result<(), ArtifactError> {
    let at = tokens.at();
    tokens.take(at.next_multiple_of(ALIGNMENT) - at).map(|_| ())
}

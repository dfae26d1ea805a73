//! One artifact as a manifest knows it: what it is, and where its bytes are.

use std::fmt;

use rmp::encode as msgpack;

use crate::{
    ArtifactError,
    wire::{Token, Tokens},
};

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// Most characters of a label that are kept.
pub const LABEL_LIMIT: usize = 100;

/// How an artifact's bytes are to be read. Stored by name; a name that this version doesn't know
/// survives a round trip.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Plain values; see `value`.
    Value,
    /// A numeric n-dimensional array; see `array`.
    Array,
    /// An Arrow IPC stream; see `frame`.
    Frame,
    /// Many payloads, each readable alone; see `items`.
    Items,
    /// Python pickle with out-of-band buffers; see `pickle`.
    Pickle,
    /// R's own serialization.
    Rds,
    /// Written by a version that knows more.
    Other(String),
}

impl Encoding {
    /// The name as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Value => "value",
            Self::Array => "array",
            Self::Frame => "frame",
            Self::Items => "items",
            Self::Pickle => "pickle",
            Self::Rds => "rds",
            Self::Other(name) => name,
        }
    }

    /// Whether every language can read it, and the server can preview it without running user code.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        matches!(self, Self::Value | Self::Array | Self::Frame)
    }
}

impl From<&str> for Encoding {
    fn from(name: &str) -> Self {
        match name {
            "value" => Self::Value,
            "array" => Self::Array,
            "frame" => Self::Frame,
            "items" => Self::Items,
            "pickle" => Self::Pickle,
            "rds" => Self::Rds,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// How a chunk's bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// As they are: can be mapped.
    Raw,
    /// zstd frames with an index; see `codec`.
    Zstd,
}

/// A stretch of a payload, stored under the hash of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// BLAKE3 of the content, before compression.
    pub hash: Hash,
    /// Bytes of content.
    pub length: u64,
    /// Bytes as stored.
    pub stored: u64,
    /// How it is stored.
    pub codec: Codec,
}

/// Where a payload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Here: small payloads travel in the manifest.
    Inline(Vec<u8>),
    /// In the blob store, in this order.
    Chunks(Vec<Chunk>),
}

impl Placement {
    /// Bytes of the payload.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunks(chunks) => chunks.iter().map(|chunk| chunk.length).sum(),
        }
    }

    /// Bytes that it takes in the blob store; 0 if inline.
    #[must_use]
    pub fn stored(&self) -> u64 {
        match self {
            Self::Inline(_) => 0,
            Self::Chunks(chunks) => chunks.iter().map(|chunk| chunk.stored).sum(),
        }
    }
}

/// One artifact: what it is, and where its bytes are. Two entries with equal `encoding` and `hash`
/// hold the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The artifact's name.
    pub name: String,
    /// How its bytes are to be read.
    pub encoding: Encoding,
    /// The value's type in its language, such as `pandas.DataFrame`.
    pub type_name: String,
    /// The payload's length in bytes.
    pub size: u64,
    /// The payload's hash; see `Blobs::put`.
    pub hash: Hash,
    /// Where the payload is.
    pub place: Placement,
    /// A short form for people, at most [`LABEL_LIMIT`] characters; may be empty.
    pub label: String,
}

impl Entry {
    /// MessagePack of this entry.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        self.write(&mut out);
        out
    }

    /// Reads what [`Entry::to_bytes`] wrote. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut tokens = Tokens::new(bytes, "artifact entry");
        let entry = Self::read(&mut tokens)?;
        match tokens.remaining() {
            0 => Ok(entry),
            rest => Err(tokens.wrong(format!("{rest} bytes follow the end"))),
        }
    }

    /// The label as stored: cut to [`LABEL_LIMIT`] characters.
    #[must_use]
    pub fn cut_label(text: &str) -> String {
        text.chars().take(LABEL_LIMIT).collect()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put(msgpack::write_map_len(
            out,
            6 + u32::from(!self.label.is_empty()),
        ));
        write_field(out, "n", &self.name);
        write_field(out, "e", self.encoding.as_str());
        write_field(out, "t", &self.type_name);
        put(msgpack::write_str(out, "s"));
        put(msgpack::write_uint(out, self.size));
        put(msgpack::write_str(out, "h"));
        put(msgpack::write_bin(out, &self.hash));
        if !self.label.is_empty() {
            write_field(out, "l", &Self::cut_label(&self.label));
        }
        match &self.place {
            Placement::Inline(bytes) => {
                put(msgpack::write_str(out, "i"));
                put(msgpack::write_bin(out, bytes));
            }
            Placement::Chunks(chunks) => {
                put(msgpack::write_str(out, "c"));
                let count = u32::try_from(chunks.len()).expect("a payload has under 2^32 chunks");
                put(msgpack::write_array_len(out, count));
                for chunk in chunks {
                    write_chunk(out, chunk);
                }
            }
        }
    }

    pub(crate) fn read(tokens: &mut Tokens<'_>) -> Result<Self, ArtifactError> {
        let mut name = None;
        let mut encoding = None;
        let (mut type_name, mut label) = (String::new(), String::new());
        let (mut size, mut hash, mut place) = (None, None, None);
        for _ in 0..tokens.map_len()? {
            match tokens.str()? {
                "n" => name = Some(tokens.str()?.to_owned()),
                "e" => encoding = Some(Encoding::from(tokens.str()?)),
                "t" => type_name = tokens.str()?.to_owned(),
                "s" => size = Some(tokens.uint()?),
                "h" => hash = Some(tokens.hash()?),
                "l" => label = Self::cut_label(tokens.str()?),
                "i" => place = Some(Placement::Inline(tokens.bin()?.to_owned())),
                "c" => place = Some(Placement::Chunks(read_chunks(tokens)?)),
                _ => tokens.skip()?,
            }
        }
        let (Some(name), Some(encoding), Some(size), Some(hash), Some(place)) =
            (name, encoding, size, hash, place)
        else {
            return Err(tokens.wrong("an entry lacks its name, encoding, size, hash or place"));
        };
        if place_length(&place) != Some(size) {
            return Err(tokens.wrong(format!("entry `{name}` has other bytes than its size says")));
        }
        Ok(Self {
            name,
            encoding,
            type_name,
            size,
            hash,
            place,
            label,
        })
    }
}

/// `Placement::length` that can't overflow, for bytes from outside.
fn place_length(place: &Placement) -> Option<u64> {
    match place {
        Placement::Inline(bytes) => Some(bytes.len() as u64),
        Placement::Chunks(chunks) => chunks
            .iter()
            .try_fold(0u64, |sum, chunk| sum.checked_add(chunk.length)),
    }
}

fn write_field(out: &mut Vec<u8>, key: &str, value: &str) {
    put(msgpack::write_str(out, key));
    put(msgpack::write_str(out, value));
}

fn write_chunk(out: &mut Vec<u8>, chunk: &Chunk) {
    put(msgpack::write_array_len(out, 4));
    put(msgpack::write_bin(out, &chunk.hash));
    put(msgpack::write_uint(out, chunk.length));
    put(msgpack::write_uint(out, chunk.stored));
    put(msgpack::write_uint(out, chunk.codec as u64));
}

fn read_chunks(tokens: &mut Tokens<'_>) -> Result<Vec<Chunk>, ArtifactError> {
    let count = tokens.array_len()?;
    let mut chunks = Vec::with_capacity(count.min(tokens.remaining() / 36));
    for _ in 0..count {
        let fields = tokens.array_len()?;
        if fields < 4 {
            return Err(tokens.wrong(format!("a chunk of {fields} fields")));
        }
        let hash = tokens.hash()?;
        let (length, stored) = (tokens.uint()?, tokens.uint()?);
        let codec = match tokens.next()? {
            Token::Int(0) => Codec::Raw,
            Token::Int(1) => Codec::Zstd,
            other => return Err(tokens.wrong(format!("unknown chunk codec {other:?}"))),
        };
        for _ in 4..fields {
            tokens.skip()?;
        }
        chunks.push(Chunk {
            hash,
            length,
            stored,
            codec,
        });
    }
    Ok(chunks)
}

/// Writing into a `Vec` can't fail.
pub(crate) fn put<T, E>(result: Result<T, E>) {
    debug_assert!(result.is_ok(), "writing into a Vec can't fail");
}

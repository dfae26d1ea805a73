//! Many payloads in one, each readable alone: what a foreach fans out over.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | the magic text `PVITEMS1` |
//! | 8 | number of items, little-endian, as all numbers here |
//! | 8 | where the kinds start, counted from the start of the payload |
//! | 16 each | of every item: where it starts (48 bits), its kind (16 bits), its length (64 bits) |
//! | | the items; one of [`ALIGN_FROM`] bytes or more starts at a multiple of 64 |
//! | to the end | the kinds: a MessagePack list of `[encoding, type name]` |
//!
//! Item `i` takes two small range reads (its table row; itself) and its kind a third, which most
//! readers do once.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use rmp::encode as msgpack;

use crate::{ArtifactError, Encoding, entry::put, wire::Tokens};

const MAGIC: &[u8; 8] = b"PVITEMS1";
const FORMAT: &str = "list of items";
const HEAD: u64 = 24;
const ROW: u64 = 16;
const ALIGNMENT: u64 = 64;
const LARGEST_OFFSET: u64 = (1 << 48) - 1;

/// Items of so many bytes start at a multiple of 64, so that a mapped array is aligned.
pub const ALIGN_FROM: usize = 4096;

/// Items shorter than this are gathered into one buffer instead of being handed on one by one.
const GATHER_BELOW: usize = 64 * 1024;

/// How an item's bytes are to be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ItemKind {
    /// The item's own encoding.
    pub encoding: Encoding,
    /// Its type in its language.
    pub type_name: String,
}

/// Where one item is within the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemPlace {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
    /// Index into [`Kinds`].
    pub kind: u16,
}

/// The kinds that occur.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(Vec<ItemKind>);

impl Kinds {
    /// The kind of an item's place, if it exists.
    #[must_use]
    pub fn find(&self, kind: u16) -> Option<&ItemKind> {
        self.0.get(usize::from(kind))
    }
}

/// Gathers items. Needs 16 bytes per item besides the small ones' own bytes; items of 64 KiB and
/// more that are borrowed are not copied.
#[derive(Debug, Default)]
pub struct ItemsWriter<'a> {
    rows: Vec<ItemPlace>,
    kinds: Vec<ItemKind>,
    known: HashMap<ItemKind, u16>,
    body: Body<'a>,
}

/// The items' bytes: pieces of a gathering buffer and borrowed ones, in order.
#[derive(Debug, Default)]
struct Body<'a> {
    gathered: Vec<u8>,
    pieces: Vec<Piece<'a>>,
    length: u64,
}

#[derive(Debug)]
enum Piece<'a> {
    Gathered(Range<usize>),
    Large(Cow<'a, [u8]>),
}

impl<'a> ItemsWriter<'a> {
    /// A writer with no items.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of items so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds an item.
    ///
    /// # Errors
    /// [`ArtifactError::Unfit`] for more than 65,536 kinds or 256 TiB.
    pub fn push(
        &mut self,
        kind: &ItemKind,
        payload: impl Into<Cow<'a, [u8]>>,
    ) -> Result<(), ArtifactError> {
        self.push_parts(kind, [payload.into()])
    }

    /// Adds an item that consists of several parts.
    ///
    /// # Errors
    /// As [`ItemsWriter::push`].
    pub fn push_parts(
        &mut self,
        kind: &ItemKind,
        parts: impl IntoIterator<Item = Cow<'a, [u8]>>,
    ) -> Result<(), ArtifactError> {
        let kind = self.kind(kind)?;
        let parts: Vec<Cow<'a, [u8]>> = parts.into_iter().collect();
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length >= ALIGN_FROM {
            self.body.align();
        }
        let offset = self.body.length;
        for part in parts {
            self.body.push(part);
        }
        self.rows.push(ItemPlace {
            offset,
            length: length as u64,
            kind,
        });
        if self.body.length > LARGEST_OFFSET / 2 {
            return Err(unfit("they are larger than the format allows"));
        }
        Ok(())
    }

    /// The whole payload, as parts to put one after another.
    #[must_use]
    pub fn finish(self) -> ItemsParts<'a> {
        let count = self.rows.len() as u64;
        let start = (HEAD + ROW * count).next_multiple_of(ALIGNMENT);
        let mut head = Vec::with_capacity(usize::try_from(start).unwrap_or(0));
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&count.to_le_bytes());
        head.extend_from_slice(&(start + self.body.length).to_le_bytes());
        for row in &self.rows {
            let offset = (start + row.offset) | u64::from(row.kind) << 48;
            head.extend_from_slice(&offset.to_le_bytes());
            head.extend_from_slice(&row.length.to_le_bytes());
        }
        head.resize(head.len().next_multiple_of(ALIGNMENT as usize), 0);
        ItemsParts {
            head,
            body: self.body,
            kinds: write_kinds(&self.kinds),
        }
    }

    fn kind(&mut self, kind: &ItemKind) -> Result<u16, ArtifactError> {
        if let Some(&at) = self.known.get(kind) {
            return Ok(at);
        }
        let at = u16::try_from(self.kinds.len()).map_err(|_| unfit("more than 65,536 kinds"))?;
        self.known.insert(kind.clone(), at);
        self.kinds.push(kind.clone());
        Ok(at)
    }
}

impl<'a> Body<'a> {
    fn align(&mut self) {
        const ZEROS: [u8; ALIGNMENT as usize] = [0; ALIGNMENT as usize];
        let padding = self.length.next_multiple_of(ALIGNMENT) - self.length;
        self.gather(&ZEROS[..usize::try_from(padding).expect("under 64")]);
    }

    fn push(&mut self, part: Cow<'a, [u8]>) {
        if part.len() < GATHER_BELOW {
            self.gather(&part);
        } else {
            self.length += part.len() as u64;
            self.pieces.push(Piece::Large(part));
        }
    }

    fn gather(&mut self, bytes: &[u8]) {
        let start = self.gathered.len();
        self.gathered.extend_from_slice(bytes);
        let end = self.gathered.len();
        self.length += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(Piece::Gathered(range)) => range.end = end,
            _ => self.pieces.push(Piece::Gathered(start..end)),
        }
    }
}

/// A finished payload of items.
#[derive(Debug)]
pub struct ItemsParts<'a> {
    head: Vec<u8>,
    body: Body<'a>,
    kinds: Vec<u8>,
}

impl ItemsParts<'_> {
    /// The payload's parts, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<&[u8]> {
        let mut parts = Vec::with_capacity(self.body.pieces.len() + 2);
        parts.push(self.head.as_slice());
        for piece in &self.body.pieces {
            parts.push(match piece {
                Piece::Gathered(range) => &self.body.gathered[range.clone()],
                Piece::Large(bytes) => bytes,
            });
        }
        parts.push(&self.kinds);
        parts
    }
}

/// Reads items with a function that reads a range of the payload, such as one around
/// [`Blobs::read_range`](crate::Blobs::read_range).
#[derive(Debug)]
pub struct ItemsReader<R> {
    read: R,
    size: u64,
}

impl<R, B> ItemsReader<R>
where
    R: FnMut(u64, u64) -> Result<B, ArtifactError>,
    B: AsRef<[u8]>,
{
    /// Reads with `read(offset, length)` from a payload of `size` bytes.
    pub fn new(size: u64, read: R) -> Self {
        Self { read, size }
    }

    /// Number of items.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`], and those of `read`.
    pub fn count(&mut self) -> Result<u64, ArtifactError> {
        Ok(self.head()?.0)
    }

    /// Where item `index` is.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`], also if there is no such item; and those of `read`.
    pub fn place(&mut self, index: u64) -> Result<ItemPlace, ArtifactError> {
        let at = index
            .checked_mul(ROW)
            .and_then(|at| at.checked_add(HEAD))
            .filter(|at| at.checked_add(ROW).is_some_and(|end| end <= self.size))
            .ok_or_else(|| malformed(0, format!("there is no item {index}")))?;
        let row = (self.read)(at, ROW)?;
        let place = parse_row(row.as_ref(), at)?;
        self.check(place, at)
    }

    /// The places of all items.
    ///
    /// # Errors
    /// As [`ItemsReader::place`].
    pub fn places(&mut self) -> Result<Vec<ItemPlace>, ArtifactError> {
        let (count, _) = self.head()?;
        let rows = (self.read)(HEAD, count * ROW)?;
        rows.as_ref()
            .chunks_exact(ROW as usize)
            .zip(0u64..)
            .map(|(row, index)| {
                let at = HEAD + index * ROW;
                parse_row(row, at).and_then(|place| self.check(place, at))
            })
            .collect()
    }

    /// The bytes of one item.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn payload(&mut self, place: ItemPlace) -> Result<B, ArtifactError> {
        (self.read)(place.offset, place.length)
    }

    /// The kinds that occur.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`], and those of `read`.
    pub fn kinds(&mut self) -> Result<Kinds, ArtifactError> {
        let (_, start) = self.head()?;
        let bytes = (self.read)(start, self.size - start)?;
        let mut tokens = Tokens::new(bytes.as_ref(), FORMAT);
        let mut kinds = Vec::new();
        for _ in 0..tokens.array_len()? {
            let fields = tokens.array_len()?;
            if fields < 2 {
                return Err(tokens.wrong("a kind lacks its encoding or type"));
            }
            kinds.push(ItemKind {
                encoding: Encoding::from(tokens.str()?),
                type_name: tokens.str()?.to_owned(),
            });
            for _ in 2..fields {
                tokens.skip()?;
            }
        }
        Ok(Kinds(kinds))
    }

    /// Number of items, and where the kinds start.
    fn head(&mut self) -> Result<(u64, u64), ArtifactError> {
        if self.size < HEAD {
            return Err(malformed(0, "the head is cut off"));
        }
        let head = (self.read)(0, HEAD)?;
        let Some((magic, rest)) = head.as_ref().split_first_chunk::<8>() else {
            return Err(malformed(0, "the head is cut off"));
        };
        let (Some(count), Some(kinds)) = (number(rest, 0), number(rest, 8)) else {
            return Err(malformed(8, "the head is cut off"));
        };
        if magic != MAGIC {
            return Err(malformed(0, "the magic text is not there"));
        }
        let table = count
            .checked_mul(ROW)
            .and_then(|size| size.checked_add(HEAD));
        if table.is_none_or(|end| end > kinds) || kinds > self.size {
            return Err(malformed(
                8,
                format!("{count} items don't fit into the payload"),
            ));
        }
        Ok((count, kinds))
    }

    fn check(&self, place: ItemPlace, at: u64) -> Result<ItemPlace, ArtifactError> {
        match place.offset.checked_add(place.length) {
            Some(end) if end <= self.size && place.offset >= HEAD => Ok(place),
            _ => Err(malformed(at, "an item lies outside of the payload")),
        }
    }
}

fn parse_row(row: &[u8], at: u64) -> Result<ItemPlace, ArtifactError> {
    let (Some(start), Some(length)) = (number(row, 0), number(row, 8)) else {
        return Err(malformed(at, "the table is cut off"));
    };
    Ok(ItemPlace {
        offset: start & LARGEST_OFFSET,
        length,
        kind: u16::try_from(start >> 48).expect("16 bits remain"),
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(eight.try_into().ok()?))
}

fn write_kinds(kinds: &[ItemKind]) -> Vec<u8> {
    let mut out = Vec::new();
    let count = u32::try_from(kinds.len()).expect("at most 65,536 kinds");
    put(msgpack::write_array_len(&mut out, count));
    for kind in kinds {
        put(msgpack::write_array_len(&mut out, 2));
        put(msgpack::write_str(&mut out, kind.encoding.as_str()));
        put(msgpack::write_str(&mut out, &kind.type_name));
    }
    out
}

fn malformed(at: u64, why: impl Into<String>) -> ArtifactError {
    ArtifactError::Malformed {
        format: FORMAT,
        why: why.into(),
        at: usize::try_from(at).unwrap_or(usize::MAX),
    }
}

fn unfit(why: &str) -> ArtifactError {
    ArtifactError::Unfit {
        format: FORMAT,
        why: why.to_owned(),
    }
}

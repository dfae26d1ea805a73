//! Where payloads go and how they come back.
//!
//! A payload of at most [`INLINE_LIMIT`] bytes stays in its manifest. A larger one is cut into
//! chunks of [`CHUNK_SIZE`]; each is hashed, compressed if that pays, and kept by its hash, so what
//! is there already is not written again. Chunks are worked on in parallel on the machine's cores.
//!
//! The hash of a payload of one chunk or less is its BLAKE3. That of a longer one is the BLAKE3, in
//! key derivation mode with the context `pave payload v1`, of its length (64 bits, little-endian)
//! and the hashes of its chunks in order: it costs no second pass over the bytes.

use std::{cmp::min, io, ops::Range, path::Path, sync::Arc};

use crate::{
    ArtifactError, Chunk, ChunkId, ChunkStore, Codec, DiskStore, Encoding, Entry, Hash, Mapping,
    Placement, StoredChunk, codec,
    mapping::{Region, page_size},
    parallel::each,
};

/// Payloads of at most so many bytes travel in the manifest.
pub const INLINE_LIMIT: usize = 4 * 1024;

/// Bytes of a chunk's content; the last one of a payload may have fewer. A multiple of every page
/// size, so that mapped chunks lie one behind another.
pub const CHUNK_SIZE: usize = 16 * 1024 * 1024;

/// Shorter payloads are hashed whenever they are read. Longer ones only on [`Blobs::verify`] and
/// with [`Blobs::verifying`]: hashing them would cost more than reading them.
pub const VERIFY_BELOW: u64 = 1024 * 1024;

const CONTEXT: &str = "pave payload v1";

/// Puts and reads payloads. Cheap to clone; clones share what awaits [`Blobs::sync`].
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ChunkStore>,
    verify_all: bool,
}

/// What was put: all that an [`Entry`] says about its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The payload's hash.
    pub hash: Hash,
    /// Where it is.
    pub place: Placement,
    /// Its bytes.
    pub size: u64,
}

impl Stored {
    /// The entry of an artifact that consists of these bytes. The label is cut to its limit.
    #[must_use]
    pub fn into_entry(self, name: &str, encoding: Encoding, type_name: &str, label: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            encoding,
            type_name: type_name.to_owned(),
            size: self.size,
            hash: self.hash,
            place: self.place,
            label: Entry::cut_label(label),
        }
    }
}

impl Blobs {
    /// Payloads in `<folder>/blobs`, which is made on the first write.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        Self::over(Arc::new(DiskStore::open(&folder.join("blobs"))))
    }

    /// Payloads over any store of chunks.
    #[must_use]
    pub fn over(store: Arc<dyn ChunkStore>) -> Self {
        Self {
            store,
            verify_all: false,
        }
    }

    /// The same, but every whole payload is hashed when it is read, whatever its size.
    #[must_use]
    pub fn verifying(mut self) -> Self {
        self.verify_all = true;
        self
    }

    /// Puts a payload: `parts` one after another, which are not copied together. The payload is
    /// readable here at once; for others and after a crash once [`Blobs::sync`] returned.
    ///
    /// # Errors
    /// [`ArtifactError::Write`]; nothing visible is left behind.
    pub fn put(&self, parts: &[&[u8]]) -> Result<Stored, ArtifactError> {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        if size <= INLINE_LIMIT {
            let bytes = parts.concat();
            return Ok(Stored {
                hash: *blake3::hash(&bytes).as_bytes(),
                place: Placement::Inline(bytes),
                size: size as u64,
            });
        }
        let pieces = cut(parts);
        let chunks = each(pieces.len(), |index| self.put_chunk(&pieces[index]))?;
        Ok(Stored {
            hash: payload_hash(&chunks),
            place: Placement::Chunks(chunks),
            size: size as u64,
        })
    }

    /// Makes durable all that was put since the last time, folders included. To be called before
    /// what refers to it is committed.
    ///
    /// # Errors
    /// [`ArtifactError::Write`]: nothing put since the last time may be referred to.
    pub fn sync(&self) -> Result<(), ArtifactError> {
        self.store.sync()
    }

    /// The payload in one stretch of memory: raw chunks are mapped from their files, copy-on-write;
    /// compressed ones are decompressed in parallel.
    ///
    /// Always checked: that every chunk has its length, and the checksums of compressed ones. See
    /// [`VERIFY_BELOW`] for the rest.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`], [`ArtifactError::Corrupt`], [`ArtifactError::Read`].
    pub fn map(&self, entry: &Entry) -> Result<Mapping, ArtifactError> {
        let chunks = match &entry.place {
            Placement::Inline(bytes) => {
                check_inline(entry, bytes)?;
                return Ok(Mapping::copy_of(bytes));
            }
            Placement::Chunks(chunks) => chunks,
        };
        let mapping = self.map_chunks(entry, chunks, 0..entry.size)?;
        if self.verify_all || entry.size < VERIFY_BELOW {
            self.check_hashes(entry, chunks, &mapping)?;
        }
        Ok(mapping)
    }

    /// A part of the payload as [`Blobs::map`] gives the whole; only the chunks it touches are
    /// read. Their hashes are not checked.
    ///
    /// # Errors
    /// As [`Blobs::map`]; [`ArtifactError::Malformed`] if the range is not within the payload.
    pub fn map_range(
        &self,
        entry: &Entry,
        offset: u64,
        length: u64,
    ) -> Result<Mapping, ArtifactError> {
        let range = check_range(entry, offset, length)?;
        match &entry.place {
            Placement::Inline(bytes) => Ok(Mapping::copy_of(&bytes[to_usize(&range, 0)])),
            Placement::Chunks(_) if length == 0 => Ok(Mapping::copy_of(&[])),
            Placement::Chunks(chunks) => self.map_chunks(entry, chunks, range),
        }
    }

    /// A copy of a part of the payload; no more than that part is read (of a compressed chunk, the
    /// frames of 1 MiB around it). Hashes are not checked.
    ///
    /// # Errors
    /// As [`Blobs::map_range`].
    pub fn read_range(
        &self,
        entry: &Entry,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, ArtifactError> {
        let range = check_range(entry, offset, length)?;
        let chunks = match &entry.place {
            Placement::Inline(bytes) => return Ok(bytes[to_usize(&range, 0)].to_owned()),
            Placement::Chunks(chunks) => chunks,
        };
        let mut out = vec![0; usize::try_from(length).map_err(|_| outside(entry))?];
        let mut start = 0;
        for chunk in chunks {
            let end = start + chunk.length;
            let part = range.start.max(start)..range.end.min(end);
            if part.start < part.end {
                let target = &mut out[to_usize(&part, range.start)];
                self.read_chunk(entry, chunk, part.start - start, target)?;
            }
            start = end;
        }
        Ok(out)
    }

    /// Reads a payload completely and compares its hash.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`], [`ArtifactError::Corrupt`], [`ArtifactError::Read`].
    pub fn verify(&self, entry: &Entry) -> Result<(), ArtifactError> {
        match &entry.place {
            Placement::Inline(bytes) => check_inline(entry, bytes),
            Placement::Chunks(chunks) => {
                let mapping = self.map_chunks(entry, chunks, 0..entry.size)?;
                self.check_hashes(entry, chunks, &mapping)
            }
        }
    }

    /// All chunks that are stored, for those who remove what nothing refers to.
    ///
    /// # Errors
    /// [`ArtifactError::Read`].
    pub fn list(&self) -> Result<Vec<StoredChunk>, ArtifactError> {
        self.store.list().map_err(|cause| ArtifactError::Read {
            artifact: "*".to_owned(),
            place: "the artifact store".to_owned(),
            cause,
        })
    }

    /// Bytes that all chunks take together.
    ///
    /// # Errors
    /// [`ArtifactError::Read`].
    pub fn total_size(&self) -> Result<u64, ArtifactError> {
        Ok(self.list()?.iter().map(|chunk| chunk.stored).sum())
    }

    /// Removes a chunk. Gives whether it was there. What is mapped stays readable.
    ///
    /// # Errors
    /// [`ArtifactError::Write`].
    pub fn delete(&self, id: ChunkId) -> Result<bool, ArtifactError> {
        self.store
            .delete(id)
            .map_err(|cause| ArtifactError::write(self.store.place(id), cause))
    }

    fn put_chunk(&self, pieces: &[&[u8]]) -> Result<Chunk, ArtifactError> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut hasher = blake3::Hasher::new();
        for piece in pieces {
            hasher.update(piece);
        }
        let hash = *hasher.finalize().as_bytes();
        if let Some(chunk) = self.find_chunk(hash, length) {
            return Ok(chunk);
        }
        let (codec, stored) = match codec::compress(pieces) {
            Some(bytes) => {
                let codec = Codec::Zstd;
                self.store.put(ChunkId { hash, codec }, &[&bytes])?;
                (codec, bytes.len())
            }
            None => {
                let codec = Codec::Raw;
                self.store.put(ChunkId { hash, codec }, pieces)?;
                (codec, length)
            }
        };
        Ok(Chunk {
            hash,
            length: length as u64,
            stored: stored as u64,
            codec,
        })
    }

    /// The chunk if it is stored already and looks whole; a damaged one is written anew.
    fn find_chunk(&self, hash: Hash, length: usize) -> Option<Chunk> {
        [Codec::Raw, Codec::Zstd].into_iter().find_map(|codec| {
            let id = ChunkId { hash, codec };
            let stored = self.store.find(id).ok().flatten()?;
            let is_whole = match codec {
                Codec::Raw => stored == length as u64,
                Codec::Zstd => self.index(id, length, stored).ok().flatten().is_some(),
            };
            is_whole.then_some(Chunk {
                hash,
                length: length as u64,
                stored,
                codec,
            })
        })
    }

    /// The index of a compressed chunk; `None` if it is not one.
    fn index(&self, id: ChunkId, length: usize, stored: u64) -> io::Result<Option<Vec<u64>>> {
        let mut index = vec![0; codec::index_size(length)];
        let Some(at) = stored.checked_sub(index.len() as u64) else {
            return Ok(None);
        };
        self.store.read_at(id, at, &mut index)?;
        Ok(codec::parse_index(&index, stored))
    }

    /// Maps the chunks that `range` touches.
    fn map_chunks(
        &self,
        entry: &Entry,
        chunks: &[Chunk],
        range: Range<u64>,
    ) -> Result<Mapping, ArtifactError> {
        let touched = touched(chunks, &range);
        let first = touched.first().map_or(0, |(place, _)| place.start);
        let end = touched.last().map_or(0, |(place, _)| place.end);
        let unfit = |cause| self.read_error(entry, None, cause);
        let total = usize::try_from(end - first).map_err(|_| outside(entry))?;
        let mut region = Region::reserve(total).map_err(unfit)?;
        let page = page_size() as u64;
        let is_aligned = touched
            .iter()
            .all(|(place, _)| (place.start - first).is_multiple_of(page));
        if !is_aligned {
            region.map_memory(0..total).map_err(unfit)?;
        }
        let mut to_read = Vec::new();
        for (place, chunk) in touched {
            let target = to_usize(&place, first);
            let file = match chunk.codec {
                Codec::Raw if is_aligned => self.open_raw(entry, chunk)?,
                _ => None,
            };
            if let Some(file) = file {
                region.map_file(target, &file).map_err(unfit)?;
            } else {
                if is_aligned {
                    region.map_memory(target.clone()).map_err(unfit)?;
                }
                to_read.push((target, chunk));
            }
        }
        each(to_read.len(), |index| {
            let (target, chunk) = &to_read[index];
            // SAFETY: the target was given memory above, and the targets don't overlap.
            let out = unsafe { region.slice_mut(target.clone()) };
            self.read_chunk(entry, chunk, 0, out)
        })?;
        Ok(Mapping::of_region(region, to_usize(&range, first)))
    }

    /// A raw chunk's file, if the store has files; its length is right.
    fn open_raw(
        &self,
        entry: &Entry,
        chunk: &Chunk,
    ) -> Result<Option<std::fs::File>, ArtifactError> {
        let wrong = |cause| self.read_error(entry, Some(chunk), cause);
        let Some(file) = self.store.open(id(chunk)).map_err(wrong)? else {
            return Ok(None);
        };
        let found = file.metadata().map_err(wrong)?.len();
        if found == chunk.length {
            Ok(Some(file))
        } else {
            Err(self.corrupt(entry, chunk, has_length(found, chunk.length)))
        }
    }

    /// Reads a part of a chunk.
    fn read_chunk(
        &self,
        entry: &Entry,
        chunk: &Chunk,
        offset: u64,
        out: &mut [u8],
    ) -> Result<(), ArtifactError> {
        let wrong = |cause| self.read_error(entry, Some(chunk), cause);
        let found = self.store.find(id(chunk)).map_err(wrong)?;
        let found = found.ok_or_else(|| wrong(io::ErrorKind::NotFound.into()))?;
        if found != chunk.stored {
            return Err(self.corrupt(entry, chunk, has_length(found, chunk.stored)));
        }
        match chunk.codec {
            Codec::Raw => self.store.read_at(id(chunk), offset, out).map_err(wrong),
            Codec::Zstd => self.read_compressed(entry, chunk, offset, out),
        }
    }

    fn read_compressed(
        &self,
        entry: &Entry,
        chunk: &Chunk,
        offset: u64,
        out: &mut [u8],
    ) -> Result<(), ArtifactError> {
        let wrong = |cause| self.read_error(entry, Some(chunk), cause);
        let length = usize::try_from(chunk.length).map_err(|_| outside(entry))?;
        let ends = self.index(id(chunk), length, chunk.stored).map_err(wrong)?;
        let ends =
            ends.ok_or_else(|| self.corrupt(entry, chunk, "has a damaged index".to_owned()))?;
        let offset = usize::try_from(offset).map_err(|_| outside(entry))?;
        let first = offset / codec::FRAME_SIZE;
        let last = (offset + out.len()).div_ceil(codec::FRAME_SIZE);
        let mut frames =
            vec![0; usize::try_from(ends[last] - ends[first]).map_err(|_| outside(entry))?];
        self.store
            .read_at(id(chunk), ends[first], &mut frames)
            .map_err(wrong)?;
        let start = first * codec::FRAME_SIZE;
        let content = min(last * codec::FRAME_SIZE, length) - start;
        let decompress = |target: &mut [u8]| {
            codec::decompress(&frames, target).map_err(|why| self.corrupt(entry, chunk, why))
        };
        if content == out.len() {
            return decompress(out);
        }
        let mut whole = vec![0; content];
        decompress(&mut whole)?;
        out.copy_from_slice(&whole[offset - start..][..out.len()]);
        Ok(())
    }

    fn check_hashes(
        &self,
        entry: &Entry,
        chunks: &[Chunk],
        payload: &[u8],
    ) -> Result<(), ArtifactError> {
        let places = touched(chunks, &(0..entry.size));
        each(places.len(), |index| {
            let (place, chunk) = &places[index];
            let hash = blake3::hash(&payload[to_usize(place, 0)]);
            if *hash.as_bytes() == chunk.hash {
                Ok(())
            } else {
                Err(self.corrupt(
                    entry,
                    chunk,
                    "holds other bytes than were written".to_owned(),
                ))
            }
        })?;
        if payload_hash(chunks) == entry.hash {
            Ok(())
        } else {
            Err(ArtifactError::Corrupt {
                artifact: entry.name.clone(),
                place: "its manifest".to_owned(),
                why: "names chunks that don't add up to the artifact's hash".to_owned(),
            })
        }
    }

    fn read_error(&self, entry: &Entry, chunk: Option<&Chunk>, cause: io::Error) -> ArtifactError {
        let artifact = entry.name.clone();
        let place = chunk.map_or_else(|| "memory".to_owned(), |chunk| self.store.place(id(chunk)));
        match cause.kind() {
            io::ErrorKind::NotFound => ArtifactError::Missing { artifact, place },
            io::ErrorKind::UnexpectedEof => ArtifactError::Corrupt {
                artifact,
                place,
                why: "is cut off".to_owned(),
            },
            _ => ArtifactError::Read {
                artifact,
                place,
                cause,
            },
        }
    }

    fn corrupt(&self, entry: &Entry, chunk: &Chunk, why: String) -> ArtifactError {
        ArtifactError::Corrupt {
            artifact: entry.name.clone(),
            place: self.store.place(id(chunk)),
            why,
        }
    }
}

fn id(chunk: &Chunk) -> ChunkId {
    ChunkId {
        hash: chunk.hash,
        codec: chunk.codec,
    }
}

/// Cuts a payload into chunks, each a list of pieces.
fn cut<'a>(parts: &[&'a [u8]]) -> Vec<Vec<&'a [u8]>> {
    let mut chunks: Vec<Vec<&[u8]>> = vec![Vec::new()];
    let mut room = CHUNK_SIZE;
    for &part in parts {
        let mut rest = part;
        while !rest.is_empty() {
            if room == 0 {
                chunks.push(Vec::new());
                room = CHUNK_SIZE;
            }
            let (piece, after) = rest.split_at(min(room, rest.len()));
            chunks.last_mut().expect("there is one").push(piece);
            room -= piece.len();
            rest = after;
        }
    }
    chunks
}

fn payload_hash(chunks: &[Chunk]) -> Hash {
    if let [only] = chunks {
        return only.hash;
    }
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    let size: u64 = chunks.iter().map(|chunk| chunk.length).sum();
    hasher.update(&size.to_le_bytes());
    for chunk in chunks {
        hasher.update(&chunk.hash);
    }
    *hasher.finalize().as_bytes()
}

/// The chunks that `range` touches, each with its place in the payload.
fn touched<'a>(chunks: &'a [Chunk], range: &Range<u64>) -> Vec<(Range<u64>, &'a Chunk)> {
    let mut start = 0;
    let places = chunks.iter().map(|chunk| {
        let place = start..start + chunk.length;
        start = place.end;
        (place, chunk)
    });
    places
        .filter(|(place, _)| place.start < range.end && range.start < place.end)
        .collect()
}

/// A range relative to `base`. Everything here lies within a payload whose size fits.
fn to_usize(range: &Range<u64>, base: u64) -> Range<usize> {
    let convert = |at: u64| usize::try_from(at - base).expect("within a payload in memory");
    convert(range.start)..convert(range.end)
}

fn check_range(entry: &Entry, offset: u64, length: u64) -> Result<Range<u64>, ArtifactError> {
    match offset.checked_add(length) {
        Some(end) if end <= entry.size => Ok(offset..end),
        _ => Err(outside(entry)),
    }
}

fn check_inline(entry: &Entry, bytes: &[u8]) -> Result<(), ArtifactError> {
    if *blake3::hash(bytes).as_bytes() == entry.hash {
        return Ok(());
    }
    Err(ArtifactError::Corrupt {
        artifact: entry.name.clone(),
        place: "its manifest".to_owned(),
        why: "holds other bytes than were written".to_owned(),
    })
}

fn has_length(found: u64, expected: u64) -> String {
    format!("holds {found} bytes instead of {expected}")
}

fn outside(entry: &Entry) -> ArtifactError {
    ArtifactError::Malformed {
        format: "artifact",
        why: format!(
            "a part outside of the {} bytes of `{}` was asked for",
            entry.size, entry.name
        ),
        at: 0,
    }
}

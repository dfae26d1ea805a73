//! Where payloads go and how they come back.
//!
//! A payload of at most [`INLINE_LIMIT`] bytes stays in its manifest. A larger one is cut into
//! chunks of [`CHUNK_SIZE`]; each is hashed, compressed if that pays, and kept by its hash, so what
//! is there already is not written again. Chunks are worked on in parallel on the machine's cores.
//!
//! The hash of a payload of one chunk or less is its BLAKE3. That of a longer one is the BLAKE3, in
//! key derivation mode with the context `pave payload v1`, of its length (64 bits, little-endian)
//! and the hashes of its chunks in order: it costs no second pass over the bytes.

use std::{
    cmp::min,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    ArtifactError, Chunk, ChunkId, ChunkStore, Codec, DiskStore, Encoding, Entry, Hash, Mapping,
    Placement, StoredChunk, codec,
    fetch::{Fetch, find_index},
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
        let written = Mutex::new(Vec::new());
        let chunks = each(pieces.len(), |index| {
            self.put_chunk(&pieces[index], &written)
        });
        let chunks = chunks.inspect_err(|_| {
            // The chunks that fitted are of no use without the one that didn't.
            let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
            written.into_iter().for_each(|id| self.store.take_back(id));
        })?;
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
    /// [`ArtifactError::Write`]: nothing put since the last time may be referred to, and the store
    /// must be opened anew.
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
        let fetch = self.fetch(entry);
        let mapping = fetch.map(0..entry.size)?;
        if self.verify_all || entry.size < VERIFY_BELOW {
            fetch.check_hashes(&mapping)?;
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
        let fetch = self.fetch(entry);
        fetch.map(fetch.range(offset, length)?)
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
        let fetch = self.fetch(entry);
        fetch.read(fetch.range(offset, length)?)
    }

    /// Reads a payload completely and compares its hash.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`], [`ArtifactError::Corrupt`], [`ArtifactError::Read`].
    pub fn verify(&self, entry: &Entry) -> Result<(), ArtifactError> {
        let fetch = self.fetch(entry);
        fetch.check_hashes(&fetch.map(0..entry.size)?)
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

    fn fetch<'a>(&'a self, entry: &'a Entry) -> Fetch<'a> {
        Fetch {
            store: &*self.store,
            entry,
        }
    }

    /// Stores a chunk unless it is there; notes what it wrote in `written`.
    fn put_chunk(
        &self,
        pieces: &[&[u8]],
        written: &Mutex<Vec<ChunkId>>,
    ) -> Result<Chunk, ArtifactError> {
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
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push(ChunkId { hash, codec });
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
            let stored = self.store.reuse(id).ok().flatten()?;
            let is_whole = match codec {
                Codec::Raw => stored == length as u64,
                Codec::Zstd => {
                    find_index(&*self.store, id, length, stored).is_ok_and(|index| index.is_some())
                }
            };
            is_whole.then_some(Chunk {
                hash,
                length: length as u64,
                stored,
                codec,
            })
        })
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

pub(crate) fn payload_hash(chunks: &[Chunk]) -> Hash {
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

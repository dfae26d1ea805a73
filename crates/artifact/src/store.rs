//! The port behind which chunks are kept.

use std::{fmt, fs::File, io};

use crate::{ArtifactError, Codec, Hash};

/// A chunk's address: the hash of its content, and how it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId {
    /// BLAKE3 of the content, before compression.
    pub hash: Hash,
    /// How it is stored.
    pub codec: Codec,
}

/// A chunk that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its address.
    pub id: ChunkId,
    /// Bytes as stored.
    pub stored: u64,
}

/// Keeps chunks by address: a folder, memory, or an object store. Blocking; safe to use from
/// several threads and processes at once. A chunk is there whole or not at all, and never changes.
pub trait ChunkStore: fmt::Debug + Send + Sync {
    /// Bytes that a chunk takes as stored; `None` if it isn't there.
    ///
    /// # Errors
    /// The system's.
    fn find(&self, id: ChunkId) -> io::Result<Option<u64>>;

    /// As [`ChunkStore::find`], for a chunk that is about to be referred to again: the next
    /// [`ChunkStore::sync`] makes it as durable as if it were put now, also if another process put
    /// it only a moment ago.
    ///
    /// # Errors
    /// The system's.
    fn reuse(&self, id: ChunkId) -> io::Result<Option<u64>> {
        self.find(id)
    }

    /// Keeps a chunk: `parts` one after another. Readable by this store at once; by others, and
    /// after a crash, once [`ChunkStore::sync`] returned. Replaces one of the same address.
    ///
    /// # Errors
    /// [`ArtifactError::Write`]; nothing is left behind.
    fn put(&self, id: ChunkId, parts: &[&[u8]]) -> Result<(), ArtifactError>;

    /// Takes back a chunk that was put and not made durable yet, because what it belongs to
    /// failed. One that is durable already stays: others may refer to it.
    fn take_back(&self, id: ChunkId);

    /// Makes durable and visible all that was put.
    ///
    /// # Errors
    /// [`ArtifactError::Write`]: nothing put since the last `sync` may be relied on, by any thread,
    /// and this store must be opened anew.
    fn sync(&self) -> Result<(), ArtifactError>;

    /// Fills `out` with a chunk's bytes from `offset`.
    ///
    /// # Errors
    /// `NotFound` if the chunk isn't there, `UnexpectedEof` if it is shorter, or the system's.
    fn read_at(&self, id: ChunkId, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// The chunk as a local file to map; `None` if this store has no local files.
    ///
    /// # Errors
    /// `NotFound` if the chunk isn't there, or the system's.
    fn open(&self, id: ChunkId) -> io::Result<Option<File>>;

    /// All chunks.
    ///
    /// # Errors
    /// The system's.
    fn list(&self) -> io::Result<Vec<StoredChunk>>;

    /// Removes a chunk. Gives whether it was there.
    ///
    /// # Errors
    /// The system's.
    fn delete(&self, id: ChunkId) -> io::Result<bool>;

    /// Where a chunk is or would be, for people.
    fn place(&self, id: ChunkId) -> String;
}

//! Chunks in memory, for tests and short-lived work.

use std::{
    collections::HashMap,
    fs::File,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{ArtifactError, ChunkId, ChunkStore, StoredChunk, hex};

/// A [`ChunkStore`] that forgets all when dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    chunks: Mutex<HashMap<ChunkId, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn chunks(&self) -> MutexGuard<'_, HashMap<ChunkId, Vec<u8>>> {
        // No code panics between two changes of the map, so it is whole even then.
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChunkStore for MemoryStore {
    fn find(&self, id: ChunkId) -> io::Result<Option<u64>> {
        Ok(self.chunks().get(&id).map(|bytes| bytes.len() as u64))
    }

    fn put(&self, id: ChunkId, parts: &[&[u8]]) -> Result<(), ArtifactError> {
        let bytes = parts.concat();
        self.chunks().insert(id, bytes);
        Ok(())
    }

    fn take_back(&self, _id: ChunkId) {
        // What is in memory is as durable as it gets.
    }

    fn sync(&self) -> Result<(), ArtifactError> {
        Ok(())
    }

    fn read_at(&self, id: ChunkId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let chunks = self.chunks();
        let bytes = chunks.get(&id).ok_or(io::ErrorKind::NotFound)?;
        let part = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..)?.get(..out.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn open(&self, id: ChunkId) -> io::Result<Option<File>> {
        match self.find(id)? {
            Some(_) => Ok(None),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self) -> io::Result<Vec<StoredChunk>> {
        let chunks = self.chunks();
        Ok(chunks
            .iter()
            .map(|(&id, bytes)| StoredChunk {
                id,
                stored: bytes.len() as u64,
            })
            .collect())
    }

    fn delete(&self, id: ChunkId) -> io::Result<bool> {
        Ok(self.chunks().remove(&id).is_some())
    }

    fn place(&self, id: ChunkId) -> String {
        format!("memory:{}", hex(&id.hash))
    }
}

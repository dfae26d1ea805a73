//! Reads one artifact's payload back, whole or in part.

use std::{fs::File, io, ops::Range};

use crate::{
    ArtifactError, Chunk, ChunkId, ChunkStore, Codec, Entry, Mapping, Placement,
    blobs::payload_hash,
    codec::Index,
    mapping::{Region, page_size},
    parallel::each,
};

/// One artifact and the store that holds its chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetch<'a> {
    pub(crate) store: &'a dyn ChunkStore,
    pub(crate) entry: &'a Entry,
}

/// A chunk, and where in the payload it is.
struct Placed<'a> {
    chunk: &'a Chunk,
    place: Range<u64>,
}

impl<'a> Fetch<'a> {
    /// A part of the payload, if it has that part.
    pub(crate) fn range(&self, offset: u64, length: u64) -> Result<Range<u64>, ArtifactError> {
        match offset.checked_add(length) {
            Some(end) if end <= self.entry.size => Ok(offset..end),
            _ => Err(self.outside()),
        }
    }

    /// A part of the payload as one stretch of memory.
    pub(crate) fn map(&self, range: Range<u64>) -> Result<Mapping, ArtifactError> {
        let chunks = match &self.entry.place {
            Placement::Inline(bytes) => return Ok(Mapping::copy_of(&bytes[within(&range, 0)])),
            Placement::Chunks(_) if range.is_empty() => return Ok(Mapping::copy_of(&[])),
            Placement::Chunks(chunks) => touched(chunks, &range),
        };
        let (first, end) = match (chunks.first(), chunks.last()) {
            (Some(first), Some(last)) => (first.place.start, last.place.end),
            _ => return Err(self.outside()),
        };
        let failed = |cause| self.read_error("memory".to_owned(), cause);
        let total = usize::try_from(end - first).map_err(|_| self.outside())?;
        let mut region = Region::reserve(total).map_err(failed)?;
        let page = page_size() as u64;
        let can_map = chunks
            .iter()
            .all(|chunk| (chunk.place.start - first).is_multiple_of(page));
        if !can_map {
            region.map_memory(0..total).map_err(failed)?;
        }
        let mut to_read = Vec::new();
        for Placed { chunk, place } in chunks {
            let target = within(&place, first);
            match can_map.then(|| self.open_raw(chunk)).transpose()?.flatten() {
                Some(file) => region.map_file(target, &file).map_err(failed)?,
                None => {
                    if can_map {
                        region.map_memory(target.clone()).map_err(failed)?;
                    }
                    to_read.push((target, chunk));
                }
            }
        }
        self.fill(&mut region, &to_read)?;
        Ok(Mapping::of_region(region, within(&range, first)))
    }

    /// A copy of a part of the payload.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ArtifactError> {
        let chunks = match &self.entry.place {
            Placement::Inline(bytes) => return Ok(bytes[within(&range, 0)].to_owned()),
            Placement::Chunks(chunks) => touched(chunks, &range),
        };
        let length = usize::try_from(range.end - range.start).map_err(|_| self.outside())?;
        let mut out = Vec::new();
        out.try_reserve_exact(length).map_err(|_| self.outside())?;
        out.resize(length, 0);
        for Placed { chunk, place } in chunks {
            let part = range.start.max(place.start)..range.end.min(place.end);
            let target = &mut out[within(&part, range.start)];
            self.read_chunk(chunk, part.start - place.start, target)?;
        }
        Ok(out)
    }

    /// Compares the whole payload with its hashes.
    pub(crate) fn check_hashes(&self, payload: &[u8]) -> Result<(), ArtifactError> {
        let chunks = match &self.entry.place {
            Placement::Chunks(chunks) => chunks,
            Placement::Inline(_) if *blake3::hash(payload).as_bytes() == self.entry.hash => {
                return Ok(());
            }
            Placement::Inline(_) => {
                return Err(self.corrupt("its manifest", "holds other bytes than were written"));
            }
        };
        let placed = touched(chunks, &(0..self.entry.size));
        each(placed.len(), |index| {
            let Placed { chunk, place } = &placed[index];
            if *blake3::hash(&payload[within(place, 0)]).as_bytes() == chunk.hash {
                Ok(())
            } else {
                Err(self.corrupt_chunk(chunk, "holds other bytes than were written"))
            }
        })?;
        if payload_hash(chunks) == self.entry.hash {
            Ok(())
        } else {
            Err(self.corrupt("its manifest", "names chunks that make up another artifact"))
        }
    }

    /// Reads chunks, in parallel, to where they belong.
    fn fill(
        &self,
        region: &mut Region,
        chunks: &[(Range<usize>, &Chunk)],
    ) -> Result<(), ArtifactError> {
        let targets: Vec<Range<usize>> = chunks.iter().map(|(target, _)| target.clone()).collect();
        let slices = region.slices_mut(&targets);
        let slices: Vec<_> = slices.into_iter().map(std::sync::Mutex::new).collect();
        each(chunks.len(), |index| {
            let mut out = slices[index].try_lock().expect("each chunk is read once");
            self.read_chunk(chunks[index].1, 0, &mut out)
        })?;
        Ok(())
    }

    /// A raw chunk's file, whose length is right; `None` if it is compressed or no local file.
    fn open_raw(&self, chunk: &Chunk) -> Result<Option<File>, ArtifactError> {
        if chunk.codec != Codec::Raw {
            return Ok(None);
        }
        let Some(file) = self
            .store
            .open(id(chunk))
            .map_err(|cause| self.chunk_error(chunk, cause))?
        else {
            return Ok(None);
        };
        let found = file
            .metadata()
            .map_err(|cause| self.chunk_error(chunk, cause))?
            .len();
        self.check_length(chunk, found)?;
        Ok(Some(file))
    }

    /// Reads a part of a chunk's content.
    fn read_chunk(&self, chunk: &Chunk, offset: u64, out: &mut [u8]) -> Result<(), ArtifactError> {
        let failed = |cause| self.chunk_error(chunk, cause);
        let found = self.store.find(id(chunk)).map_err(failed)?;
        let found = found.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        self.check_length(chunk, found)?;
        if chunk.codec == Codec::Raw {
            return self.store.read_at(id(chunk), offset, out).map_err(failed);
        }
        let length = usize::try_from(chunk.length).map_err(|_| self.outside())?;
        let index = find_index(self.store, id(chunk), length, found).map_err(failed)?;
        let index = index.ok_or_else(|| self.corrupt_chunk(chunk, "has a damaged index"))?;
        let start = usize::try_from(offset).map_err(|_| self.outside())?;
        let part = start..start + out.len();
        let place = index.place(&index.frames(&part));
        let mut frames = vec![0; within(&place, place.start).len()];
        self.store
            .read_at(id(chunk), place.start, &mut frames)
            .map_err(failed)?;
        index
            .decompress(&part, &frames, out)
            .map_err(|why| self.corrupt_chunk(chunk, &why))
    }

    fn check_length(&self, chunk: &Chunk, found: u64) -> Result<(), ArtifactError> {
        let is_consistent = chunk.codec == Codec::Zstd || chunk.stored == chunk.length;
        if found == chunk.stored && is_consistent {
            return Ok(());
        }
        let why = format!("holds {found} bytes instead of {}", chunk.stored);
        Err(self.corrupt_chunk(chunk, &why))
    }

    fn chunk_error(&self, chunk: &Chunk, cause: io::Error) -> ArtifactError {
        self.read_error(self.store.place(id(chunk)), cause)
    }

    fn read_error(&self, place: String, cause: io::Error) -> ArtifactError {
        let artifact = self.entry.name.clone();
        match cause.kind() {
            io::ErrorKind::NotFound => ArtifactError::Missing { artifact, place },
            io::ErrorKind::UnexpectedEof => self.corrupt(&place, "is cut off"),
            _ => ArtifactError::Read {
                artifact,
                place,
                cause,
            },
        }
    }

    fn corrupt_chunk(&self, chunk: &Chunk, why: &str) -> ArtifactError {
        self.corrupt(&self.store.place(id(chunk)), why)
    }

    fn corrupt(&self, place: &str, why: &str) -> ArtifactError {
        ArtifactError::Corrupt {
            artifact: self.entry.name.clone(),
            place: place.to_owned(),
            why: why.to_owned(),
        }
    }

    fn outside(&self) -> ArtifactError {
        let Entry { name, size, .. } = self.entry;
        ArtifactError::Malformed {
            format: "artifact",
            why: format!("a part outside of the {size} bytes of `{name}` was asked for"),
            at: 0,
        }
    }
}

/// The index of a compressed chunk; `None` if it is damaged.
pub(crate) fn find_index(
    store: &dyn ChunkStore,
    id: ChunkId,
    length: usize,
    stored: u64,
) -> io::Result<Option<Index>> {
    let size = Index::size(length);
    let Some(at) = stored.checked_sub(size as u64) else {
        return Ok(None);
    };
    let mut bytes = vec![0; size];
    store.read_at(id, at, &mut bytes)?;
    Ok(Index::parse(&bytes, length, stored))
}

fn id(chunk: &Chunk) -> ChunkId {
    ChunkId {
        hash: chunk.hash,
        codec: chunk.codec,
    }
}

/// The chunks that `range` touches.
fn touched<'a>(chunks: &'a [Chunk], range: &Range<u64>) -> Vec<Placed<'a>> {
    let mut start = 0;
    let placed = chunks.iter().map(|chunk| {
        let place = start..start + chunk.length;
        start = place.end;
        Placed { chunk, place }
    });
    placed
        .filter(|Placed { place, .. }| place.start < range.end && range.start < place.end)
        .collect()
}

/// A range relative to `base`, within a payload whose size was seen to fit.
fn within(range: &Range<u64>, base: u64) -> Range<usize> {
    let convert = |at: u64| usize::try_from(at - base).expect("within a payload in memory");
    convert(range.start)..convert(range.end)
}

//! Compressed chunks: whether it pays, and how a part is read without the rest.
//!
//! A compressed chunk is a row of zstd frames with checksums, each of [`FRAME_SIZE`] bytes of
//! content (the last of fewer), then a skippable zstd frame with the index: for each frame, as 32
//! bits, little-endian, its stored size, and in the highest bit whether its content is shuffled
//! (see `shuffle.rs`). A range read touches only its frames.

use std::{borrow::Cow, cmp::min, ops::Range};

use zstd::{
    bulk,
    zstd_safe::{self, CParameter},
};

use crate::shuffle::{shuffle, suits, unshuffle};

/// Bytes of content of one zstd frame.
pub(crate) const FRAME_SIZE: usize = 1 << 20;

/// A shuffled frame is mostly runs and noise, which level 1 passes at a gigabyte per second and
/// more. On text it would be half as fast as the disk, so text gets a faster level.
const LEVEL_SHUFFLED: i32 = 1;
const LEVEL_PLAIN: i32 = -5;

/// A chunk is tried at its beginning, middle and end, with so many bytes each.
const SAMPLE_SIZE: usize = 16 * 1024;

/// Compression must bring a chunk below this share of its size: a raw chunk can be mapped and read
/// for nothing, so a small gain is a loss.
const WORTH_PERCENT: usize = 50;

const SKIPPABLE: u32 = 0x184D_2A50;
const INDEX_HEAD: usize = 8;
const SHUFFLED: u32 = 1 << 31;

/// Compresses a chunk that is given in pieces, if that pays.
pub(crate) fn compress(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut compressor = Compressor::new()?;
    if !compressor.is_promising(pieces, length)? {
        return None;
    }
    let limit = length * WORTH_PERCENT / 100;
    let mut out = Vec::with_capacity(limit);
    let mut index = Vec::with_capacity(length.div_ceil(FRAME_SIZE));
    for start in (0..length).step_by(FRAME_SIZE) {
        let content = gather(pieces, start, min(FRAME_SIZE, length - start));
        let (frame, is_shuffled) = compressor.compress(&content)?;
        out.extend_from_slice(frame);
        let size = u32::try_from(frame.len()).ok()?;
        index.push(if is_shuffled { size | SHUFFLED } else { size });
        if out.len() > limit {
            return None;
        }
    }
    out.extend_from_slice(&SKIPPABLE.to_le_bytes());
    out.extend_from_slice(&u32::try_from(index.len() * 4).ok()?.to_le_bytes());
    out.extend(index.iter().flat_map(|entry| entry.to_le_bytes()));
    (out.len() <= limit).then_some(out)
}

/// Compresses frame after frame with the same memory.
struct Compressor {
    zstd: bulk::Compressor<'static>,
    shuffled: Vec<u8>,
    frame: Vec<u8>,
}

impl Compressor {
    fn new() -> Option<Self> {
        let mut zstd = bulk::Compressor::new(LEVEL_PLAIN).ok()?;
        zstd.set_parameter(CParameter::ChecksumFlag(true)).ok()?;
        Some(Self {
            zstd,
            shuffled: Vec::new(),
            frame: Vec::new(),
        })
    }

    /// One frame, and whether its content was shuffled.
    fn compress(&mut self, content: &[u8]) -> Option<(&[u8], bool)> {
        let size = min(SAMPLE_SIZE, content.len());
        let is_shuffled = suits(&content[(content.len() - size) / 2 / 8 * 8..][..size]);
        let level = if is_shuffled {
            LEVEL_SHUFFLED
        } else {
            LEVEL_PLAIN
        };
        self.zstd
            .set_parameter(CParameter::CompressionLevel(level))
            .ok()?;
        self.frame.clear();
        self.frame.reserve(zstd_safe::compress_bound(content.len()));
        let source = if is_shuffled {
            self.shuffled.resize(content.len(), 0);
            shuffle(content, &mut self.shuffled);
            &self.shuffled
        } else {
            content
        };
        self.zstd.compress_to_buffer(source, &mut self.frame).ok()?;
        Some((&self.frame, is_shuffled))
    }

    fn is_promising(&mut self, pieces: &[&[u8]], length: usize) -> Option<bool> {
        let size = min(SAMPLE_SIZE, length);
        let mut small = 0;
        for start in [0, (length - size) / 2, length - size] {
            let sample = gather(pieces, start / 8 * 8, size);
            small += self.compress(&sample)?.0.len();
        }
        Some(small * 100 < size * 3 * WORTH_PERCENT)
    }
}

/// Where the frames of a chunk are.
#[derive(Debug)]
pub(crate) struct Index {
    /// Bytes of content.
    length: usize,
    /// Where each frame starts in the stored bytes, and where the last one ends.
    bounds: Vec<u64>,
    shuffled: Vec<bool>,
}

impl Index {
    /// Bytes of the index of a chunk with `length` bytes of content: it is at the end.
    pub(crate) fn size(length: usize) -> usize {
        INDEX_HEAD + 4 * length.div_ceil(FRAME_SIZE)
    }

    /// Reads an index of [`Index::size`] bytes. `None` if it contradicts the stored size.
    pub(crate) fn parse(bytes: &[u8], length: usize, stored: u64) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk()?;
        let (size, entries) = rest.split_first_chunk()?;
        let is_whole = bytes.len() == Self::size(length);
        if !is_whole
            || *magic != SKIPPABLE.to_le_bytes()
            || u32::from_le_bytes(*size) as usize != entries.len()
        {
            return None;
        }
        let mut index = Self {
            length,
            bounds: vec![0],
            shuffled: Vec::new(),
        };
        let mut end = 0;
        let (entries, _) = entries.as_chunks::<4>();
        for entry in entries.iter().map(|entry| u32::from_le_bytes(*entry)) {
            end += u64::from(entry & !SHUFFLED);
            index.bounds.push(end);
            index.shuffled.push(entry & SHUFFLED != 0);
        }
        (end + bytes.len() as u64 == stored).then_some(index)
    }

    /// The frames that hold a part of the content.
    pub(crate) fn frames(&self, part: &Range<usize>) -> Range<usize> {
        part.start / FRAME_SIZE..part.end.div_ceil(FRAME_SIZE).min(self.shuffled.len())
    }

    /// Where a row of frames is in the stored bytes.
    pub(crate) fn place(&self, frames: &Range<usize>) -> Range<u64> {
        self.bounds[frames.start]..self.bounds[frames.end]
    }

    /// Decompresses `part` of the content into `out` from the stored bytes of its frames.
    pub(crate) fn decompress(
        &self,
        part: &Range<usize>,
        mut stored: &[u8],
        mut out: &mut [u8],
    ) -> Result<(), String> {
        let mut decompressor = Decompressor::new()?;
        for frame in self.frames(part) {
            let size = usize::try_from(self.bounds[frame + 1] - self.bounds[frame]);
            let split = size.ok().and_then(|size| stored.split_at_checked(size));
            let (bytes, after) = split.ok_or("is cut off")?;
            stored = after;
            let start = frame * FRAME_SIZE;
            let content = min(FRAME_SIZE, self.length - start);
            let wanted = part.start.saturating_sub(start)..min(part.end - start, content);
            let (target, after) = std::mem::take(&mut out).split_at_mut(wanted.len());
            out = after;
            let content = decompressor.content(bytes, content, self.shuffled[frame], target)?;
            if let Some(content) = content {
                target.copy_from_slice(&content[wanted]);
            }
        }
        Ok(())
    }
}

/// Decompresses frame after frame with the same memory.
struct Decompressor {
    zstd: bulk::Decompressor<'static>,
    shuffled: Vec<u8>,
    content: Vec<u8>,
}

impl Decompressor {
    fn new() -> Result<Self, String> {
        Ok(Self {
            zstd: bulk::Decompressor::new().map_err(|cause| cause.to_string())?,
            shuffled: Vec::new(),
            content: Vec::new(),
        })
    }

    /// A frame's content: in `target` if that has room for all of it, else as returned.
    fn content(
        &mut self,
        frame: &[u8],
        length: usize,
        is_shuffled: bool,
        target: &mut [u8],
    ) -> Result<Option<&[u8]>, String> {
        let is_whole = target.len() == length;
        let content = if is_whole {
            target
        } else {
            self.content.resize(length, 0);
            &mut self.content[..]
        };
        if is_shuffled {
            self.shuffled.resize(length, 0);
            expand(&mut self.zstd, frame, &mut self.shuffled)?;
            unshuffle(&self.shuffled, content);
        } else {
            expand(&mut self.zstd, frame, content)?;
        }
        Ok((!is_whole).then_some(&self.content))
    }
}

fn expand(zstd: &mut bulk::Decompressor<'_>, frame: &[u8], out: &mut [u8]) -> Result<(), String> {
    let expected = out.len();
    match zstd.decompress_to_buffer(frame, out) {
        Ok(got) if got == expected => Ok(()),
        Ok(got) => Err(format!("decompresses to {got} bytes instead of {expected}")),
        Err(cause) => Err(format!("does not decompress ({cause})")),
    }
}

/// A stretch of a chunk; copied only where it spans pieces.
fn gather<'a>(pieces: &[&'a [u8]], start: usize, length: usize) -> Cow<'a, [u8]> {
    let (mut skip, mut missing) = (start, length);
    let mut copy = Vec::new();
    for &piece in pieces {
        if skip >= piece.len() {
            skip -= piece.len();
            continue;
        }
        let part = &piece[skip..min(piece.len(), skip + missing)];
        skip = 0;
        if part.len() == length {
            return Cow::Borrowed(part);
        }
        copy.extend_from_slice(part);
        missing -= part.len();
        if missing == 0 {
            break;
        }
    }
    Cow::Owned(copy)
}

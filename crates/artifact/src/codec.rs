//! Compressed chunks: whether it pays, and how a part is read without the rest.
//!
//! A compressed chunk is a row of zstd frames, each of [`FRAME_SIZE`] bytes of content (the last of
//! fewer) with a checksum, then a skippable zstd frame with the index: the stored size of each
//! frame as 32 bits, little-endian. `zstd -d` reads it; a range read touches only its frames.

use std::{borrow::Cow, cmp::min};

use zstd::{
    bulk,
    zstd_safe::{self, CParameter},
};

/// Bytes of content of one zstd frame.
pub(crate) const FRAME_SIZE: usize = 1 << 20;

const LEVEL: i32 = 1;
const SAMPLE_SIZE: usize = 16 * 1024;
const SKIPPABLE: u32 = 0x184D_2A50;
const INDEX_HEAD: usize = 8;

/// Compression must bring a chunk below this share of its size: a raw chunk can be mapped and read
/// for nothing, so a small gain is a loss.
const WORTH_PERCENT: usize = 80;

/// Compresses a chunk that is given in pieces, if that pays.
pub(crate) fn compress(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut compressor = bulk::Compressor::new(LEVEL).ok()?;
    if !is_promising(pieces, length, &mut compressor) {
        return None;
    }
    compressor
        .set_parameter(CParameter::ChecksumFlag(true))
        .ok()?;
    let limit = length * WORTH_PERCENT / 100;
    let mut out = Vec::with_capacity(limit);
    let mut scratch = Vec::with_capacity(zstd_safe::compress_bound(FRAME_SIZE));
    let mut sizes = Vec::with_capacity(frame_count(length));
    for start in (0..length).step_by(FRAME_SIZE) {
        let frame = gather(pieces, start, min(FRAME_SIZE, length - start));
        let size = compressor.compress_to_buffer(&frame, &mut scratch).ok()?;
        out.extend_from_slice(&scratch);
        sizes.push(u32::try_from(size).ok()?);
        if out.len() > limit {
            return None;
        }
    }
    let index = u32::try_from(sizes.len() * 4).ok()?;
    out.extend_from_slice(&SKIPPABLE.to_le_bytes());
    out.extend_from_slice(&index.to_le_bytes());
    out.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
    (out.len() <= limit).then_some(out)
}

/// Bytes of the index of a chunk with `length` bytes of content: it is at the end.
pub(crate) fn index_size(length: usize) -> usize {
    INDEX_HEAD + 4 * frame_count(length)
}

/// Reads the index: where each frame starts, and where the last one ends. `None` if it contradicts
/// the stored size.
pub(crate) fn parse_index(index: &[u8], stored: u64) -> Option<Vec<u64>> {
    let (magic, rest) = index.split_first_chunk()?;
    let (size, sizes) = rest.split_first_chunk()?;
    if u32::from_le_bytes(*magic) != SKIPPABLE || u32::from_le_bytes(*size) as usize != sizes.len()
    {
        return None;
    }
    let mut ends = vec![0];
    let mut end = 0;
    for size in sizes.chunks_exact(4) {
        end += u64::from(u32::from_le_bytes(size.try_into().ok()?));
        ends.push(end);
    }
    (end + index.len() as u64 == stored).then_some(ends)
}

/// Decompresses a row of whole frames into exactly `out`.
pub(crate) fn decompress(frames: &[u8], out: &mut [u8]) -> Result<(), String> {
    let expected = out.len();
    let mut decompressor = bulk::Decompressor::new().map_err(|cause| cause.to_string())?;
    let got = decompressor
        .decompress_to_buffer(frames, out)
        .map_err(|cause| format!("does not decompress: {cause}"))?;
    if got == expected {
        Ok(())
    } else {
        Err(format!("decompresses to {got} bytes instead of {expected}"))
    }
}

fn frame_count(length: usize) -> usize {
    length.div_ceil(FRAME_SIZE)
}

/// Tries three pieces: the beginning, the middle, the end.
fn is_promising(pieces: &[&[u8]], length: usize, compressor: &mut bulk::Compressor<'_>) -> bool {
    let size = min(SAMPLE_SIZE, length);
    let mut scratch = Vec::with_capacity(zstd_safe::compress_bound(size));
    let mut small = 0;
    for start in [0, (length - size) / 2, length - size] {
        let sample = gather(pieces, start, size);
        match compressor.compress_to_buffer(&sample, &mut scratch) {
            Ok(compressed) => small += compressed,
            Err(_) => return false,
        }
    }
    small * 100 < size * 3 * WORTH_PERCENT
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

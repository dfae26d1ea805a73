//! Bytes and artifacts to test with.

use pave_artifact::{Blobs, Encoding, Entry};

/// Bytes that don't compress, the same for the same seed.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    words(length, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

/// 64-bit integers below 1,000: most of their bytes are zero.
pub(crate) fn numbers(length: usize) -> Vec<u8> {
    let mut count = 0_u64;
    words(length, || {
        count += 1;
        (count.wrapping_mul(0x9E37_79B9) >> 7) % 1000
    })
}

/// Text with numbers in it.
pub(crate) fn text(length: usize) -> Vec<u8> {
    let mut text = String::with_capacity(length + 64);
    let mut line = 0_u64;
    while text.len() < length {
        line += 1;
        text.push_str(&format!(
            "line {line} says {}\n",
            line.wrapping_mul(0x9E37) % 100_000
        ));
    }
    let mut bytes = text.into_bytes();
    bytes.truncate(length);
    bytes
}

fn words(length: usize, mut next: impl FnMut() -> u64) -> Vec<u8> {
    let mut bytes = vec![0; length.next_multiple_of(8)];
    for word in bytes.chunks_exact_mut(8) {
        word.copy_from_slice(&next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Puts bytes and gives the entry of an artifact `data` that consists of them.
pub(crate) fn put(blobs: &Blobs, bytes: &[u8]) -> Entry {
    let stored = blobs.put(&[bytes]).unwrap();
    stored.into_entry("data", Encoding::Array, "bytes", "")
}

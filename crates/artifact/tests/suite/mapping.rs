//! Mapped payloads: contiguous, private, and able to tell whether they were written to.
#![expect(
    unsafe_code,
    reason = "writes through a mapping's pointer, as numpy does"
)]

use std::{sync::Arc, thread};

use pave_artifact::{Blobs, CHUNK_SIZE, Mapping, MemoryStore};

use crate::sample::{noise, numbers, put};

fn write(mapping: &Mapping, at: usize, value: u8) {
    assert!(at < mapping.len());
    // SAFETY: within the mapping, and no slice of it is in use.
    unsafe { mapping.as_ptr().add(at).write(value) };
}

#[test]
fn chunks_lie_one_behind_another_at_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = noise(3 * CHUNK_SIZE + 1, 1);
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    let mapping = blobs.map(&entry).unwrap();
    assert!(mapping.as_ptr().addr().is_multiple_of(4096));
    assert!(mapping[..] == bytes);
}

#[test]
fn small_mappings_are_aligned_too() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    for length in [0, 1, 63, 64, 1000] {
        let mapping = blobs.map(&put(&blobs, &noise(length, 1))).unwrap();
        assert!(mapping.as_ptr().addr().is_multiple_of(64));
        assert_eq!(mapping[..], noise(length, 1));
        assert_eq!(mapping.is_clean(), None);
    }
}

#[test]
fn writing_to_a_mapping_changes_neither_the_store_nor_other_mappings() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = noise(2 << 20, 1);
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    let (ours, theirs) = (blobs.map(&entry).unwrap(), blobs.map(&entry).unwrap());
    write(&ours, 5000, bytes[5000] ^ 1);
    assert_eq!(ours[5000], bytes[5000] ^ 1);
    assert_eq!(ours[5001], bytes[5001]);
    assert_eq!(theirs[..], bytes);
    assert_eq!(blobs.map(&entry).unwrap()[..], bytes);
    blobs.verify(&entry).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_mapping_is_clean_until_a_byte_of_any_chunk_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = noise(CHUNK_SIZE + 100_000, 1);
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    for at in [0, CHUNK_SIZE - 1, CHUNK_SIZE, bytes.len() - 1] {
        let mapping = blobs.map(&entry).unwrap();
        assert_eq!(mapping.is_clean(), Some(true), "untouched");
        assert!(mapping[..] == bytes);
        assert_eq!(mapping.is_clean(), Some(true), "read");
        // Even a byte that stays the same counts: its page was written.
        write(&mapping, at, bytes[at]);
        assert_eq!(mapping.is_clean(), Some(false), "written at {at}");
    }
}

#[test]
fn decompressed_mappings_cannot_tell() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let entry = put(&blobs, &numbers(2 << 20));
    blobs.sync().unwrap();
    assert_eq!(blobs.map(&entry).unwrap().is_clean(), None);
}

#[test]
#[cfg(target_os = "linux")]
fn a_written_file_part_shows_beside_a_decompressed_one() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = [numbers(CHUNK_SIZE), noise(100_000, 1)].concat();
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    let mapping = blobs.map(&entry).unwrap();
    assert!(mapping[..] == bytes);
    assert_eq!(mapping.is_clean(), None);
    write(&mapping, CHUNK_SIZE + 5, 0);
    assert_eq!(mapping.is_clean(), Some(false));
}

#[test]
fn parts_map_alone_and_across_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = noise(2 * CHUNK_SIZE + 5000, 1);
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    for (offset, length) in [
        (0, 1),
        (64, CHUNK_SIZE),
        (CHUNK_SIZE - 3, 6),
        (2 * CHUNK_SIZE + 1, 4999),
    ] {
        let mapping = blobs
            .map_range(&entry, offset as u64, length as u64)
            .unwrap();
        assert!(mapping[..] == bytes[offset..][..length]);
        assert_eq!(mapping.as_ptr().addr() % 64, offset % 64);
    }
}

#[test]
fn mappings_outlive_the_store_and_cross_threads() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = noise(1 << 20, 1);
    let mapping = blobs.map(&put(&blobs, &bytes)).unwrap();
    drop(blobs);
    drop(folder);
    let there = thread::spawn(move || mapping[..] == noise(1 << 20, 1));
    assert!(there.join().unwrap());
}

//! Putting payloads and reading them back.

use std::{fs, sync::Arc};

use pave_artifact::{
    Blobs, CHUNK_SIZE, Codec, Encoding, INLINE_LIMIT, MemoryStore, Placement, VERIFY_BELOW, hex,
};
use pave_model::Code;
use proptest::prelude::*;

use crate::sample::{noise, numbers, put, text};

fn chunks(place: &Placement) -> &[pave_artifact::Chunk] {
    match place {
        Placement::Chunks(chunks) => chunks,
        Placement::Inline(_) => panic!("expected chunks"),
    }
}

#[test]
fn small_payloads_stay_inline_and_touch_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    for length in [0, 1, INLINE_LIMIT] {
        let bytes = noise(length, 1);
        let entry = put(&blobs, &bytes);
        assert_eq!(entry.place, Placement::Inline(bytes.clone()));
        assert_eq!(entry.hash, *blake3::hash(&bytes).as_bytes());
        assert_eq!(blobs.map(&entry).unwrap()[..], bytes);
    }
    blobs.sync().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn large_payloads_lie_under_their_hash() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = noise(INLINE_LIMIT + 1, 1);
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    let name = hex(blake3::hash(&bytes).as_bytes());
    assert_eq!(hex(&entry.hash), name);
    let path = folder.path().join("blobs").join(&name[..2]).join(&name);
    assert_eq!(fs::read(path).unwrap(), bytes);
}

#[test]
fn payloads_of_several_chunks_come_back_however_they_were_cut() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let bytes = noise(2 * CHUNK_SIZE + 12_345, 2);
    let whole = put(&blobs, &bytes);
    assert_eq!(chunks(&whole.place).len(), 3);
    let cuts = [
        0,
        1,
        4096,
        CHUNK_SIZE - 1,
        CHUNK_SIZE,
        CHUNK_SIZE,
        CHUNK_SIZE + 77,
    ];
    let length = bytes.len();
    let ends = cuts[1..].iter().chain([&length]);
    let parts: Vec<&[u8]> = cuts
        .iter()
        .zip(ends)
        .map(|(&from, &to)| &bytes[from..to])
        .collect();
    let scattered = blobs.put(&parts).unwrap();
    assert_eq!(scattered.hash, whole.hash);
    assert_eq!(scattered.place, whole.place);
    assert_eq!(blobs.map(&whole).unwrap()[..], bytes);
    blobs.verify(&whole).unwrap();
}

#[test]
fn payload_hashes_differ_where_payloads_do() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let zeros = vec![0; 2 * CHUNK_SIZE];
    let hashes: Vec<_> = [
        CHUNK_SIZE,
        CHUNK_SIZE + 1,
        2 * CHUNK_SIZE - 1,
        2 * CHUNK_SIZE,
    ]
    .iter()
    .map(|&length| put(&blobs, &zeros[..length]).hash)
    .collect();
    for (at, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..at].contains(hash));
    }
}

#[test]
fn the_hash_of_a_long_payload_is_as_documented() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let bytes = noise(CHUNK_SIZE + 5, 3);
    let mut hasher = blake3::Hasher::new_derive_key("pave payload v1");
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(blake3::hash(&bytes[..CHUNK_SIZE]).as_bytes());
    hasher.update(blake3::hash(&bytes[CHUNK_SIZE..]).as_bytes());
    assert_eq!(put(&blobs, &bytes).hash, *hasher.finalize().as_bytes());
}

#[test]
fn equal_chunks_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let chunk = noise(CHUNK_SIZE, 4);
    let entry = blobs.put(&[&chunk, &chunk, &chunk]).unwrap();
    put(&blobs, &chunk);
    blobs.sync().unwrap();
    assert_eq!(blobs.list().unwrap().len(), 1);
    assert_eq!(blobs.total_size().unwrap(), CHUNK_SIZE as u64);
    let entry = entry.into_entry("data", Encoding::Array, "bytes", "");
    assert_eq!(
        blobs.map(&entry).unwrap()[..],
        [&chunk[..], &chunk, &chunk].concat()
    );
}

#[test]
fn a_stored_chunk_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(100_000, 5);
    let blobs = Blobs::open(folder.path());
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    // Nothing can be written any more: a file is where the temporary folder was.
    let temp = folder.path().join("blobs/tmp");
    fs::remove_dir(&temp).unwrap();
    fs::write(&temp, "").unwrap();
    let again = Blobs::open(folder.path());
    assert_eq!(put(&again, &bytes), entry);
    assert_eq!(
        again.put(&[&noise(100_000, 6)]).unwrap_err().code(),
        Code::A003
    );
}

#[test]
fn a_chunk_that_was_cut_off_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    for bytes in [noise(100_000, 5), numbers(100_000)] {
        let entry = put(&blobs, &bytes);
        blobs.sync().unwrap();
        let path = file_of(&blobs, folder.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(blobs.map(&entry).unwrap_err().code(), Code::A001);
        assert_eq!(put(&blobs, &bytes), entry);
        blobs.sync().unwrap();
        blobs.verify(&entry).unwrap();
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn compression_is_used_where_it_pays_and_only_there() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    for (bytes, codec) in [
        (noise(3_000_000, 1), Codec::Raw),
        (numbers(3_000_001), Codec::Zstd),
        (text(3_000_000), Codec::Zstd),
        (vec![0; 5000], Codec::Zstd),
        // Floats between 0 and 1: only one byte of eight repeats.
        (floats(300_000), Codec::Raw),
        // The beginning, middle and end deceive, the whole does not pay.
        (deceptive(), Codec::Raw),
    ] {
        let entry = put(&blobs, &bytes);
        let [chunk] = chunks(&entry.place) else {
            panic!("one chunk")
        };
        assert_eq!(chunk.codec, codec, "{} bytes", bytes.len());
        let limit = if codec == Codec::Raw {
            bytes.len()
        } else {
            bytes.len() / 2
        };
        assert!(chunk.stored as usize <= limit);
        assert_eq!(blobs.map(&entry).unwrap()[..], bytes);
        blobs.verify(&entry).unwrap();
    }
}

fn floats(count: usize) -> Vec<u8> {
    let words = noise(count * 8, 9);
    let (words, _) = words.as_chunks::<8>();
    let unit = words
        .iter()
        .map(|word| (u64::from_le_bytes(*word) >> 11) as f64 / 2f64.powi(53));
    unit.flat_map(f64::to_le_bytes).collect()
}

fn deceptive() -> Vec<u8> {
    let mut bytes = noise(4_000_000, 7);
    for at in [0, 1_950_000, 3_900_000] {
        bytes[at..at + 100_000].fill(0);
    }
    bytes
}

#[test]
fn mixed_columns_compress_each_in_their_way() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let bytes = [numbers(5 << 20), text(6 << 20), vec![7; 3 << 20]].concat();
    let entry = put(&blobs, &bytes);
    assert!(
        entry.place.stored() * 3 < entry.size,
        "{} bytes",
        entry.place.stored()
    );
    assert_eq!(blobs.map(&entry).unwrap()[..], bytes);
    for (offset, length) in [
        (0, 10),
        (5 << 20, 1 << 20),
        ((5 << 20) - 3, 7),
        (9_000_000, 4_000_000),
    ] {
        let part = blobs.read_range(&entry, offset, length).unwrap();
        assert_eq!(part, bytes[offset as usize..][..length as usize]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_range_of_any_payload_reads_as_it_was_put(
        kind in 0..3, length in 0..40_000_usize, large in prop::bool::weighted(0.04),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ends in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let length = if large { CHUNK_SIZE - 20_000 + length } else { length };
        let bytes = match kind { 0 => noise(length, 1), 1 => numbers(length), _ => text(length) };
        let blobs = Blobs::over(Arc::new(MemoryStore::new()));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut start = 0;
        for cut in cuts {
            parts.push(&bytes[start..cut]);
            start = cut;
        }
        parts.push(&bytes[start..]);
        let entry = blobs.put(&parts).unwrap().into_entry("x", Encoding::Value, "", "");
        let (a, b) = (ends.0.index(length + 1), ends.1.index(length + 1));
        let (from, to) = (a.min(b), a.max(b));
        let (offset, size) = (from as u64, (to - from) as u64);
        prop_assert_eq!(&blobs.read_range(&entry, offset, size).unwrap(), &bytes[from..to]);
        prop_assert_eq!(&blobs.map_range(&entry, offset, size).unwrap()[..], &bytes[from..to]);
        prop_assert_eq!(&blobs.map(&entry).unwrap()[..], &bytes[..]);
        prop_assert!(blobs.read_range(&entry, offset, entry.size - offset + 1).is_err());
        prop_assert!(blobs.map_range(&entry, u64::MAX, 2).is_err());
    }
}

fn file_of(blobs: &Blobs, folder: &std::path::Path) -> std::path::PathBuf {
    let [chunk] = blobs.list().unwrap()[..] else {
        panic!("one chunk")
    };
    let mut name = hex(&chunk.id.hash);
    if chunk.id.codec == Codec::Zstd {
        name.push_str(".zst");
    }
    folder.join("blobs").join(&name[..2]).join(name)
}

#[test]
fn missing_blobs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    for bytes in [noise(100_000, 1), numbers(100_000)] {
        let entry = put(&blobs, &bytes);
        blobs.sync().unwrap();
        let path = file_of(&blobs, folder.path());
        fs::remove_file(&path).unwrap();
        for error in [
            blobs.map(&entry).unwrap_err(),
            blobs.read_range(&entry, 5, 5).unwrap_err(),
            blobs.verify(&entry).unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::A002);
            let message = error.to_string();
            assert!(message.contains("`data`"), "{message}");
            assert!(message.contains(path.to_str().unwrap()), "{message}");
            assert!(message.contains("run the step"), "{message}");
        }
    }
}

#[test]
fn short_payloads_are_checked_whenever_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    for bytes in [noise(100_000, 1), numbers(100_000)] {
        let entry = put(&blobs, &bytes);
        blobs.sync().unwrap();
        let path = file_of(&blobs, folder.path());
        flip(&path, 777);
        let error = blobs.map(&entry).unwrap_err();
        assert_eq!(error.code(), Code::A001);
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn long_payloads_are_checked_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let entry = put(&blobs, &noise(VERIFY_BELOW as usize, 1));
    blobs.sync().unwrap();
    blobs.verify(&entry).unwrap();
    flip(&file_of(&blobs, folder.path()), 777);
    assert!(blobs.map(&entry).is_ok());
    assert_eq!(blobs.verify(&entry).unwrap_err().code(), Code::A001);
    assert_eq!(
        blobs.verifying().map(&entry).unwrap_err().code(),
        Code::A001
    );
}

#[test]
fn damaged_compressed_chunks_are_noticed_whatever_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let entry = put(&blobs, &numbers(4 << 20));
    blobs.sync().unwrap();
    let path = file_of(&blobs, folder.path());
    let whole = fs::read(&path).unwrap();
    let at_end = whole.len() - 1;
    for at in [0, 5000, whole.len() / 2, at_end - 20, at_end - 1] {
        flip(&path, at);
        assert_eq!(
            blobs.map(&entry).unwrap_err().code(),
            Code::A001,
            "byte {at}"
        );
        fs::write(&path, &whole).unwrap();
    }
    blobs.verify(&entry).unwrap();
}

#[test]
fn damaged_manifests_are_noticed() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let mut inline = put(&blobs, b"some bytes");
    inline.place = Placement::Inline(b"other byte".to_vec());
    assert_eq!(blobs.map(&inline).unwrap_err().code(), Code::A001);
    let mut swapped = put(&blobs, &noise(CHUNK_SIZE + 100, 1));
    let Placement::Chunks(chunks) = &mut swapped.place else {
        panic!("chunks")
    };
    chunks.swap(0, 1);
    assert_eq!(blobs.verify(&swapped).unwrap_err().code(), Code::A001);
}

#[test]
fn deleted_chunks_stay_readable_where_they_are_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let bytes = noise(2 << 20, 1);
    let entry = put(&blobs, &bytes);
    blobs.sync().unwrap();
    let mapping = blobs.map(&entry).unwrap();
    let [chunk] = blobs.list().unwrap()[..] else {
        panic!("one chunk")
    };
    assert!(blobs.delete(chunk.id).unwrap());
    assert!(!blobs.delete(chunk.id).unwrap());
    assert_eq!(mapping[..], bytes);
    assert_eq!(blobs.map(&entry).unwrap_err().code(), Code::A002);
}

fn flip(path: &std::path::Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

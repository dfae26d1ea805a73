//! One suite for every store of chunks. A new one is done when it passes.

use std::{io::ErrorKind, sync::Arc};

use pave_artifact::{ChunkId, ChunkStore, Codec, DiskStore, MemoryStore};
use pave_model::Code;

use crate::sample::noise;

fn id(number: u8, codec: Codec) -> ChunkId {
    ChunkId {
        hash: [number; 32],
        codec,
    }
}

fn read(store: &dyn ChunkStore, id: ChunkId) -> Vec<u8> {
    let length = store.find(id).unwrap().unwrap();
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    store.read_at(id, 0, &mut bytes).unwrap();
    bytes
}

/// Everything that a store promises.
fn conforms(store: &Arc<dyn ChunkStore>) {
    is_empty_at_first(&**store);
    keeps_parts_in_order(&**store);
    keeps_codecs_apart(&**store);
    reads_ranges(&**store);
    replaces(&**store);
    lists_and_deletes(&**store);
    serves_threads(store);
}

fn is_empty_at_first(store: &dyn ChunkStore) {
    let absent = id(1, Codec::Raw);
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.find(absent).unwrap(), None);
    assert_eq!(store.reuse(absent).unwrap(), None);
    assert!(!store.delete(absent).unwrap());
    assert_eq!(
        store.read_at(absent, 0, &mut [0]).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(store.open(absent).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(store.place(absent).contains("0101"));
    store.sync().unwrap();
}

fn keeps_parts_in_order(store: &dyn ChunkStore) {
    let chunk = id(1, Codec::Raw);
    let many: Vec<&[u8]> = vec![b"ab"; 5000];
    let mut parts: Vec<&[u8]> = vec![b"first", b"", b"second"];
    parts.extend(&many);
    store.put(chunk, &parts).unwrap();
    assert_eq!(read(store, chunk), parts.concat(), "readable before sync");
    store.sync().unwrap();
    assert_eq!(read(store, chunk), parts.concat(), "readable after sync");
    assert_eq!(store.reuse(chunk).unwrap(), store.find(chunk).unwrap());
    store.put(id(9, Codec::Raw), &[]).unwrap();
    assert_eq!(store.find(id(9, Codec::Raw)).unwrap(), Some(0));
}

fn keeps_codecs_apart(store: &dyn ChunkStore) {
    let (raw, compressed) = (id(2, Codec::Raw), id(2, Codec::Zstd));
    store.put(raw, &[b"raw"]).unwrap();
    assert_eq!(store.find(compressed).unwrap(), None);
    store.put(compressed, &[b"compressed"]).unwrap();
    store.sync().unwrap();
    assert_eq!(read(store, raw), b"raw");
    assert_eq!(read(store, compressed), b"compressed");
}

fn reads_ranges(store: &dyn ChunkStore) {
    let chunk = id(3, Codec::Raw);
    let bytes = noise(10_000_000, 3);
    store.put(chunk, &[&bytes]).unwrap();
    let mut part = vec![0; 1000];
    store.read_at(chunk, 9_000_001, &mut part).unwrap();
    assert_eq!(part, bytes[9_000_001..][..1000]);
    let beyond = store.read_at(chunk, 9_999_001, &mut part).unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::UnexpectedEof);
    let far = store.read_at(chunk, 1 << 40, &mut part).unwrap_err();
    assert_eq!(far.kind(), ErrorKind::UnexpectedEof);
}

fn replaces(store: &dyn ChunkStore) {
    let chunk = id(4, Codec::Raw);
    store.put(chunk, &[b"damaged"]).unwrap();
    store.put(chunk, &[b"good"]).unwrap();
    assert_eq!(read(store, chunk), b"good");
    store.sync().unwrap();
    assert_eq!(read(store, chunk), b"good");
    store.put(chunk, &[b"better"]).unwrap();
    store.sync().unwrap();
    assert_eq!(read(store, chunk), b"better");
}

fn lists_and_deletes(store: &dyn ChunkStore) {
    store.sync().unwrap();
    let mut listed = store.list().unwrap();
    listed.sort_by_key(|chunk| chunk.id);
    let ids: Vec<u8> = listed.iter().map(|chunk| chunk.id.hash[0]).collect();
    assert_eq!(ids, [1, 2, 2, 3, 4, 9]);
    assert_eq!(listed[3].stored, 10_000_000);
    for chunk in listed {
        assert!(store.delete(chunk.id).unwrap());
        assert_eq!(store.find(chunk.id).unwrap(), None);
    }
    assert_eq!(store.list().unwrap(), []);
}

fn serves_threads(store: &Arc<dyn ChunkStore>) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in 0..50 {
                    let chunk = id(number, Codec::Raw);
                    store.put(chunk, &[&[number; 100]]).unwrap();
                    if number % 10 == thread {
                        store.sync().unwrap();
                    }
                    assert_eq!(read(&**store, chunk), [number; 100]);
                }
                store.sync().unwrap();
            });
        }
    });
    assert_eq!(store.list().unwrap().len(), 50);
}

#[test]
fn memory_conforms() {
    let store: Arc<dyn ChunkStore> = Arc::new(MemoryStore::new());
    conforms(&store);
}

#[test]
fn disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn ChunkStore> = Arc::new(DiskStore::open(&folder.path().join("blobs")));
    conforms(&store);
    let left = std::fs::read_dir(folder.path().join("blobs/tmp")).unwrap();
    assert_eq!(left.count(), 0, "temporary files are left");
}

#[test]
fn opening_alone_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(&folder.path().join("blobs"));
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn foreign_files_in_the_folder_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    for name in ["ab/notes.txt", "ab/abcd", "tmp/notes.txt", "README"] {
        let path = blobs.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "mine").unwrap();
    }
    let store = DiskStore::open(&blobs);
    assert_eq!(store.list().unwrap(), []);
    for name in ["ab/notes.txt", "tmp/notes.txt"] {
        assert!(blobs.join(name).exists(), "{name}");
    }
}

#[test]
fn chunks_are_seen_by_others_only_after_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        DiskStore::open(folder.path()),
        DiskStore::open(folder.path()),
    );
    let chunk = id(7, Codec::Raw);
    ours.put(chunk, &[b"bytes"]).unwrap();
    assert_eq!(theirs.find(chunk).unwrap(), None);
    ours.sync().unwrap();
    assert_eq!(theirs.find(chunk).unwrap(), Some(5));
}

#[test]
fn more_chunks_than_may_be_open_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path());
    for number in 0..200 {
        store.put(id(number, Codec::Raw), &[&[number]]).unwrap();
        assert!(open_files(folder.path()) < 100);
    }
    for number in 0..200 {
        assert_eq!(read(&store, id(number, Codec::Raw)), [number]);
    }
    store.sync().unwrap();
    assert_eq!(store.list().unwrap().len(), 200);
}

/// How many files below a folder this process has open.
fn open_files(folder: &std::path::Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    open.filter_map(|link| std::fs::read_link(link.path()).ok())
        .filter(|path| path.starts_with(folder))
        .count()
}

#[test]
fn dropping_a_store_drops_what_was_not_synced() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path());
    store.put(id(1, Codec::Raw), &[b"bytes"]).unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path().join("tmp"))
            .unwrap()
            .count(),
        1
    );
    drop(store);
    assert_eq!(
        std::fs::read_dir(folder.path().join("tmp"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn after_a_failed_sync_a_store_must_be_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path());
    store.put(id(1, Codec::Raw), &[b"lost"]).unwrap();
    std::fs::remove_dir_all(folder.path().join("tmp")).unwrap();
    for _ in 0..2 {
        assert_eq!(store.sync().unwrap_err().code(), Code::A003);
        assert_eq!(store.find(id(1, Codec::Raw)).unwrap(), None);
    }
    let store = DiskStore::open(folder.path());
    store.put(id(1, Codec::Raw), &[b"kept"]).unwrap();
    store.sync().unwrap();
    assert_eq!(read(&store, id(1, Codec::Raw)), b"kept");
}

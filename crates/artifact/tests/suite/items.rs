//! Many payloads in one, each readable alone.

use std::{borrow::Cow, cell::Cell, sync::Arc};

use pave_artifact::{
    ArtifactError, Blobs, Encoding, Entry, MemoryStore,
    items::{ItemKind, ItemsReader, ItemsWriter},
};
use proptest::prelude::*;

use crate::sample::noise;

fn kind(name: &str) -> ItemKind {
    ItemKind {
        encoding: Encoding::Value,
        type_name: name.to_owned(),
    }
}

fn store(blobs: &Blobs, writer: ItemsWriter<'_>) -> Entry {
    let items = writer.finish();
    let stored = blobs.put(&items.parts()).unwrap();
    stored.into_entry("_foreach_items", Encoding::Items, "list", "")
}

fn reader<'a>(
    blobs: &'a Blobs,
    entry: &'a Entry,
) -> ItemsReader<impl FnMut(u64, u64) -> Result<Vec<u8>, ArtifactError> + 'a> {
    ItemsReader::new(entry.size, |offset, length| {
        blobs.read_range(entry, offset, length)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_item_reads_alone(
        items in prop::collection::vec((0..3_u8, 0..9000_usize, any::<bool>()), 0..40),
        large in prop::option::of(64 * 1024..80 * 1024_usize),
    ) {
        let blobs = Blobs::over(Arc::new(MemoryStore::new()));
        let payloads: Vec<(u8, Vec<u8>)> = items
            .iter()
            .map(|&(kind, length, _)| (kind, length))
            .chain(large.map(|length| (3, length)))
            .map(|(kind, length)| (kind, noise(length, length as u64)))
            .collect();
        let mut writer = ItemsWriter::new();
        for (at, (number, payload)) in payloads.iter().enumerate() {
            let kind = kind(&format!("kind {number}"));
            if items.get(at).is_some_and(|item| item.2) {
                let (head, tail) = payload.split_at(payload.len() / 3);
                writer.push_parts(&kind, [Cow::Borrowed(head), Cow::Owned(tail.to_vec())]).unwrap();
            } else {
                writer.push(&kind, payload.as_slice()).unwrap();
            }
        }
        let entry = store(&blobs, writer);
        let mut reader = reader(&blobs, &entry);
        prop_assert_eq!(reader.count().unwrap(), payloads.len() as u64);
        let kinds = reader.kinds().unwrap();
        let places = reader.places().unwrap();
        for (index, (number, payload)) in payloads.iter().enumerate() {
            let place = reader.place(index as u64).unwrap();
            prop_assert_eq!(place, places[index]);
            prop_assert_eq!(&reader.payload(place).unwrap(), payload);
            prop_assert_eq!(&kinds.find(place.kind).unwrap().type_name, &format!("kind {number}"));
            if payload.len() >= 4096 {
                prop_assert!(place.offset.is_multiple_of(64));
            }
        }
        prop_assert!(reader.place(payloads.len() as u64).is_err());
        prop_assert!(reader.place(u64::MAX).is_err());
    }
}

#[test]
fn a_million_items_cost_sixteen_bytes_each_and_two_small_reads() {
    let kind = kind("int");
    let mut writer = ItemsWriter::new();
    for number in 0..1_000_000_u32 {
        writer.push(&kind, number.to_le_bytes().to_vec()).unwrap();
    }
    assert_eq!(writer.len(), 1_000_000);
    let payload = writer.finish().parts().concat();
    assert!(payload.len() < 1_000_000 * 20 + 200);
    let (reads, bytes) = (Cell::new(0), Cell::new(0));
    let mut reader = ItemsReader::new(payload.len() as u64, |offset, length| {
        reads.set(reads.get() + 1);
        bytes.set(bytes.get() + length);
        Ok(&payload[offset as usize..][..length as usize])
    });
    let place = reader.place(765_432).unwrap();
    assert_eq!(reader.payload(place).unwrap(), 765_432_u32.to_le_bytes());
    assert_eq!((reads.get(), bytes.get()), (2, 20));
}

#[test]
fn large_borrowed_items_are_not_copied() {
    let large = noise(1 << 20, 1);
    let mut writer = ItemsWriter::new();
    writer.push(&kind("small"), b"x".as_slice()).unwrap();
    writer.push(&kind("large"), large.as_slice()).unwrap();
    let items = writer.finish();
    assert!(
        items
            .parts()
            .iter()
            .any(|part| part.as_ptr() == large.as_ptr())
    );
}

#[test]
fn no_items_are_a_payload_too() {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let writer = ItemsWriter::new();
    assert!(writer.is_empty());
    let entry = store(&blobs, writer);
    let mut reader = reader(&blobs, &entry);
    assert_eq!(reader.count().unwrap(), 0);
    assert_eq!(reader.places().unwrap(), []);
    assert!(reader.place(0).is_err());
    assert!(reader.kinds().unwrap().find(0).is_none());
}

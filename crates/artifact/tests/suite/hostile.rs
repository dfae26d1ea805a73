//! Bytes from anywhere: every decoder refuses or reads them, none panics, none allocates what the
//! bytes merely announce.

use std::{panic, sync::Arc};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_buffer::Buffer;
use pave_artifact::{
    ArtifactError, Blobs, Encoding, Entry, Manifest, MemoryStore,
    array::ArrayHeader,
    frame,
    items::{ItemKind, ItemsReader, ItemsWriter},
    pickle::{PickleHead, PickleLayout},
    value::{Value, preview},
};
use proptest::prelude::*;

use crate::{sample::put, value::values};

fn decode_all(bytes: &[u8]) {
    let _ = Value::decode(bytes);
    let _ = preview(bytes, 100);
    let _ = preview(bytes, 1_000_000);
    let _ = Entry::from_bytes(bytes);
    let _ = Manifest::decode(bytes);
    let _ = ArrayHeader::parse(bytes);
    let _ = PickleLayout::parse(bytes);
    let _ = read_items(bytes);
    let _ = frame::decode_buffer(Buffer::from(bytes));
}

fn read_items(bytes: &[u8]) -> Result<(), ArtifactError> {
    let mut reader = ItemsReader::new(bytes.len() as u64, |offset, length| {
        let (offset, length) = (offset as usize, length as usize);
        Ok(bytes
            .get(offset..offset + length)
            .expect("only what exists is asked for"))
    });
    reader.kinds()?;
    for place in reader.places()? {
        reader.payload(place)?;
    }
    Ok(())
}

/// Valid payloads of every format, to damage.
fn valid() -> Vec<Vec<u8>> {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let value = Value::Dict(vec![
        (
            Value::Str("a".into()),
            Value::List(vec![Value::Int(1), Value::Decimal("1.5".into())]),
        ),
        (
            Value::Tuple(vec![Value::Int(500)]),
            Value::Set(vec![Value::None, Value::Float(2.0)]),
        ),
    ]);
    let entry = put(&blobs, b"content");
    let mut manifest: Manifest = [entry.clone(), put(&blobs, &[7; 9000])]
        .into_iter()
        .collect();
    manifest.remove("gone");
    let header = ArrayHeader {
        dtype: "<i2".into(),
        shape: vec![2, 3],
        ..ArrayHeader::default()
    };
    let mut array = header.encode().unwrap();
    array.extend([1; 12]);
    let mut items = ItemsWriter::new();
    for text in ["one", "two", "three"] {
        let kind = ItemKind {
            encoding: Encoding::Value,
            type_name: text.to_owned(),
        };
        items.push(&kind, text.as_bytes()).unwrap();
    }
    let columns: [(&str, ArrayRef); 2] = [
        (
            "n",
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
        ),
        ("s", Arc::new(StringArray::from(vec!["x", "yy", "zzz"]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let frame = frame::encode(&batch.schema(), &[batch]).unwrap();
    vec![
        value.encode().unwrap(),
        entry.to_bytes(),
        manifest.encode(),
        array,
        PickleHead::new(b"abc", &[b"de"])
            .parts(b"abc", &[b"de"])
            .concat(),
        items.finish().parts().concat(),
        frame.parts().concat(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        decode_all(&bytes);
    }

    #[test]
    fn damaged_payloads_are_refused_or_read(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        // Arrow's reader panics on some damage, which `frame` turns into an error; keep it quiet.
        panic::set_hook(Box::new(|_| {}));
        let payloads = valid();
        let mut bytes = which.get(&payloads).clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let survived = panic::catch_unwind(|| decode_all(&bytes));
        let _ = panic::take_hook();
        prop_assert!(survived.is_ok());
    }

    #[test]
    fn values_cut_off_anywhere_are_refused(value in values(), cut in any::<prop::sample::Index>()) {
        let bytes = value.encode().unwrap();
        prop_assert!(Value::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

#[test]
fn announcing_much_costs_nothing() {
    for bytes in [
        &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        &[0xdb, 0xff, 0xff, 0xff, 0xff],
        &[0xc6, 0xff, 0xff, 0xff, 0xff],
        &[0xc9, 0xff, 0xff, 0xff, 0xff, 1],
    ] {
        decode_all(bytes);
        assert!(Value::decode(bytes).is_err());
        assert!(Manifest::decode(bytes).is_err());
    }
}

#[test]
fn manifests_that_name_absurd_chunks_are_refused_when_read() {
    use pave_artifact::{Chunk, Codec, Placement};
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    for codec in [Codec::Raw, Codec::Zstd] {
        for length in [0, 1 << 40, u64::MAX] {
            let chunk = Chunk {
                hash: [1; 32],
                length,
                stored: length,
                codec,
            };
            let mut entry = put(&blobs, b"");
            entry.place = Placement::Chunks(vec![chunk]);
            entry.size = length;
            let entry = Entry::from_bytes(&entry.to_bytes()).unwrap();
            assert!(length == 0 || blobs.map(&entry).is_err());
            assert!(length == 0 || blobs.read_range(&entry, 0, length).is_err());
        }
    }
}

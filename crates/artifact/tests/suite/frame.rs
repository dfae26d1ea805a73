//! Frames: every kind of column, sliced ones too, without copying.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, DictionaryArray,
    FixedSizeListArray, Float64Array, Int32Array, Int64Array, LargeStringArray, ListArray,
    NullArray, RecordBatch, RecordBatchOptions, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray,
    types::{Float64Type, Int32Type},
};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use pave_artifact::{Blobs, Encoding, MemoryStore, frame};
use pave_model::Code;

use crate::sample::noise;

fn columns(rows: usize) -> Vec<(&'static str, ArrayRef)> {
    let some = |n: usize| (!n.is_multiple_of(3)).then_some(n);
    let texts: Vec<Option<String>> = (0..rows)
        .map(|n| some(n).map(|n| format!("Zeile {n} ß")))
        .collect();
    let numbers: Vec<Option<i64>> = (0..rows).map(|n| some(n).map(|n| n as i64 * 7)).collect();
    let lists = (0..rows).map(|n| some(n).map(|n| (0..n % 4).map(|k| Some(k as f64))));
    let words: DictionaryArray<Int32Type> = (0..rows)
        .map(|n| some(n).map(|n| ["a", "bc", "d"][n % 3]))
        .collect();
    let inner: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows as i32));
    let pairs = Float64Array::from_iter_values((0..rows * 2).map(|n| n as f64));
    let item = Arc::new(Field::new_list_field(DataType::Float64, true));
    vec![
        ("int", Arc::new(Int64Array::from(numbers))),
        (
            "bool",
            Arc::new(BooleanArray::from_iter(
                (0..rows).map(|n| some(n).map(|n| n % 2 == 0)),
            )),
        ),
        ("text", Arc::new(StringArray::from(texts.clone()))),
        ("large", Arc::new(LargeStringArray::from(texts.clone()))),
        ("view", Arc::new(StringViewArray::from_iter(texts))),
        (
            "bytes",
            Arc::new(BinaryArray::from_iter_values(
                (0..rows).map(|n| vec![n as u8; n % 5]),
            )),
        ),
        ("words", Arc::new(words)),
        (
            "lists",
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists)),
        ),
        (
            "pairs",
            Arc::new(FixedSizeListArray::new(item, 2, Arc::new(pairs), None)),
        ),
        (
            "when",
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(0..rows as i64)
                    .with_timezone("Europe/Berlin"),
            ),
        ),
        (
            "money",
            Arc::new(
                Decimal128Array::from_iter_values((0..rows).map(|n| n as i128))
                    .with_precision_and_scale(38, 2)
                    .unwrap(),
            ),
        ),
        ("nothing", Arc::new(NullArray::new(rows))),
        (
            "struct",
            Arc::new(StructArray::from(vec![(
                Arc::new(Field::new("x", DataType::Int32, false)),
                inner,
            )])),
        ),
    ]
}

fn batch(rows: usize) -> RecordBatch {
    let columns = columns(rows);
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| {
            let metadata = HashMap::from([("kind".to_owned(), (*name).to_owned())]);
            Field::new(*name, column.data_type().clone(), true).with_metadata(metadata)
        })
        .collect();
    let metadata = HashMap::from([("pandas".to_owned(), "{\"index\": [1, 2]}".to_owned())]);
    let schema = Schema::new(fields).with_metadata(metadata);
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn round_trip(schema: &Schema, batches: &[RecordBatch]) -> frame::Frame {
    let blobs = Blobs::over(Arc::new(MemoryStore::new()));
    let parts = frame::encode(schema, batches).unwrap();
    let stored = blobs.put(&parts.parts()).unwrap();
    let entry = stored.into_entry("table", Encoding::Frame, "pandas.DataFrame", "");
    frame::decode(Arc::new(blobs.map(&entry).unwrap())).unwrap()
}

#[test]
fn every_kind_of_column_survives_with_its_metadata() {
    for rows in [0, 1, 100, 5000] {
        let batch = batch(rows);
        let back = round_trip(&batch.schema(), std::slice::from_ref(&batch));
        assert_eq!(back.schema, batch.schema());
        assert_eq!(back.batches, [batch]);
        assert_eq!(back.rows(), rows);
    }
}

#[test]
fn slices_store_only_their_rows() {
    let whole = batch(5000);
    let part = whole.slice(1003, 20);
    let back = round_trip(&whole.schema(), std::slice::from_ref(&part));
    assert_eq!(back.batches, std::slice::from_ref(&part));
    let bytes = |batch: &RecordBatch| -> usize {
        let parts = frame::encode(&batch.schema(), std::slice::from_ref(batch)).unwrap();
        parts.parts().iter().map(|part| part.len()).sum()
    };
    assert!(bytes(&part) * 10 < bytes(&whole));
}

#[test]
fn several_batches_and_none_survive() {
    let (first, second) = (batch(10), batch(700));
    let back = round_trip(&first.schema(), &[first.clone(), second.clone()]);
    assert_eq!(back.batches, [first.clone(), second]);
    let empty = round_trip(&first.schema(), &[]);
    assert_eq!(empty.schema, first.schema());
    assert_eq!(empty.rows(), 0);
}

#[test]
fn categories_may_differ_between_batches_and_keep_whether_they_are_ordered() {
    let words = |words: &[&str]| -> ArrayRef {
        Arc::new(
            words
                .iter()
                .copied()
                .collect::<DictionaryArray<Int32Type>>(),
        )
    };
    let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let field = Field::new("size", kind, true).with_dict_is_ordered(true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batches = [
        &["small", "large"][..],
        &["huge"],
        &["large", "small", "large"],
    ]
    .map(|sizes| RecordBatch::try_new(schema.clone(), vec![words(sizes)]).unwrap());
    let back = round_trip(&schema, &batches);
    assert_eq!(back.schema, schema);
    assert_eq!(back.schema.field(0).dict_is_ordered(), Some(true));
    assert_eq!(back.batches, batches);
}

#[test]
fn rows_without_columns_are_counted() {
    let schema = Arc::new(Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(7));
    let batch = RecordBatch::try_new_with_options(schema.clone(), vec![], &options).unwrap();
    assert_eq!(round_trip(&schema, &[batch]).rows(), 7);
}

#[test]
fn neither_writing_nor_reading_copies_columns() {
    let numbers: Vec<f64> = noise(1 << 20, 1)
        .chunks_exact(8)
        .map(|n| n[0].into())
        .collect();
    let column = Float64Array::from(numbers);
    let source = column.values().inner().as_ptr();
    let batch = RecordBatch::try_from_iter([("x", Arc::new(column) as ArrayRef)]).unwrap();
    let parts = frame::encode(&batch.schema(), std::slice::from_ref(&batch)).unwrap();
    assert!(parts.parts().iter().any(|part| part.as_ptr() == source));

    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    let stored = blobs.put(&parts.parts()).unwrap();
    blobs.sync().unwrap();
    let entry = stored.into_entry("table", Encoding::Frame, "", "");
    let mapping = Arc::new(blobs.map(&entry).unwrap());
    let memory = mapping.as_ptr_range();
    let back = frame::decode(mapping).unwrap();
    let column = back.batches[0].column(0).to_data();
    let pointer = column.buffers()[0].as_ptr();
    assert!(memory.contains(&pointer), "copied");
    assert!(pointer.addr().is_multiple_of(64));
    assert_eq!(back.batches[0], batch);
}

#[test]
fn batches_of_another_schema_are_refused() {
    let other =
        RecordBatch::try_from_iter([("x", Arc::new(NullArray::new(1)) as ArrayRef)]).unwrap();
    let error = frame::encode(&batch(1).schema(), &[other]).unwrap_err();
    assert_eq!(error.code(), Code::T005);
}

#[test]
fn cut_off_frames_are_refused() {
    let batch = batch(50);
    let parts = frame::encode(&batch.schema(), std::slice::from_ref(&batch)).unwrap();
    let payload = parts.parts().concat();
    for length in (0..payload.len() - 8).step_by(97) {
        let error =
            frame::decode_buffer(Buffer::from(&payload[..length])).map(|frame| frame.rows());
        assert!(
            error.is_err() || length > payload.len() - 64,
            "{length} of {}",
            payload.len()
        );
    }
}

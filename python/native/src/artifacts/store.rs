//! The artifact store of one folder, and what is said about its entries.

use std::path::PathBuf;
use std::sync::Arc;

use pave_artifact::items::{ItemKind, ItemPlace, ItemsReader, Kinds};
use pave_artifact::{ArtifactError, Blobs, Encoding, Entry, Manifest, Mapping, Placement, hex};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::encoded::{Encoded, Items};
use super::fault::fault;
use super::payload::Payload;

/// Larger items are mapped instead of copied.
const MAP_FROM: u64 = 1 << 20;

/// Name, encoding, type, size, hash and label of an entry.
type Info = (String, String, String, u64, String, String);

/// Puts payloads and reads them back.
#[pyclass(frozen, module = "pave._native")]
pub(super) struct Store(Blobs);

#[pymethods]
impl Store {
    #[new]
    fn new(folder: PathBuf) -> Self {
        Self(Blobs::open(&folder))
    }

    /// Puts a payload and gives its entry.
    fn put<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        encoded: &Bound<'py, Encoded>,
        type_name: &str,
        label: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let encoded = encoded.get();
        let stored = py
            .detach(|| self.0.put(&encoded.parts()))
            .map_err(|error| fault(&error))?;
        let entry = stored.into_entry(name, encoded.encoding(), type_name, label);
        Ok(PyBytes::new(py, &entry.to_bytes()))
    }

    /// Puts a list of items and gives its entry.
    fn put_items<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        items: PyRef<'py, Items>,
        type_name: &str,
        label: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let items: &Items = &items;
        let stored = py
            .detach(|| items.with_parts(|parts| self.0.put(parts)))
            .map_err(|error| fault(&error))?;
        let entry = stored.into_entry(name, Encoding::Items, type_name, label);
        Ok(PyBytes::new(py, &entry.to_bytes()))
    }

    /// The payload of an entry, mapped.
    fn get(&self, py: Python<'_>, entry: &[u8]) -> PyResult<Payload> {
        let entry = parse(entry)?;
        let mapping = py
            .detach(|| self.0.map(&entry))
            .map_err(|error| fault(&error))?;
        let payload = Payload::new(entry.encoding, entry.type_name, mapping);
        Ok(match entry.place {
            Placement::Inline(bytes) => payload.with_stored(bytes),
            Placement::Chunks(_) => payload,
        })
    }

    /// One item of an entry: the value if it is a plain one, else its payload. No other is read.
    fn get_item<'py>(
        &self,
        py: Python<'py>,
        entry: &[u8],
        index: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let entry = parse(entry)?;
        let mut reader = ItemsReader::new(entry.size, |at, length| {
            self.0.read_range(&entry, at, length)
        });
        let count = reader.count().map_err(|error| fault(&error))?;
        if index >= count {
            let message = format!(
                "`{}` has {count} items, there is no item {index}",
                entry.name
            );
            return Err(PyIndexError::new_err(message));
        }
        let place = reader.place(index).map_err(|error| fault(&error))?;
        let kinds = reader.kinds().map_err(|error| fault(&error))?;
        let mapping = if place.length < MAP_FROM {
            self.0
                .read_range(&entry, place.offset, place.length)
                .map(|bytes| Mapping::copy_of(&bytes))
        } else {
            self.0.map_range(&entry, place.offset, place.length)
        };
        let mapping = mapping.map_err(|error| fault(&error))?;
        let kind = kind_of(&kinds, place)?;
        open(
            py,
            Payload::new(kind.encoding.clone(), kind.type_name.clone(), mapping),
        )
    }

    /// All items of an entry, each as `get_item` gives it.
    fn get_items<'py>(&self, py: Python<'py>, entry: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let entry = parse(entry)?;
        let mapping = py
            .detach(|| self.0.map(&entry))
            .map_err(|error| fault(&error))?;
        let mapping = Arc::new(mapping);
        let mut reader = ItemsReader::new(entry.size, |at, length| part(&mapping, at, length));
        let places = reader.places().map_err(|error| fault(&error))?;
        let kinds = reader.kinds().map_err(|error| fault(&error))?;
        let items = PyList::empty(py);
        for place in places {
            let kind = kind_of(&kinds, place)?;
            let start = usize::try_from(place.offset).expect("places lie within the mapping");
            let length = usize::try_from(place.length).expect("places lie within the mapping");
            items.append(open(
                py,
                Payload::part(
                    kind.encoding.clone(),
                    kind.type_name.clone(),
                    Arc::clone(&mapping),
                    start..start + length,
                ),
            )?)?;
        }
        Ok(items)
    }

    /// Makes durable all that was put.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.sync()).map_err(|error| fault(&error))
    }
}

/// MessagePack of a manifest of these entries. Each gets the name that it has here.
#[pyfunction]
pub(super) fn manifest_pack<'py>(
    py: Python<'py>,
    entries: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut manifest = Manifest::new();
    for (name, entry) in entries.iter() {
        let mut entry = parse(entry.cast::<PyBytes>()?.as_bytes())?;
        entry.name = name.extract()?;
        manifest.put(entry);
    }
    Ok(PyBytes::new(py, &manifest.encode()))
}

/// The entries of a manifest by name, in order.
#[pyfunction]
pub(super) fn manifest_unpack<'py>(
    py: Python<'py>,
    manifest: &[u8],
) -> PyResult<Bound<'py, PyDict>> {
    let manifest = Manifest::decode(manifest).map_err(|error| fault(&error))?;
    let entries = PyDict::new(py);
    for entry in manifest.iter() {
        entries.set_item(&entry.name, PyBytes::new(py, &entry.to_bytes()))?;
    }
    Ok(entries)
}

/// What an entry says about its artifact.
#[pyfunction]
pub(super) fn entry_info(entry: &[u8]) -> PyResult<Info> {
    let entry = parse(entry)?;
    let encoding = entry.encoding.as_str().to_owned();
    Ok((
        entry.name,
        encoding,
        entry.type_name,
        entry.size,
        hex(&entry.hash),
        entry.label,
    ))
}

fn parse(entry: &[u8]) -> PyResult<Entry> {
    Entry::from_bytes(entry).map_err(|error| fault(&error))
}

fn kind_of(kinds: &Kinds, place: ItemPlace) -> PyResult<&ItemKind> {
    kinds
        .find(place.kind)
        .ok_or_else(|| fault(&malformed("an item is of an unknown kind")))
}

fn open(py: Python<'_>, payload: Payload) -> PyResult<Bound<'_, PyAny>> {
    if payload.is_plain() {
        return payload.value(py);
    }
    Ok(Bound::new(py, payload)?.into_any())
}

fn part(mapping: &Mapping, at: u64, length: u64) -> Result<&[u8], ArtifactError> {
    let start = usize::try_from(at).ok();
    let end = at
        .checked_add(length)
        .and_then(|end| usize::try_from(end).ok());
    start
        .zip(end)
        .and_then(|(start, end)| mapping.get(start..end))
        .ok_or_else(|| malformed("an item lies outside of the payload"))
}

fn malformed(why: &str) -> ArtifactError {
    ArtifactError::Malformed {
        format: "list of items",
        why: why.to_owned(),
        at: 0,
    }
}

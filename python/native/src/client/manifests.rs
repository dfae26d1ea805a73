//! Manifests read in bulk, and artifacts found in them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pave_artifact::{ArtifactError, Entry, Manifest, is_inherited};
use pave_metadata::ManifestRecord;

/// Manifests by key, decoded once each, with the ones they add to.
#[derive(Default)]
pub(super) struct Manifests(HashMap<i64, Layer>);

struct Layer {
    base: Option<i64>,
    own: Manifest,
}

impl Manifests {
    pub(super) fn decode(records: Vec<ManifestRecord>) -> Result<Self, ArtifactError> {
        let mut layers = HashMap::with_capacity(records.len());
        for record in records {
            let own = Manifest::decode(&record.bytes)?;
            let base = record.base;
            layers.insert(record.id, Layer { base, own });
        }
        Ok(Self(layers))
    }

    /// The artifact that a task with this manifest has under `name`: its own, else the nearest
    /// inherited one.
    pub(super) fn find(&self, id: i64, name: &str) -> Option<&Entry> {
        let mut layer = self.0.get(&id)?;
        // A manifest adds to an older one, so a chain ends; what a damaged store says is cut.
        for _ in 0..=self.0.len() {
            if let Some(entry) = layer.own.find(name) {
                return Some(entry);
            }
            let gone = !is_inherited(name) || layer.own.removed().iter().any(|it| it == name);
            layer = self.0.get(&layer.base.filter(|_| !gone)?)?;
        }
        None
    }

    /// All that a task with this manifest has.
    pub(super) fn flat(&self, id: i64) -> Manifest {
        let mut layers = Vec::new();
        let mut next = Some(id);
        while let Some(layer) = next.and_then(|id| self.0.get(&id)) {
            // A manifest adds to an older one, so a chain ends; what a damaged store says is cut.
            if layers.len() > self.0.len() {
                break;
            }
            layers.push(&layer.own);
            next = layer.base;
        }
        let mut flat = Manifest::new();
        for own in layers.into_iter().rev() {
            flat.overlay(own.clone());
        }
        flat
    }
}

/// How many neighbouring tasks have their manifests read at once.
const PAGE: usize = 1_000;
/// How many pages are kept.
const KEPT: usize = 2;

/// Pages of manifests: those last used.
#[derive(Default)]
pub(super) struct Pages(Mutex<Vec<(usize, Arc<Manifests>)>>);

impl Pages {
    /// The tasks whose manifests are read together with those of the task at `at`.
    pub(super) fn around(at: usize, count: usize) -> std::ops::Range<usize> {
        let first = at / PAGE * PAGE;
        first..count.min(first + PAGE)
    }

    /// The page that holds the task at `at`, if it is kept.
    pub(super) fn find(&self, at: usize) -> Option<Arc<Manifests>> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = pages.iter().find(|(number, _)| *number == at / PAGE);
        found.map(|(_, page)| Arc::clone(page))
    }

    pub(super) fn keep(&self, at: usize, page: Manifests) -> Arc<Manifests> {
        let page = Arc::new(page);
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|(number, _)| *number != at / PAGE);
        pages.insert(0, (at / PAGE, Arc::clone(&page)));
        pages.truncate(KEPT);
        page
    }
}

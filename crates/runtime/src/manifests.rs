//! Effective manifests: what a task can see, its base chain laid one over the other.

use std::collections::HashMap;
use std::sync::Arc;

use pave_artifact::Manifest;
use pave_metadata::{ManifestRecord, Metadata};

use crate::RuntimeError;

/// A chain longer than this is written out in full, so that reading stays quick.
const LONGEST_CHAIN: usize = 8;

/// This many effective manifests are kept at hand: those of tasks with many successors.
const KEPT: usize = 64;

/// A manifest as its task sees it.
#[derive(Debug)]
pub(crate) struct Effective {
    pub(crate) manifest: Manifest,
    /// MessagePack of it.
    pub(crate) bytes: Vec<u8>,
    /// How many stored manifests it is made of.
    pub(crate) depth: usize,
}

/// Effective manifests, some of them at hand.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    kept: HashMap<i64, Arc<Effective>>,
    order: Vec<i64>,
}

impl Manifests {
    /// The effective manifest with this key.
    pub(crate) fn get(
        &mut self,
        metadata: &dyn Metadata,
        id: i64,
    ) -> Result<Arc<Effective>, RuntimeError> {
        if let Some(found) = self.kept.get(&id) {
            return Ok(found.clone());
        }
        let records = metadata.manifests(&[id])?;
        let effective = Arc::new(lay(&index(&records), id)?);
        if self.order.len() >= KEPT {
            self.kept.remove(&self.order.remove(0));
        }
        self.order.push(id);
        self.kept.insert(id, effective.clone());
        Ok(effective)
    }

    /// The effective manifests with these keys, encoded, read at once and not kept.
    pub(crate) fn read_all(
        metadata: &dyn Metadata,
        ids: &[i64],
    ) -> Result<Vec<Vec<u8>>, RuntimeError> {
        let records = metadata.manifests(ids)?;
        let by_id = index(&records);
        ids.iter()
            .map(|id| lay(&by_id, *id).map(|effective| effective.bytes))
            .collect()
    }

    /// What to store for a task that left `own` on top of `base`: the base to name, and the bytes.
    pub(crate) fn to_store(
        &mut self,
        metadata: &dyn Metadata,
        base: Option<i64>,
        own: Vec<u8>,
    ) -> Result<(Option<i64>, Vec<u8>), RuntimeError> {
        let Some(base) = base else {
            return Ok((None, own));
        };
        let under = self.get(metadata, base)?;
        if under.depth < LONGEST_CHAIN {
            return Ok((Some(base), own));
        }
        let mut full = under.manifest.clone();
        full.overlay(decode(&own, base)?);
        Ok((None, full.encode()))
    }
}

/// The effective manifest with this key.
///
/// # Errors
/// If it can't be read or decoded.
pub fn effective_manifest(metadata: &dyn Metadata, id: i64) -> Result<Manifest, RuntimeError> {
    let records = metadata.manifests(&[id])?;
    lay(&index(&records), id).map(|effective| effective.manifest)
}

fn index(records: &[ManifestRecord]) -> HashMap<i64, &ManifestRecord> {
    records.iter().map(|record| (record.id, record)).collect()
}

fn lay(records: &HashMap<i64, &ManifestRecord>, id: i64) -> Result<Effective, RuntimeError> {
    let mut chain = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next {
        let record = records.get(&id).filter(|_| chain.len() <= records.len());
        let record = record.ok_or_else(|| damaged(id, "it is missing"))?;
        chain.push(*record);
        next = record.base;
    }
    let depth = chain.len();
    let innermost_first = chain.iter().rev().map(|record| record.bytes.as_slice());
    let manifest = Manifest::flatten(innermost_first).map_err(|it| damaged(id, &it.to_string()))?;
    let bytes = manifest.encode();
    Ok(Effective {
        manifest,
        bytes,
        depth,
    })
}

fn decode(bytes: &[u8], id: i64) -> Result<Manifest, RuntimeError> {
    Manifest::decode(bytes).map_err(|error| damaged(id, &error.to_string()))
}

fn damaged(id: i64, reason: &str) -> RuntimeError {
    RuntimeError::Manifest {
        task: format!("(manifest {id})"),
        reason: reason.to_owned(),
    }
}

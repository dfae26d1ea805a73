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
        let effective = Arc::new(lay(&index(&records), id, None)?);
        if self.order.len() >= KEPT {
            self.kept.remove(&self.order.remove(0));
        }
        self.order.push(id);
        self.kept.insert(id, effective.clone());
        Ok(effective)
    }

    /// The manifests with these keys, read at once and not kept: the nearest one that all of them
    /// add to, and what each adds to it, encoded.
    pub(crate) fn read_all(
        metadata: &dyn Metadata,
        ids: &[i64],
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>), RuntimeError> {
        let records = metadata.manifests(ids)?;
        let by_id = index(&records);
        let common = common_base(&by_id, ids)?;
        let base = match common {
            Some(id) => lay(&by_id, id, None)?.bytes,
            None => Vec::new(),
        };
        let own = ids.iter().map(|id| match by_id.get(id) {
            // Nothing in between: the bytes are passed on as they were stored.
            Some(record) if record.base == common => Ok(record.bytes.clone()),
            _ => lay(&by_id, *id, common).map(|effective| effective.bytes),
        });
        Ok((base, own.collect::<Result<_, _>>()?))
    }

    /// What to store for a task that left `own` on top of `base`: the base to name, and the bytes.
    pub(crate) fn pack(
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
    lay(&index(&records), id, None).map(|effective| effective.manifest)
}

fn index(records: &[ManifestRecord]) -> HashMap<i64, &ManifestRecord> {
    records.iter().map(|record| (record.id, record)).collect()
}

/// A manifest and the ones it adds to, itself first.
fn chain<'r>(
    records: &HashMap<i64, &'r ManifestRecord>,
    id: i64,
) -> Result<Vec<&'r ManifestRecord>, RuntimeError> {
    let mut chain = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next {
        // A chain longer than there are records would run in a circle.
        let record = records.get(&id).filter(|_| chain.len() <= records.len());
        let record = record.ok_or_else(|| damaged(id, "it is missing"))?;
        chain.push(*record);
        next = record.base;
    }
    Ok(chain)
}

/// The nearest manifest that all of these add to.
fn common_base(
    records: &HashMap<i64, &ManifestRecord>,
    ids: &[i64],
) -> Result<Option<i64>, RuntimeError> {
    let Some((first, others)) = ids.split_first() else {
        return Ok(None);
    };
    let candidates: Vec<i64> = chain(records, *first)?
        .iter()
        .filter_map(|it| it.base)
        .collect();
    let mut nearest = 0;
    for id in others {
        let bases = chain(records, *id)?;
        let mut bases = bases.iter().filter_map(|it| it.base);
        let meets = bases.find_map(|base| candidates.iter().position(|it| *it == base));
        match meets {
            Some(at) => nearest = nearest.max(at),
            None => return Ok(None),
        }
    }
    Ok(candidates.get(nearest).copied())
}

/// Lays a chain over one another, down to but without `until`.
fn lay(
    records: &HashMap<i64, &ManifestRecord>,
    id: i64,
    until: Option<i64>,
) -> Result<Effective, RuntimeError> {
    let mut chain = chain(records, id)?;
    let depth = chain.len();
    if let Some(at) = chain.iter().position(|record| Some(record.id) == until) {
        chain.truncate(at);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: i64, base: Option<i64>) -> ManifestRecord {
        ManifestRecord {
            id,
            base,
            bytes: Manifest::new().encode(),
        }
    }

    #[test]
    fn the_nearest_common_base_is_found_at_different_depths() {
        // 1 <- 2 <- 3 <- 4, and 2 <- 5
        let records = [
            record(1, None),
            record(2, Some(1)),
            record(3, Some(2)),
            record(4, Some(3)),
            record(5, Some(2)),
        ];
        let by_id = index(&records);
        assert_eq!(common_base(&by_id, &[4, 5]).unwrap(), Some(2));
        assert_eq!(common_base(&by_id, &[5, 4]).unwrap(), Some(2));
        assert_eq!(common_base(&by_id, &[4, 3]).unwrap(), Some(2));
        assert_eq!(common_base(&by_id, &[4, 1]).unwrap(), None);
    }

    #[test]
    fn a_chain_that_is_broken_or_runs_in_a_circle_is_an_error() {
        let records = [record(1, Some(2)), record(2, Some(1)), record(3, Some(9))];
        let by_id = index(&records);
        assert!(lay(&by_id, 1, None).is_err());
        assert!(lay(&by_id, 3, None).is_err());
    }
}

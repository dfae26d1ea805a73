//! Manifests: keys, placeholders, bases.

use pave_model::{Code, RunId};

use super::{all_of, attempt, commit, events, manifest, started, task};
use crate::{Commit, ManifestRecord, Metadata, TaskFilter};

pub(super) fn placeholders_become_keys(store: &dyn Metadata) {
    let run = started(store);
    let first = put(store, run.id, 1, &[manifest(-1, None, b"zero")]);
    let mut of_task = task(1, "a");
    let mut of_attempt = attempt(1, 0);
    (of_task.manifest, of_attempt.manifest) = (Some(-2), Some(-1));
    let mut old = task(2, "a");
    old.manifest = Some(first[0]);
    let both = Commit {
        manifests: vec![manifest(-1, None, b"one"), manifest(-2, None, b"two")],
        tasks: vec![of_task, old],
        attempts: vec![of_attempt],
        ..events(2, 1)
    };
    let keys = commit(store, run.id, &both);
    assert_eq!(keys.len(), 2);
    assert!(
        keys.iter().all(|key| *key > first[0]),
        "{keys:?} come after {first:?}"
    );
    assert_ne!(keys[0], keys[1]);
    let tasks = store
        .list_tasks(run.id, &TaskFilter::default())
        .expect("tasks are listed");
    let named: Vec<_> = tasks.iter().map(|task| task.manifest).collect();
    assert_eq!(named, [Some(keys[1]), Some(first[0])]);
    let attempts = store
        .list_attempts(run.id, None)
        .expect("attempts are listed");
    assert_eq!(attempts[0].manifest, Some(keys[0]));
    assert_eq!(read(store, &[keys[1]]), [manifest(keys[1], None, b"two")]);
}

pub(super) fn a_base_may_be_old_new_or_later(store: &dyn Metadata) {
    let run = started(store);
    let old = put(store, run.id, 1, &[manifest(-1, None, b"old")])[0];
    let keys = put(
        store,
        run.id,
        2,
        &[
            manifest(-1, Some(-3), b"a"),
            manifest(-2, Some(old), b"b"),
            manifest(-3, Some(-2), b"c"),
        ],
    );
    let expected = [
        manifest(old, None, b"old"),
        manifest(keys[0], Some(keys[2]), b"a"),
        manifest(keys[1], Some(old), b"b"),
        manifest(keys[2], Some(keys[1]), b"c"),
    ];
    assert_eq!(read(store, &[keys[0]]), expected);
}

pub(super) fn bases_come_along_once(store: &dyn Metadata) {
    let run = started(store);
    let mut chain = vec![put(store, run.id, 1, &[manifest(-1, None, b"0")])[0]];
    for link in 1..300_u64 {
        let base = chain.last().copied();
        chain.extend(put(store, run.id, link + 1, &[manifest(-1, base, b"link")]));
    }
    let all = read(store, &[chain[299], chain[10], chain[299]]);
    let keys: Vec<i64> = all.iter().map(|manifest| manifest.id).collect();
    assert_eq!(keys, chain);
    let start: Vec<i64> = read(store, &chain[..3])
        .iter()
        .map(|manifest| manifest.id)
        .collect();
    assert_eq!(start, chain[..3]);
}

pub(super) fn missing_keys_are_left_out(store: &dyn Metadata) {
    let run = started(store);
    let key = put(store, run.id, 1, &[manifest(-1, None, b"here")])[0];
    assert_eq!(read(store, &[]), []);
    assert_eq!(read(store, &[key + 1, i64::MAX, 0, -1, i64::MIN]), []);
    let dangling = put(
        store,
        run.id,
        2,
        &[manifest(-1, Some(key + 100), b"dangling")],
    )[0];
    let expected = [
        manifest(key, None, b"here"),
        manifest(dangling, Some(key + 100), b"dangling"),
    ];
    assert_eq!(read(store, &[dangling, key + 7, key]), expected);
}

pub(super) fn bytes_of_every_size_survive(store: &dyn Metadata) {
    let run = started(store);
    let sizes = [0, 1, 4_000, 4_096, 70_000, 3_000_000];
    let manifests: Vec<ManifestRecord> = (1..)
        .zip(sizes)
        .map(|(position, size)| {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            manifest(-position, None, &bytes)
        })
        .collect();
    let keys = put(store, run.id, 1, &manifests);
    let read = read(store, &keys);
    assert_eq!(read.len(), sizes.len());
    for (given, stored) in manifests.iter().zip(&read) {
        assert!(given.bytes == stored.bytes, "{} bytes", given.bytes.len());
    }
}

pub(super) fn wrong_placeholders_are_refused(store: &dyn Metadata) {
    let run = started(store);
    let before = all_of(store, &run);
    let wrong = [
        vec![manifest(0, None, b"")],
        vec![manifest(7, None, b"")],
        vec![manifest(-2, None, b"")],
        vec![manifest(-2, None, b""), manifest(-1, None, b"")],
        vec![manifest(-1, Some(-2), b"")],
        vec![manifest(-1, Some(i64::MIN), b"")],
    ];
    for manifests in wrong {
        let error = store
            .commit(
                run.id,
                &Commit {
                    manifests: manifests.clone(),
                    ..events(1, 1)
                },
            )
            .expect_err("the placeholders are wrong");
        assert_eq!(error.code(), Code::M003, "{manifests:?}");
    }
    let mut of_task = task(1, "a");
    of_task.manifest = Some(-1);
    let error = store
        .commit(
            run.id,
            &Commit {
                tasks: vec![of_task],
                ..events(1, 1)
            },
        )
        .expect_err("no manifest comes along");
    assert_eq!(error.code(), Code::M003);
    assert_eq!(all_of(store, &run), before);
}

fn put(store: &dyn Metadata, run: RunId, first: u64, manifests: &[ManifestRecord]) -> Vec<i64> {
    let manifests = manifests.to_vec();
    commit(
        store,
        run,
        &Commit {
            manifests,
            ..events(first, 1)
        },
    )
}

fn read(store: &dyn Metadata, ids: &[i64]) -> Vec<ManifestRecord> {
    store.manifests(ids).expect("manifests are read")
}

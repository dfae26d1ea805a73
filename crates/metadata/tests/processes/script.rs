//! A run whose every state is known: what commit number `n` holds follows from `n` alone.

use std::path::Path;

use pave_metadata::{
    AttemptRecord, Commit, ManifestRecord, Metadata, NewRun, RunChange, RunRecord, SqliteMetadata,
    TaskFilter, TaskRecord,
};
use pave_model::{AttemptNumber, AttemptState, Millis, RunNumber, TaskNumber, TaskState};

/// A run to create.
pub(crate) fn new_run() -> NewRun {
    NewRun {
        flow: "Scripted".into(),
        user: "ada".to_owned(),
        ..NewRun::default()
    }
}

/// The scripted run's commit `n`, from 1. It starts task `n`, ends task `n - 1`, and chains its
/// manifest to the one before, whose key is `base`.
pub(crate) fn commit(token: u64, n: u64, base: Option<i64>) -> Commit {
    let manifest = ManifestRecord {
        id: -1,
        base,
        bytes: bytes(n),
    };
    let mut tasks = vec![task(n, n, Some(-1))];
    if let Some(before) = n.checked_sub(1).filter(|before| *before > 0) {
        tasks.push(task(before, n, base));
    }
    Commit {
        token,
        first_event: n,
        events: vec![bytes(n)],
        manifests: vec![manifest],
        tasks,
        attempts: vec![attempt(n, Some(-1))],
        run: RunChange {
            error: Some(format!("at {n}")),
            ..RunChange::default()
        },
    }
}

/// Checks that the store holds exactly the first `n` commits of the scripted run, for some `n`,
/// which it returns with the key of the last manifest.
pub(crate) fn check(store: &dyn Metadata, run: &RunRecord) -> (u64, Option<i64>) {
    let events = store.events(run.id, 0).unwrap();
    let n = events.len() as u64;
    let expected: Vec<_> = (1..=n).map(|seq| (seq, bytes(seq))).collect();
    assert!(events == expected, "the events are the first {n}");
    let tasks = store.list_tasks(run.id, &TaskFilter::default()).unwrap();
    let keys: Vec<Option<i64>> = tasks.iter().map(|task| task.manifest).collect();
    let expected: Vec<_> = (1..=n)
        .zip(&keys)
        .map(|(number, key)| task(number, n, *key))
        .collect();
    assert_eq!(tasks, expected);
    let attempts = store.list_attempts(run.id, None).unwrap();
    let expected: Vec<_> = (1..=n)
        .zip(&keys)
        .map(|(number, key)| attempt(number, *key))
        .collect();
    assert_eq!(attempts, expected);
    // The last manifest leads to all others.
    let last = keys.last().copied().flatten();
    let chain = store.manifests(last.as_slice()).unwrap();
    let expected: Vec<_> = (1..=n)
        .zip(&keys)
        .map(|(number, key)| ManifestRecord {
            id: key.unwrap(),
            base: number
                .checked_sub(2)
                .and_then(|before| keys[before as usize]),
            bytes: bytes(number),
        })
        .collect();
    assert!(chain == expected, "the manifests are the first {n}");
    let stored = store.find_run(&run.flow, run.number).unwrap().unwrap();
    let error = if n == 0 {
        String::new()
    } else {
        format!("at {n}")
    };
    assert_eq!(stored.error, error);
    (n, last)
}

/// The run with number 1, once it exists.
pub(crate) fn first(store: &dyn Metadata) -> Option<RunRecord> {
    store.find_run(&new_run().flow, RunNumber(1)).unwrap()
}

/// SQLite's own verdict on the file.
pub(crate) fn check_integrity(folder: &Path) {
    let connection = rusqlite::Connection::open(folder.join("metadata.db")).unwrap();
    let verdict: String = connection
        .query_one("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

/// Opens the store and the run to drive in it, which is created if it is new.
pub(crate) fn drive(folder: &Path) -> (SqliteMetadata, RunRecord) {
    let store = SqliteMetadata::open(folder).unwrap();
    let run = first(&store).unwrap_or_else(|| store.create_run(&new_run()).unwrap());
    (store, run)
}

/// Some kilobytes that differ from number to number.
fn bytes(n: u64) -> Vec<u8> {
    let length = 20 + n % 7 * 700;
    (0..length).map(|at| (at * n % 251) as u8).collect()
}

/// Task `number` as it stands after commit `n`.
fn task(number: u64, n: u64, manifest: Option<i64>) -> TaskRecord {
    let is_done = number < n;
    TaskRecord {
        task: TaskNumber(number as u32),
        step: ["train", "score", "join"][number as usize % 3].into(),
        place: number.to_string(),
        state: if is_done {
            TaskState::Succeeded
        } else {
            TaskState::Running
        },
        attempt: Some(AttemptNumber(0)),
        created_at: Millis(number as i64),
        finished_at: is_done.then_some(Millis(number as i64 + 1)),
        manifest,
        origin: None,
        taken: bytes(number + 3),
        parents: vec![1, 2, 3],
    }
}

fn attempt(number: u64, manifest: Option<i64>) -> AttemptRecord {
    AttemptRecord {
        task: TaskNumber(number as u32),
        attempt: AttemptNumber(0),
        state: AttemptState::Running,
        started_at: Millis(number as i64),
        finished_at: None,
        pid: 7,
        manifest,
        failure: Vec::new(),
    }
}

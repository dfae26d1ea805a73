//! Commits: order, fence, all or nothing.

use pave_model::{Code, RunId, RunState};

use super::{all_of, attempt, commit, event, events, manifest, owner, started, task};
use crate::{Commit, Metadata, MetadataError, Owner, RunChange, RunRecord};

pub(super) fn events_are_numbered_from_one_and_read_from_anywhere(store: &dyn Metadata) {
    let (run, other) = (started(store), started(store));
    commit(store, run.id, &events(1, 3));
    commit(store, other.id, &events(1, 1));
    commit(store, run.id, &events(4, 2));
    let numbered = |from: u64| (from..6).map(|seq| (seq, event(seq))).collect::<Vec<_>>();
    let read = |from| store.events(run.id, from).expect("events are read");
    assert_eq!(read(0), numbered(1));
    assert_eq!(read(1), numbered(1));
    assert_eq!(read(4), numbered(4));
    assert_eq!(read(6), []);
    assert_eq!(read(u64::MAX), []);
    assert_eq!(store.events(other.id, 0).expect("events are read").len(), 1);
}

pub(super) fn an_old_token_is_fenced(store: &dyn Metadata) {
    let run = started(store);
    commit(store, run.id, &events(1, 1));
    assert_eq!(take_over(store, run.id, 42), 2);
    assert_eq!(take_over(store, run.id, 43), 3);
    for token in [0, 1, 2, 4] {
        let stale = Commit {
            token,
            ..events(2, 1)
        };
        assert_fenced(store, &run, &stale, (3, token, 1, 2));
    }
    commit(
        store,
        run.id,
        &Commit {
            token: 3,
            ..events(2, 1)
        },
    );
    let stored = store
        .find_run(&run.flow, run.number)
        .expect("the run is read");
    assert_eq!(
        stored.map(|run| run.owner),
        Some(Owner {
            token: 3,
            ..owner(43)
        })
    );
}

pub(super) fn events_that_do_not_follow_on_are_fenced(store: &dyn Metadata) {
    let run = started(store);
    for first in [0, 2, u64::MAX] {
        let gap = Commit {
            first_event: first,
            ..events(1, 1)
        };
        assert_fenced(store, &run, &gap, (1, 1, 0, first));
    }
    commit(store, run.id, &events(1, 2));
    for first in [1, 2, 4] {
        assert_fenced(store, &run, &events(first, 1), (1, 1, 2, first));
    }
}

pub(super) fn an_empty_commit_is_fenced_too(store: &dyn Metadata) {
    let run = started(store);
    commit(store, run.id, &events(1, 0));
    commit(store, run.id, &events(1, 1));
    assert_fenced(store, &run, &events(1, 0), (1, 1, 1, 1));
    assert_eq!(commit(store, run.id, &events(2, 0)), []);
}

pub(super) fn a_fenced_commit_leaves_nothing(store: &dyn Metadata) {
    let run = started(store);
    commit(store, run.id, &full(1));
    let before = all_of(store, &run);
    let stale = Commit {
        token: 7,
        ..full(2)
    };
    store
        .commit(run.id, &stale)
        .expect_err("the token is not the newest");
    store
        .commit(run.id, &full(1))
        .expect_err("the events are stored already");
    assert_eq!(all_of(store, &run), before);
}

pub(super) fn a_commit_that_fails_in_its_middle_leaves_nothing(store: &dyn Metadata) {
    let run = started(store);
    commit(store, run.id, &full(1));
    let before = all_of(store, &run);
    // The last row of the last table names a manifest that isn't there.
    let mut broken = full(2);
    let mut last = attempt(9, 9);
    last.manifest = Some(-9);
    broken.attempts.push(last);
    let error = store
        .commit(run.id, &broken)
        .expect_err("a placeholder has no manifest");
    assert_eq!(error.code(), Code::M003);
    assert_eq!(all_of(store, &run), before);
    commit(store, run.id, &full(2));
    let events = store.events(run.id, 0).expect("events are read");
    assert_eq!(events, [(1, event(1)), (2, event(2))]);
}

pub(super) fn a_run_that_does_not_exist_refuses_commits_and_owners(store: &dyn Metadata) {
    let absent = RunId(started(store).id.0 + 1);
    let refused = [
        store.commit(absent, &events(1, 1)).map(drop),
        store.take_over(absent, &owner(1)).map(drop),
        store.change_tags(absent, &["x".to_owned()], &[]).map(drop),
    ];
    for outcome in refused {
        let error = outcome.expect_err("there is no such run");
        assert!(matches!(error, MetadataError::NotFound { .. }), "{error}");
    }
}

pub(super) fn taking_over_keeps_what_was_committed(store: &dyn Metadata) {
    let run = started(store);
    commit(store, run.id, &full(1));
    let mut expected = store
        .find_run(&run.flow, run.number)
        .expect("the run is read");
    let events = store.events(run.id, 0).expect("events are read");
    let token = take_over(store, run.id, 99);
    if let Some(run) = &mut expected {
        run.owner = Owner { token, ..owner(99) };
    }
    assert_eq!(
        store
            .find_run(&run.flow, run.number)
            .expect("the run is read"),
        expected
    );
    assert_eq!(store.events(run.id, 0).expect("events are read"), events);
}

/// A commit with something in every table.
fn full(seq: u64) -> Commit {
    let number = seq as u32;
    let mut of_attempt = attempt(number, 0);
    of_attempt.manifest = Some(-1);
    Commit {
        manifests: vec![manifest(-1, None, b"one"), manifest(-2, Some(-1), b"two")],
        tasks: vec![task(number, &format!("step_{seq}"))],
        attempts: vec![of_attempt],
        run: RunChange {
            state: Some(RunState::Interrupted),
            finished_at: Some(pave_model::Millis(seq as i64)),
            error: Some(format!("error {seq}")),
        },
        ..events(seq, 1)
    }
}

fn take_over(store: &dyn Metadata, run: RunId, pid: u32) -> u64 {
    store
        .take_over(run, &owner(pid))
        .expect("the run is taken over")
}

/// `expected`: the stored token, ours, the stored number of events, our first event.
fn assert_fenced(
    store: &dyn Metadata,
    run: &RunRecord,
    commit: &Commit,
    expected: (u64, u64, u64, u64),
) {
    let before = all_of(store, run);
    let error = store
        .commit(run.id, commit)
        .expect_err("the commit is fenced");
    match error {
        MetadataError::Fenced {
            run: id,
            stored,
            ours,
            events,
            first_event,
        } => {
            assert_eq!(
                (id, (stored, ours, events, first_event)),
                (run.id, expected)
            );
        }
        other => panic!("not fenced but: {other}"),
    }
    assert_eq!(all_of(store, run), before);
}

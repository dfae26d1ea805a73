//! Several threads at one store.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pave_model::{RunId, TaskState};

use super::{attempt, commit, event, events, manifest, new_run, owner, started, task};
use crate::{Commit, Metadata, MetadataError, TaskFilter};

/// Threads of each behaviour.
const THREADS: u32 = 4;

pub(super) fn runs_created_at_once_have_no_gaps(store: &dyn Metadata) {
    const EACH: u64 = 25;
    let together = Barrier::new(THREADS as usize);
    let create = || {
        together.wait();
        (0..EACH)
            .map(|_| {
                store
                    .create_run(&new_run("Flow"))
                    .expect("a run is created")
            })
            .map(|run| (run.number.0, run.id))
            .collect::<Vec<_>>()
    };
    let mut made: Vec<(u64, RunId)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(create)).collect();
        let lists = threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"));
        lists.flatten().collect()
    });
    made.sort();
    let numbers: Vec<u64> = made.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=EACH * u64::from(THREADS)).collect::<Vec<_>>());
    assert!(
        made.is_sorted_by(|one, next| one.1 < next.1),
        "keys grow with numbers"
    );
}

pub(super) fn readers_see_whole_commits_only(store: &dyn Metadata) {
    const COMMITS: u64 = 60;
    let run = started(store);
    let is_done = AtomicBool::new(false);
    // Each commit adds two tasks and moves all earlier ones: a half would show.
    let write = || {
        for seq in 1..=COMMITS {
            let number = seq as u32 * 2;
            let state = TaskState::ALL[seq as usize % TaskState::ALL.len()];
            let mut tasks: Vec<_> = (1..=number).map(|number| task(number, "a")).collect();
            for task in &mut tasks {
                task.state = state;
            }
            let moved = Commit {
                tasks,
                attempts: vec![attempt(number, 0)],
                manifests: vec![manifest(-1, None, b"x")],
                ..events(seq, 1)
            };
            commit(store, run.id, &moved);
        }
        is_done.store(true, Ordering::Release);
    };
    let read = || {
        let mut seen = 0;
        loop {
            let last_look = is_done.load(Ordering::Acquire);
            let tasks = store
                .list_tasks(run.id, &TaskFilter::default())
                .expect("tasks are listed");
            let stored = store.events(run.id, 0).expect("events are read");
            assert_eq!(tasks.len() % 2, 0, "half a commit");
            assert!(
                tasks.windows(2).all(|pair| pair[0].state == pair[1].state),
                "half a commit"
            );
            assert!(tasks.len() >= seen, "a commit is gone");
            assert!(
                stored.len() * 2 >= tasks.len(),
                "the events came after their tasks"
            );
            seen = tasks.len();
            if last_look {
                break assert_eq!(seen as u64, COMMITS * 2);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(read);
        scope.spawn(read);
        scope.spawn(write);
    });
}

pub(super) fn of_two_owners_one_wins(store: &dyn Metadata) {
    let run = started(store);
    let together = Barrier::new(THREADS as usize);
    // Each takes the run over and commits until another one has: only the last gets to the end.
    let drive = |pid: u32| {
        together.wait();
        let token = store
            .take_over(run.id, &owner(pid))
            .expect("the run is taken over");
        let mut mine = 0;
        while mine < 20 {
            let next = store.events(run.id, 0).expect("events are read").len() as u64 + 1;
            match store.commit(
                run.id,
                &Commit {
                    token,
                    ..events(next, 1)
                },
            ) {
                Ok(_) => mine += 1,
                Err(MetadataError::Fenced { stored, .. }) => {
                    assert!(stored > token, "nobody else commits under our token");
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        (token, mine)
    };
    let mut drivers: Vec<(u64, u64)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|pid| scope.spawn(move || drive(pid)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .collect()
    });
    drivers.sort();
    let tokens: Vec<u64> = drivers.iter().map(|(token, _)| *token).collect();
    assert_eq!(tokens, [2, 3, 4, 5]);
    assert_eq!(drivers[3].1, 20, "the newest owner is never fenced");
    let stored = store.events(run.id, 0).expect("events are read");
    let total: u64 = drivers.iter().map(|(_, mine)| mine).sum();
    assert_eq!(
        stored,
        (1..=total).map(|seq| (seq, event(seq))).collect::<Vec<_>>()
    );
}

pub(super) fn tags_changed_at_once_all_stay(store: &dyn Metadata) {
    let run = started(store);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for tag in 0..10 {
                    let add = [format!("{thread}:{tag}")];
                    store
                        .change_tags(run.id, &add, &[])
                        .expect("the tags are changed");
                }
            });
        }
    });
    let tags = store
        .change_tags(run.id, &[], &[])
        .expect("the tags are read");
    assert_eq!(tags.len(), 40);
}

//! Steps, tasks and attempts.

use pave_model::{
    AttemptNumber, AttemptState, Code, Millis, RunId, StepName, TaskNumber, TaskState,
};

use super::{all_of, attempt, commit, events, started, task};
use crate::{AttemptRecord, Commit, Metadata, TaskFilter, TaskRecord};

pub(super) fn a_task_reads_back_as_it_was_given(store: &dyn Metadata) {
    let run = started(store);
    let bare = task(0, "_parameters");
    let full = TaskRecord {
        task: TaskNumber(u32::MAX),
        step: "train".into(),
        place: "0.1.4294967295".to_owned(),
        state: TaskState::Succeeded,
        attempt: Some(AttemptNumber(3)),
        created_at: Millis(1_795_000_000_000),
        finished_at: Some(Millis(1_795_000_000_001)),
        manifest: Some(77),
        origin: Some(TaskNumber(0)),
        taken: vec![0, 255, 10],
        parents: vec![7; 5_000],
    };
    put(store, run.id, 1, &[bare.clone(), full.clone()]);
    assert_eq!(find(store, run.id, 0), Some(bare.clone()));
    assert_eq!(find(store, run.id, u32::MAX), Some(full.clone()));
    assert_eq!(find(store, run.id, 1), None);
    assert_eq!(list(store, run.id, &TaskFilter::default()), [bare, full]);
}

pub(super) fn a_task_is_replaced_by_number(store: &dyn Metadata) {
    let run = started(store);
    put(store, run.id, 1, &[task(1, "a"), task(2, "a")]);
    let mut changed = TaskRecord {
        place: "1".to_owned(),
        state: TaskState::Running,
        attempt: Some(AttemptNumber(0)),
        created_at: Millis(1),
        finished_at: Some(Millis(2)),
        manifest: Some(5),
        origin: Some(TaskNumber(4)),
        taken: vec![1],
        parents: vec![2],
        ..task(1, "a")
    };
    put(store, run.id, 2, &[changed.clone()]);
    assert_eq!(
        list(store, run.id, &TaskFilter::default()),
        [changed.clone(), task(2, "a")]
    );
    // What is no more is no more; within a commit the last one counts.
    changed = task(1, "a");
    put(
        store,
        run.id,
        3,
        &[
            TaskRecord {
                state: TaskState::Failed,
                ..changed.clone()
            },
            changed.clone(),
        ],
    );
    assert_eq!(
        list(store, run.id, &TaskFilter::default()),
        [changed, task(2, "a")]
    );
}

pub(super) fn a_task_keeps_its_step(store: &dyn Metadata) {
    let run = started(store);
    put(store, run.id, 1, &[task(1, "a"), task(2, "b")]);
    let before = all_of(store, &run);
    for tasks in [
        vec![task(1, "b")],
        vec![task(1, "c")],
        vec![task(3, "a"), task(3, "b")],
    ] {
        let moved = Commit {
            tasks,
            ..events(2, 1)
        };
        let error = store
            .commit(run.id, &moved)
            .expect_err("a task keeps its step");
        assert_eq!(error.code(), Code::M003);
        assert_eq!(all_of(store, &run), before);
    }
}

pub(super) fn steps_are_in_the_order_they_were_reached(store: &dyn Metadata) {
    let run = started(store);
    put(
        store,
        run.id,
        1,
        &[task(0, "_parameters"), task(1, "start")],
    );
    put(store, run.id, 2, &[task(3, "z"), task(2, "b")]);
    put(
        store,
        run.id,
        3,
        &[task(2, "b"), task(4, "a"), task(5, "z")],
    );
    let steps = store.list_steps(run.id).expect("steps are listed");
    let expected = ["_parameters", "start", "z", "b", "a"].map(StepName::from);
    assert_eq!(steps, expected);
}

pub(super) fn lists_are_by_number_and_filtered(store: &dyn Metadata) {
    let run = started(store);
    let with = |number, step, state| TaskRecord {
        state,
        ..task(number, step)
    };
    let (queued, failed, succeeded) = (TaskState::Queued, TaskState::Failed, TaskState::Succeeded);
    let stored = [
        with(5, "b", succeeded),
        with(1, "a", succeeded),
        with(4, "b", failed),
        with(2, "b", queued),
        with(3, "a", queued),
    ];
    put(store, run.id, 1, &stored);
    let check = |filter: TaskFilter, expected: &[u32]| {
        let found: Vec<u32> = list(store, run.id, &filter)
            .iter()
            .map(|task| task.task.0)
            .collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let all = TaskFilter::default;
    let step = |step: &str| Some(StepName::from(step));
    let after = |task| Some(TaskNumber(task));
    check(all(), &[1, 2, 3, 4, 5]);
    check(
        TaskFilter {
            step: step("b"),
            ..all()
        },
        &[2, 4, 5],
    );
    check(
        TaskFilter {
            step: step("c"),
            ..all()
        },
        &[],
    );
    check(
        TaskFilter {
            states: vec![queued],
            ..all()
        },
        &[2, 3],
    );
    check(
        TaskFilter {
            states: vec![failed, succeeded],
            ..all()
        },
        &[1, 4, 5],
    );
    check(
        TaskFilter {
            after: after(3),
            ..all()
        },
        &[4, 5],
    );
    check(TaskFilter { limit: 2, ..all() }, &[1, 2]);
    check(
        TaskFilter {
            newest_first: true,
            ..all()
        },
        &[5, 4, 3, 2, 1],
    );
    check(
        TaskFilter {
            step: step("a"),
            newest_first: true,
            limit: 1,
            ..all()
        },
        &[3],
    );
    let narrow = TaskFilter {
        step: step("b"),
        states: vec![queued, failed, succeeded],
        after: after(2),
        limit: 1,
        newest_first: false,
    };
    check(narrow, &[4]);
}

pub(super) fn pages_go_both_ways(store: &dyn Metadata) {
    let run = started(store);
    let tasks: Vec<TaskRecord> = (1..=10).map(|number| task(number, "a")).collect();
    put(store, run.id, 1, &tasks);
    for newest_first in [false, true] {
        let mut found: Vec<u32> = Vec::new();
        loop {
            let filter = TaskFilter {
                step: Some("a".into()),
                after: found.last().map(|last| TaskNumber(*last)),
                limit: 4,
                newest_first,
                ..TaskFilter::default()
            };
            let page = list(store, run.id, &filter);
            if page.is_empty() {
                break;
            }
            found.extend(page.iter().map(|task| task.task.0));
        }
        let mut expected: Vec<u32> = (1..=10).collect();
        if newest_first {
            expected.reverse();
        }
        assert_eq!(found, expected);
    }
}

pub(super) fn runs_do_not_see_each_other(store: &dyn Metadata) {
    let (one, two) = (started(store), started(store));
    let with_attempt = |first, number, step| Commit {
        tasks: vec![task(number, step)],
        attempts: vec![attempt(number, 0)],
        ..events(first, 1)
    };
    commit(store, one.id, &with_attempt(1, 1, "a"));
    commit(store, two.id, &with_attempt(1, 1, "b"));
    commit(store, two.id, &with_attempt(2, 2, "a"));
    assert_eq!(list(store, one.id, &TaskFilter::default()), [task(1, "a")]);
    assert_eq!(
        list(store, two.id, &TaskFilter::default()),
        [task(1, "b"), task(2, "a")]
    );
    assert_eq!(attempts(store, one.id, None), [attempt(1, 0)]);
    assert_eq!(
        store.list_steps(two.id).expect("steps are listed"),
        ["b", "a"].map(StepName::from)
    );
    let only_a = TaskFilter {
        step: Some("a".into()),
        ..TaskFilter::default()
    };
    assert_eq!(list(store, two.id, &only_a), [task(2, "a")]);
}

pub(super) fn attempts_are_by_task_and_replaced(store: &dyn Metadata) {
    let run = started(store);
    let put = |first, attempts: &[AttemptRecord]| {
        let attempts = attempts.to_vec();
        commit(
            store,
            run.id,
            &Commit {
                attempts,
                ..events(first, 1)
            },
        );
    };
    put(1, &[attempt(2, 0), attempt(1, 1), attempt(1, 0)]);
    let failed = AttemptRecord {
        state: AttemptState::Failed,
        started_at: Millis(4),
        finished_at: Some(Millis(5)),
        pid: i32::MAX,
        manifest: Some(3),
        failure: b"boom".repeat(1_000),
        ..attempt(1, 0)
    };
    put(2, &[failed.clone(), attempt(10, 0)]);
    let all = [failed.clone(), attempt(1, 1), attempt(2, 0), attempt(10, 0)];
    assert_eq!(attempts(store, run.id, None), all);
    assert_eq!(attempts(store, run.id, Some(1)), [failed, attempt(1, 1)]);
    assert_eq!(attempts(store, run.id, Some(3)), []);
    put(3, &[attempt(1, 0)]);
    assert_eq!(
        attempts(store, run.id, Some(1)),
        [attempt(1, 0), attempt(1, 1)]
    );
}

pub(super) fn counts_are_by_step_and_state(store: &dyn Metadata) {
    let run = started(store);
    let mut tasks = vec![task(1, "start")];
    let mut number = 1;
    for (step, states) in [("b", &[4, 0, 4, 1][..]), ("a", &[2, 2, 3])] {
        for state in states {
            number += 1;
            tasks.push(TaskRecord {
                state: TaskState::ALL[*state],
                ..task(number, step)
            });
        }
    }
    put(store, run.id, 1, &tasks);
    put(
        store,
        run.id,
        2,
        &[TaskRecord {
            state: TaskState::Succeeded,
            ..task(1, "start")
        }],
    );
    let counts = store.count_tasks(run.id).expect("tasks are counted");
    let expected = [
        ("start", TaskState::Succeeded, 1),
        ("b", TaskState::Queued, 1),
        ("b", TaskState::Running, 1),
        ("b", TaskState::Interrupted, 2),
        ("a", TaskState::Succeeded, 2),
        ("a", TaskState::Failed, 1),
    ];
    assert_eq!(
        counts,
        expected.map(|(step, state, count)| (StepName::from(step), state, count))
    );
}

fn put(store: &dyn Metadata, run: RunId, first: u64, tasks: &[TaskRecord]) {
    let tasks = tasks.to_vec();
    commit(
        store,
        run,
        &Commit {
            tasks,
            ..events(first, 1)
        },
    );
}

fn find(store: &dyn Metadata, run: RunId, number: u32) -> Option<TaskRecord> {
    store
        .find_task(run, TaskNumber(number))
        .expect("a task is looked up")
}

fn list(store: &dyn Metadata, run: RunId, filter: &TaskFilter) -> Vec<TaskRecord> {
    store.list_tasks(run, filter).expect("tasks are listed")
}

fn attempts(store: &dyn Metadata, run: RunId, task: Option<u32>) -> Vec<AttemptRecord> {
    store
        .list_attempts(run, task.map(TaskNumber))
        .expect("attempts are listed")
}

//! Runs: numbers, records, lists, pages.

use pave_model::{FlowName, Millis, RunId, RunNumber, RunState};

use super::{commit, events, new_run, owner, started};
use crate::{Commit, Metadata, NewRun, RunChange, RunFilter, RunRecord};

pub(super) fn numbers_count_up_per_flow(store: &dyn Metadata) {
    let numbers: Vec<u64> = ["A", "B", "A", "A", "B"]
        .into_iter()
        .map(|flow| create(store, &new_run(flow)).number.0)
        .collect();
    assert_eq!(numbers, [1, 1, 2, 3, 2]);
    let flows = store.list_flows(&[]).expect("flows are listed");
    assert_eq!(flows, [FlowName::from("A"), FlowName::from("B")]);
}

pub(super) fn a_new_run_reads_back_as_it_was_given(store: &dyn Metadata) {
    let origin = create(store, &new_run("Größe"));
    let new = NewRun {
        flow: "Größe".into(),
        user: "grüße".to_owned(),
        created_at: Millis(1_795_000_000_123),
        origin: Some(origin.number),
        owner: owner(u32::MAX),
        tags: vec![
            "zeta".into(),
            "alpha".into(),
            "user:ada".into(),
            "alpha".into(),
        ],
        system_tags: vec!["user:ada".into(), "runtime:local".into()],
        flow_spec: "{\"steps\":[\"\u{0}\"]}".repeat(10_000),
        parameters: "{\"x\":\"'; DROP TABLE runs; --\"}".to_owned(),
        file: "/höme/flow one.py".to_owned(),
    };
    let created = create(store, &new);
    let expected = RunRecord {
        id: created.id,
        flow: new.flow.clone(),
        number: RunNumber(2),
        user: new.user.clone(),
        state: RunState::Running,
        created_at: new.created_at,
        finished_at: None,
        origin: Some(RunNumber(1)),
        owner: owner(u32::MAX),
        tags: vec!["alpha".into(), "zeta".into()],
        system_tags: vec!["runtime:local".into(), "user:ada".into()],
        flow_spec: new.flow_spec.clone(),
        parameters: new.parameters.clone(),
        file: new.file.clone(),
        error: String::new(),
    };
    assert_eq!(created, expected);
    assert_eq!(find(store, "Größe", 2), Some(expected.clone()));
    assert_eq!(list(store, &RunFilter::default()), [expected, origin]);
    assert!(
        store
            .events(created.id, 0)
            .expect("events are read")
            .is_empty()
    );
}

pub(super) fn an_unknown_run_is_not_found(store: &dyn Metadata) {
    let run = started(store);
    assert_eq!(find(store, "Flow", 2), None);
    assert_eq!(find(store, "Other", 1), None);
    assert_eq!(find(store, "flow", 1), None, "names are told apart by case");
    let absent = RunId(run.id.0 + 1);
    let nothing = "what a run that doesn't exist has is empty";
    assert!(
        store
            .list_tasks(absent, &Default::default())
            .expect(nothing)
            .is_empty()
    );
    assert!(store.list_attempts(absent, None).expect(nothing).is_empty());
    assert!(store.list_steps(absent).expect(nothing).is_empty());
    assert!(store.count_tasks(absent).expect(nothing).is_empty());
    assert!(store.events(absent, 0).expect(nothing).is_empty());
}

pub(super) fn lists_are_newest_first_and_filtered(store: &dyn Metadata) {
    let mut runs = Vec::new();
    for (flow, user, at) in [
        ("A", "ada", 1),
        ("B", "bob", 2),
        ("A", "bob", 3),
        ("A", "ada", 4),
    ] {
        let new = NewRun {
            user: user.to_owned(),
            created_at: Millis(at),
            ..new_run(flow)
        };
        runs.push(create(store, &new));
    }
    finish(store, &runs[0], RunState::Failed);
    finish(store, &runs[2], RunState::Succeeded);
    let check = |filter: RunFilter, expected: &[usize]| {
        let found: Vec<RunId> = list(store, &filter).iter().map(|run| run.id).collect();
        let expected: Vec<RunId> = expected.iter().map(|run| runs[*run].id).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let all = RunFilter::default;
    let flow = |flow: &str| Some(FlowName::from(flow));
    let user = |user: &str| Some(user.to_owned());
    let (failed, succeeded) = (RunState::Failed, RunState::Succeeded);
    check(all(), &[3, 2, 1, 0]);
    check(
        RunFilter {
            flow: flow("A"),
            ..all()
        },
        &[3, 2, 0],
    );
    check(
        RunFilter {
            flow: flow("C"),
            ..all()
        },
        &[],
    );
    check(
        RunFilter {
            user: user("bob"),
            ..all()
        },
        &[2, 1],
    );
    check(
        RunFilter {
            states: vec![failed],
            ..all()
        },
        &[0],
    );
    check(
        RunFilter {
            states: vec![failed, succeeded],
            ..all()
        },
        &[2, 0],
    );
    check(
        RunFilter {
            since: Some(Millis(3)),
            ..all()
        },
        &[3, 2],
    );
    check(RunFilter { limit: 3, ..all() }, &[3, 2, 1]);
    check(
        RunFilter {
            before: Some(runs[2].id),
            ..all()
        },
        &[1, 0],
    );
    let narrow = RunFilter {
        flow: flow("A"),
        user: user("ada"),
        states: vec![RunState::Running],
        since: Some(Millis(1)),
        before: Some(RunId(i64::MAX)),
        limit: 5,
        tags: Vec::new(),
    };
    check(narrow, &[3]);
}

pub(super) fn pages_follow_on_without_gaps(store: &dyn Metadata) {
    let mut expected: Vec<RunId> = (0..10)
        .map(|_| create(store, &new_run("Flow")).id)
        .collect();
    expected.reverse();
    let mut found: Vec<RunId> = Vec::new();
    loop {
        let filter = RunFilter {
            flow: Some("Flow".into()),
            before: found.last().copied(),
            limit: 3,
            ..RunFilter::default()
        };
        let page = list(store, &filter);
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        found.extend(page.iter().map(|run| run.id));
    }
    assert_eq!(found, expected);
}

pub(super) fn changes_of_a_run_touch_only_what_they_name(store: &dyn Metadata) {
    let (run, other) = (started(store), started(store));
    let mut expected = run.clone();
    let change = |first, change: RunChange| {
        let with_change = Commit {
            run: change,
            ..events(first, 1)
        };
        commit(store, run.id, &with_change);
        find(store, "Flow", run.number.0).expect("the run exists")
    };
    expected.error = "{\"code\":\"R001\"}".to_owned();
    let error = Some(expected.error.clone());
    assert_eq!(
        change(
            1,
            RunChange {
                error,
                ..RunChange::default()
            }
        ),
        expected
    );
    (expected.state, expected.finished_at) = (RunState::Failed, Some(Millis(9)));
    let finished = RunChange {
        state: Some(RunState::Failed),
        finished_at: Some(Millis(9)),
        error: None,
    };
    assert_eq!(change(2, finished), expected);
    assert_eq!(change(3, RunChange::default()), expected);
    expected.error = String::new();
    let error = Some(String::new());
    assert_eq!(
        change(
            4,
            RunChange {
                error,
                ..RunChange::default()
            }
        ),
        expected
    );
    assert_eq!(find(store, "Flow", other.number.0), Some(other));
}

pub(super) fn descriptions_stay_with_their_run(store: &dyn Metadata) {
    let specs = ["one", "one", "two", "one"];
    for spec in specs {
        let flow_spec = spec.to_owned();
        create(
            store,
            &NewRun {
                flow_spec,
                ..new_run("Flow")
            },
        );
    }
    let other = create(
        store,
        &NewRun {
            flow_spec: "one".into(),
            ..new_run("Other")
        },
    );
    assert_eq!(find(store, "Other", 1), Some(other));
    let mut found: Vec<String> = list(
        store,
        &RunFilter {
            flow: Some("Flow".into()),
            ..RunFilter::default()
        },
    )
    .into_iter()
    .map(|run| run.flow_spec)
    .collect();
    found.reverse();
    assert_eq!(found, specs);
}

fn create(store: &dyn Metadata, new: &NewRun) -> RunRecord {
    store.create_run(new).expect("a run is created")
}

fn find(store: &dyn Metadata, flow: &str, number: u64) -> Option<RunRecord> {
    store
        .find_run(&flow.into(), RunNumber(number))
        .expect("a run is looked up")
}

fn list(store: &dyn Metadata, filter: &RunFilter) -> Vec<RunRecord> {
    store.list_runs(filter).expect("runs are listed")
}

fn finish(store: &dyn Metadata, run: &RunRecord, state: RunState) {
    let change = RunChange {
        state: Some(state),
        finished_at: Some(Millis(5)),
        error: None,
    };
    commit(
        store,
        run.id,
        &Commit {
            run: change,
            ..events(1, 1)
        },
    );
}

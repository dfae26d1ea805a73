//! What every metadata store must do, as a suite that each implementation runs.
//!
//! ```ignore
//! #[test]
//! fn conforms() {
//!     pave_metadata::conformance::run(|| Box::new(MyStore::new()));
//! }
//! ```

mod commits;
mod manifests;
mod runs;
mod tags;
mod tasks;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pave_model::{AttemptNumber, AttemptState, Millis, RunId, TaskNumber, TaskState};

use crate::{
    AttemptRecord, Commit, ManifestRecord, Metadata, NewRun, Owner, RunRecord, TaskRecord,
};

/// One thing that a store must do.
type Behaviour = (&'static str, fn(&dyn Metadata));

macro_rules! behaviours {
    ($($area:ident::$name:ident),+ $(,)?) => {
        &[$((concat!(stringify!($area), "::", stringify!($name)), $area::$name)),+]
    };
}

const BEHAVIOURS: &[Behaviour] = behaviours![
    runs::numbers_count_up_per_flow,
    runs::a_new_run_reads_back_as_it_was_given,
    runs::an_unknown_run_is_not_found,
    runs::lists_are_newest_first_and_filtered,
    runs::pages_follow_on_without_gaps,
    runs::changes_of_a_run_touch_only_what_they_name,
    runs::descriptions_stay_with_their_run,
    commits::events_are_numbered_from_one_and_read_from_anywhere,
    commits::an_old_token_is_fenced,
    commits::events_that_do_not_follow_on_are_fenced,
    commits::a_fenced_commit_leaves_nothing,
    commits::a_commit_that_fails_in_its_middle_leaves_nothing,
    commits::a_run_that_does_not_exist_refuses_commits_and_owners,
    commits::taking_over_keeps_what_was_committed,
    commits::an_empty_commit_is_fenced_too,
    tasks::a_task_reads_back_as_it_was_given,
    tasks::a_task_is_replaced_by_number,
    tasks::a_task_keeps_its_step,
    tasks::steps_are_in_the_order_they_were_reached,
    tasks::lists_are_by_number_and_filtered,
    tasks::pages_go_both_ways,
    tasks::runs_do_not_see_each_other,
    tasks::attempts_are_by_task_and_replaced,
    tasks::counts_are_by_step_and_state,
    manifests::placeholders_become_keys,
    manifests::a_base_may_be_old_new_or_later,
    manifests::bases_come_along_once,
    manifests::missing_keys_are_left_out,
    manifests::bytes_of_every_size_survive,
    manifests::wrong_placeholders_are_refused,
    tags::user_tags_change_and_come_back_sorted,
    tags::removals_come_first,
    tags::system_tags_cannot_be_shadowed_or_removed,
    tags::impossible_tags_are_refused_whole,
    tags::runs_and_flows_are_found_by_all_their_tags,
    threads::runs_created_at_once_have_no_gaps,
    threads::readers_see_whole_commits_only,
    threads::of_two_owners_one_wins,
    threads::tags_changed_at_once_all_stay,
];

/// Runs the whole suite, each behaviour on a store of its own, which must be empty.
///
/// # Panics
/// If the store does not conform: with the names of all behaviours that it lacks.
pub fn run(make: impl Fn() -> Box<dyn Metadata>) {
    let mut lacking = Vec::new();
    for (name, behaviour) in BEHAVIOURS {
        let store = make();
        if catch_unwind(AssertUnwindSafe(|| behaviour(&*store))).is_err() {
            lacking.push(*name);
        }
    }
    assert!(
        lacking.is_empty(),
        "the store does not conform: {lacking:#?}"
    );
}

/// A run to create.
fn new_run(flow: &str) -> NewRun {
    NewRun {
        flow: flow.into(),
        user: "ada".to_owned(),
        created_at: Millis(1_000),
        owner: owner(41),
        flow_spec: format!("{{\"name\":\"{flow}\"}}"),
        parameters: "{}".to_owned(),
        file: "/flows/flow.py".to_owned(),
        ..NewRun::default()
    }
}

fn owner(pid: u32) -> Owner {
    Owner {
        token: 1,
        host: "lab".to_owned(),
        pid,
        started: format!("{pid}00@boot/space"),
    }
}

/// A run in the store, with nothing committed.
fn started(store: &dyn Metadata) -> RunRecord {
    store
        .create_run(&new_run("Flow"))
        .expect("a run is created")
}

/// A commit by the first owner that begins with this event and brings so many.
fn events(first: u64, count: u64) -> Commit {
    Commit {
        token: 1,
        first_event: first,
        events: (first..first + count).map(event).collect(),
        ..Commit::default()
    }
}

/// The bytes of the event with this number.
fn event(seq: u64) -> Vec<u8> {
    format!("event {seq}").into_bytes()
}

/// A task that waits.
fn task(number: u32, step: &str) -> TaskRecord {
    TaskRecord {
        task: TaskNumber(number),
        step: step.into(),
        place: String::new(),
        state: TaskState::Queued,
        attempt: None,
        created_at: Millis(2_000),
        finished_at: None,
        manifest: None,
        origin: None,
        taken: Vec::new(),
        parents: Vec::new(),
    }
}

/// An attempt under way.
fn attempt(task: u32, attempt: u32) -> AttemptRecord {
    AttemptRecord {
        task: TaskNumber(task),
        attempt: AttemptNumber(attempt),
        state: AttemptState::Running,
        started_at: Millis(3_000),
        finished_at: None,
        pid: 0,
        manifest: None,
        failure: Vec::new(),
    }
}

fn manifest(placeholder: i64, base: Option<i64>, bytes: &[u8]) -> ManifestRecord {
    ManifestRecord {
        id: placeholder,
        base,
        bytes: bytes.to_vec(),
    }
}

/// Everything that the store says of a run: equal before and after what must leave nothing.
fn all_of(store: &dyn Metadata, run: &RunRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        store
            .find_run(&run.flow, run.number)
            .expect("the run is read"),
        store.events(run.id, 0).expect("events are read"),
        store.list_steps(run.id).expect("steps are read"),
        store
            .list_tasks(run.id, &crate::TaskFilter::default())
            .expect("tasks are read"),
        store
            .list_attempts(run.id, None)
            .expect("attempts are read"),
        store
            .manifests(&(1..50).collect::<Vec<_>>())
            .expect("manifests are read"),
    )
}

/// Commits what must be accepted.
fn commit(store: &dyn Metadata, run: RunId, commit: &Commit) -> Vec<i64> {
    store.commit(run, commit).expect("the commit is accepted")
}

use pave_metadata::{MemoryMetadata, Metadata, TaskFilter};
use pave_model::{AttemptState, RunState, TaskNumber, TaskState};
use pave_runtime::effective_manifest;

use crate::fake::{Does, FakeExecutor, foreach_flow, retry, run};

fn by_step(step: &str) -> Does {
    match step {
        "start" => Does::FansOut(3),
        "work" => Does::Leaves("y", 7),
        "join" => Does::Leaves("ys", 21),
        _ => Does::Prints("done\nand "),
    }
}

#[test]
fn a_run_leaves_its_tasks_attempts_manifests_and_logs() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = MemoryMetadata::default();
    let mut executor = FakeExecutor::new(folder.path(), |spec| by_step(&spec.step));
    let (report, seen) = run(
        folder.path(),
        &metadata,
        &mut executor,
        foreach_flow(vec![]),
        None,
    )
    .unwrap();

    assert_eq!(report.run.state, RunState::Succeeded);
    assert_eq!(report.run.number.0, 1);
    let tasks = metadata
        .list_tasks(report.run.id, &TaskFilter::default())
        .unwrap();
    let told: Vec<_> = tasks
        .iter()
        .map(|it| (it.step.as_str(), it.place.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("_parameters", ""),
            ("start", ""),
            ("work", "0"),
            ("work", "1"),
            ("work", "2"),
            ("join", ""),
            ("end", ""),
        ]
    );
    assert!(tasks.iter().all(|it| it.state == TaskState::Succeeded));
    let join = tasks.iter().find(|it| it.step.as_str() == "join").unwrap();
    let parents: Vec<(u32, u32)> = rmp_serde::from_slice(&join.parents).unwrap();
    assert_eq!(parents, [(2, 3)]);
    // The join starts from the parameters, the end from the join.
    let end = tasks.last().unwrap().manifest.unwrap();
    let manifest = effective_manifest(&metadata, end).unwrap();
    assert!(manifest.find("ys").is_some() && manifest.find("alpha").is_some());
    assert!(manifest.find("y").is_none());
    assert_eq!(seen.lines, ["1/end/6: done", "1/end/6: and "]);
    let log = pave_logs::read(
        folder.path(),
        &"F".into(),
        report.run.number,
        &Default::default(),
    );
    assert_eq!(log.unwrap()[0].text, b"done\nand ");
    assert!(executor.is_shut);
}

#[test]
fn a_task_is_tried_again_until_it_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = MemoryMetadata::default();
    let mut executor = FakeExecutor::new(folder.path(), |spec| {
        match (spec.step.as_str(), spec.attempt) {
            ("work", 0) => Does::Raises("not yet"),
            ("work", 1) => Does::Dies,
            (step, _) => by_step(step),
        }
    });
    let (report, seen) = run(
        folder.path(),
        &metadata,
        &mut executor,
        foreach_flow(vec![retry(2)]),
        None,
    )
    .unwrap();
    assert_eq!(report.run.state, RunState::Succeeded);
    assert_eq!(seen.failed_attempts, 6);
    let attempts = metadata
        .list_attempts(report.run.id, Some(TaskNumber(2)))
        .unwrap();
    let states: Vec<_> = attempts.iter().map(|it| it.state).collect();
    assert_eq!(
        states,
        [
            AttemptState::Failed,
            AttemptState::Failed,
            AttemptState::Succeeded
        ]
    );
}

#[test]
fn a_lost_worker_is_no_failure_of_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = MemoryMetadata::default();
    let mut executor = FakeExecutor::new(folder.path(), |spec| {
        match (spec.step.as_str(), spec.attempt) {
            ("work", 0) => Does::IsLost,
            (step, _) => by_step(step),
        }
    });
    let (report, _) = run(
        folder.path(),
        &metadata,
        &mut executor,
        foreach_flow(vec![]),
        None,
    )
    .unwrap();
    assert_eq!(report.run.state, RunState::Succeeded);
    let attempts = metadata
        .list_attempts(report.run.id, Some(TaskNumber(2)))
        .unwrap();
    assert_eq!(attempts[0].state, AttemptState::Interrupted);
}

#[test]
fn a_failed_run_names_its_task_and_keeps_what_succeeded() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = MemoryMetadata::default();
    let mut executor = FakeExecutor::new(folder.path(), |spec| match spec.step.as_str() {
        "join" => Does::Raises("no"),
        step => by_step(step),
    });
    let (report, _) = run(
        folder.path(),
        &metadata,
        &mut executor,
        foreach_flow(vec![]),
        None,
    )
    .unwrap();
    assert_eq!(report.run.state, RunState::Failed);
    let failed = report.failed.unwrap();
    assert_eq!(
        (failed.name.to_string(), failed.failure.message.as_str()),
        ("1/join/5".into(), "no")
    );
    let stored = metadata
        .find_run(&"F".into(), report.run.number)
        .unwrap()
        .unwrap();
    assert_eq!(stored.state, RunState::Failed);
    assert!(stored.error.contains("1/join/5"));
}

#[test]
fn more_splits_than_allowed_fail_the_step_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = MemoryMetadata::default();
    let mut executor = FakeExecutor::new(folder.path(), |_| Does::FansOut(101));
    let (report, _) = run(
        folder.path(),
        &metadata,
        &mut executor,
        foreach_flow(vec![]),
        None,
    )
    .unwrap();
    assert_eq!(report.run.state, RunState::Failed);
    let failure = report.failed.unwrap().failure;
    assert_eq!(failure.kind, pave_protocol::FailureKind::TooManySplits);
}

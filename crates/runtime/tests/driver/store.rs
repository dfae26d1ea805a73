use pave_metadata::{Metadata, SqliteMetadata, TaskFilter};
use pave_model::{Code, RunState};

use crate::fake::{Does, FakeExecutor, foreach_flow, run};

#[test]
fn when_another_runtime_takes_the_run_over_this_one_stops_and_writes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = SqliteMetadata::open(folder.path()).unwrap();
    let thief = SqliteMetadata::open(folder.path()).unwrap();
    let mut executor = FakeExecutor::new(folder.path(), move |spec| {
        let run = thief
            .find_run(&"F".into(), pave_model::RunNumber(spec.run))
            .unwrap()
            .unwrap();
        thief
            .take_over(run.id, &pave_metadata::Owner::default())
            .unwrap();
        Does::FansOut(2)
    });
    let error = run(
        folder.path(),
        &metadata,
        &mut executor,
        foreach_flow(vec![]),
        None,
    )
    .err()
    .unwrap();
    assert_eq!(error.code(), Code::M005);
    assert!(executor.is_shut);
    let stored = metadata
        .find_run(&"F".into(), pave_model::RunNumber(1))
        .unwrap()
        .unwrap();
    assert_eq!(stored.state, RunState::Running);
    let tasks = metadata
        .list_tasks(stored.id, &TaskFilter::default())
        .unwrap();
    assert_eq!(
        tasks.len(),
        2,
        "the parameters and the start that had been launched"
    );
}

#[test]
fn a_long_chain_of_bases_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = SqliteMetadata::open(folder.path()).unwrap();
    let mut executor = FakeExecutor::new(folder.path(), |spec| match spec.step.as_str() {
        "start" => Does::FansOut(100),
        _ => Does::Leaves("y", 1),
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
    let filter = TaskFilter::default();
    for task in metadata.list_tasks(report.run.id, &filter).unwrap() {
        let manifest = pave_runtime::effective_manifest(&metadata, task.manifest.unwrap()).unwrap();
        assert!(manifest.find("alpha").is_some(), "{task:?}");
    }
}

use pave_metadata::{MemoryMetadata, Metadata, TaskFilter};
use pave_model::RunState;
use pave_runtime::{ResumeFrom, effective_manifest};

use crate::fake::{Does, FakeExecutor, foreach_flow, run};

#[test]
fn what_succeeded_is_cloned_and_the_rest_is_executed() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = MemoryMetadata::default();
    let mut first = FakeExecutor::new(folder.path(), |spec| match spec.step.as_str() {
        "start" => Does::FansOut(3),
        "work" => Does::Leaves("y", 7),
        _ => Does::Raises("no"),
    });
    let flow = foreach_flow(vec![]);
    let (failed, _) = run(folder.path(), &metadata, &mut first, flow.clone(), None).unwrap();
    assert_eq!(failed.run.state, RunState::Failed);

    let mut second = FakeExecutor::new(folder.path(), |spec| match spec.step.as_str() {
        "join" => {
            assert_eq!(spec.inputs.len(), 3);
            assert_eq!(spec.origin_run, Some(1));
            Does::Leaves("ys", 21)
        }
        _ => Does::Leaves("z", 1),
    });
    let resume = ResumeFrom {
        run: failed.run.clone(),
        rerun: None,
    };
    let (report, seen) = run(folder.path(), &metadata, &mut second, flow, Some(resume)).unwrap();
    assert_eq!(report.run.state, RunState::Succeeded);
    assert_eq!((report.run.number.0, seen.cloned), (2, 4));
    assert_eq!(
        second.launched,
        [("join".to_owned(), 0), ("end".to_owned(), 0)]
    );

    let before = metadata
        .list_tasks(failed.run.id, &TaskFilter::default())
        .unwrap();
    let after = metadata
        .list_tasks(report.run.id, &TaskFilter::default())
        .unwrap();
    for (old, new) in before
        .iter()
        .zip(&after)
        .filter(|(old, _)| old.step.as_str() == "work")
    {
        assert_eq!((new.origin, new.manifest), (Some(old.task), old.manifest));
        assert_eq!(new.parents, old.parents);
    }
    let end = effective_manifest(&metadata, after.last().unwrap().manifest.unwrap()).unwrap();
    assert!(end.find("alpha").is_some());
}

#[test]
fn from_a_named_step_on_everything_is_executed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = MemoryMetadata::default();
    let script = |spec: &pave_protocol::TaskSpec| match spec.step.as_str() {
        "start" => Does::FansOut(2),
        _ => Does::Leaves("y", 7),
    };
    let flow = foreach_flow(vec![]);
    let mut first = FakeExecutor::new(folder.path(), script);
    let (done, _) = run(folder.path(), &metadata, &mut first, flow.clone(), None).unwrap();
    let mut second = FakeExecutor::new(folder.path(), script);
    let resume = ResumeFrom {
        run: done.run,
        rerun: flow.graph.find("work"),
    };
    let (report, seen) = run(folder.path(), &metadata, &mut second, flow, Some(resume)).unwrap();
    assert_eq!((report.run.state, seen.cloned), (RunState::Succeeded, 1));
    let steps: Vec<_> = second
        .launched
        .iter()
        .map(|(step, _)| step.as_str())
        .collect();
    assert_eq!(steps, ["work", "work", "join", "end"]);
}

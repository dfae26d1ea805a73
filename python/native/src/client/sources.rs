//! Where clones come from: the tasks of earlier runs that really ran.

use std::collections::HashMap;

use pave_metadata::{Metadata, MetadataError, RunRecord, TaskFilter, TaskRecord};
use pave_model::{RunId, RunNumber, StepName, TaskNumber};

/// The task that a clone stands for.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) run: RunId,
    pub(super) number: RunNumber,
    pub(super) row: TaskRecord,
}

/// The sources of some tasks of a run, by task.
pub(super) struct Sources(HashMap<TaskNumber, Source>);

impl Sources {
    /// Follows all clones among `rows` back, run by run. What is gone from the store ends the way.
    pub(super) fn find(
        store: &dyn Metadata,
        run: &RunRecord,
        rows: &[TaskRecord],
    ) -> Result<Self, MetadataError> {
        let clones = rows.iter().filter_map(|row| Some((row.task, row.origin?)));
        let mut open: Vec<(TaskNumber, TaskNumber)> = clones.collect();
        let step = common_step(rows);
        let mut sources = HashMap::new();
        let mut origin = run.origin;
        while let Some(number) = origin.filter(|_| !open.is_empty()) {
            let Some(earlier) = store.find_run(&run.flow, number)? else {
                break;
            };
            let found = tasks(store, earlier.id, step, &open)?;
            open = open
                .into_iter()
                .filter_map(|(task, at)| {
                    let row = found.get(&at)?;
                    let source = Source {
                        run: earlier.id,
                        number,
                        row: row.clone(),
                    };
                    sources.insert(task, source);
                    Some((task, row.origin?))
                })
                .collect();
            origin = earlier.origin;
        }
        Ok(Self(sources))
    }

    pub(super) fn of(&self, task: TaskNumber) -> Option<&Source> {
        self.0.get(&task)
    }
}

/// The step that all these tasks belong to, if it is one.
fn common_step(rows: &[TaskRecord]) -> Option<&StepName> {
    let (first, rest) = rows.split_first()?;
    rest.iter()
        .all(|row| row.step == first.step)
        .then_some(&first.step)
}

fn tasks(
    store: &dyn Metadata,
    run: RunId,
    step: Option<&StepName>,
    wanted: &[(TaskNumber, TaskNumber)],
) -> Result<HashMap<TaskNumber, TaskRecord>, MetadataError> {
    let rows = match wanted {
        [(_, task)] => store.find_task(run, *task)?.into_iter().collect(),
        _ => {
            let filter = TaskFilter {
                step: step.cloned(),
                ..TaskFilter::default()
            };
            store.list_tasks(run, &filter)?
        }
    };
    Ok(rows.into_iter().map(|row| (row.task, row)).collect())
}

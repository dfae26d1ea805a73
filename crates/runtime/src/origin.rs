//! The run that is resumed: what of it may be cloned.

use std::collections::HashMap;

use pave_graph::{Graph, StepIndex};
use pave_metadata::{Metadata, RunRecord, TaskFilter, TaskRecord};
use pave_model::{Code, TaskNumber, TaskState};
use pave_protocol::Taken;
use pave_scheduler::{Origin, OriginTask, Verdict};

use crate::RuntimeError;
use crate::place::place_from_text;
use crate::prepare::PARAMETERS_STEP;

/// Which run to resume, and from where.
#[derive(Clone, Debug)]
pub struct ResumeFrom {
    /// The run.
    pub run: RunRecord,
    /// Execute this step and all that follow it anew; `None` to clone whatever succeeded.
    pub rerun: Option<StepIndex>,
}

/// The origin's tasks in the form the scheduler and the records need them.
#[derive(Debug, Default)]
pub(crate) struct OriginTasks {
    pub(crate) for_scheduler: Origin,
    pub(crate) records: HashMap<TaskNumber, TaskRecord>,
    pub(crate) parameters: Option<i64>,
}

/// Reads what the origin left.
pub(crate) fn load_origin(
    metadata: &dyn Metadata,
    run: &RunRecord,
    graph: &Graph,
) -> Result<OriginTasks, RuntimeError> {
    let filter = TaskFilter {
        states: vec![TaskState::Succeeded],
        ..TaskFilter::default()
    };
    let mut origin = OriginTasks::default();
    for record in metadata.list_tasks(run.id, &filter)? {
        if record.step.as_str() == PARAMETERS_STEP {
            origin.parameters = record.manifest;
            continue;
        }
        // Steps that the flow no longer has are not needed; a transition that no longer fits is
        // found out by the scheduler, which then runs the task anew.
        let Some(step) = graph.find(record.step.as_str()) else {
            continue;
        };
        let Some(place) = place_from_text(&record.place) else {
            continue;
        };
        let Some(verdict) = verdict_of(graph, &record.taken) else {
            continue;
        };
        let task = OriginTask {
            task: record.task,
            verdict,
        };
        origin.for_scheduler.tasks.insert((step, place), task);
        origin.records.insert(record.task, record);
    }
    if origin.parameters.is_none() {
        return Err(RuntimeError::Resume {
            code: Code::R004,
            message: format!(
                "run {}/{} ended before it had stored its parameters; there is nothing to resume",
                run.flow, run.number
            ),
        });
    }
    Ok(origin)
}

fn verdict_of(graph: &Graph, taken: &[u8]) -> Option<Verdict> {
    let taken: Taken = rmp_serde::from_slice(taken).ok()?;
    verdict(graph, &taken).ok()
}

/// The transition in the graph's terms; the name of the step that isn't there otherwise.
pub(crate) fn verdict(graph: &Graph, taken: &Taken) -> Result<Verdict, String> {
    let next = taken
        .steps
        .iter()
        .map(|name| graph.find(name).ok_or_else(|| name.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Verdict {
        next,
        splits: taken.splits,
    })
}

//! From the scheduler's launch to the message that a worker runs.

use pave_graph::{Graph, Step, StepIndex, Transition};
use pave_metadata::{Metadata, RunRecord};
use pave_model::TaskNumber;
use pave_protocol::{Failure, ForeachFrame, Input, ItemRef, Taken, TaskSpec};
use pave_scheduler::Frame;

use crate::RuntimeError;
use crate::driver::RunRequest;
use crate::manifests::Manifests;

/// The hidden artifact that holds a foreach's items.
const ITEMS: &str = "__foreach_items";

/// This many fan-outs are kept at hand.
const KEPT: usize = 16;

/// One attempt to start, in the run's own terms.
pub(crate) struct Launch<'a> {
    pub(crate) task: TaskNumber,
    pub(crate) attempt: u32,
    pub(crate) step: &'a Step,
    pub(crate) parents: &'a [TaskNumber],
    pub(crate) frames: &'a [Frame],
    pub(crate) is_last_attempt: bool,
    pub(crate) fallback: Option<Failure>,
}

/// Of each task of the run, by number: its step, and the key of the manifest that it committed.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    rows: Vec<(StepIndex, i64)>,
}

impl Ledger {
    pub(crate) fn set(&mut self, task: TaskNumber, step: StepIndex, manifest: i64) {
        let at = task.0 as usize;
        if self.rows.len() <= at {
            self.rows.resize(at + 1, (StepIndex(0), 0));
        }
        self.rows[at] = (step, manifest);
    }

    fn manifest(&self, task: TaskNumber) -> i64 {
        self.rows.get(task.0 as usize).map_or(0, |row| row.1)
    }

    fn step(&self, task: TaskNumber) -> StepIndex {
        self.rows
            .get(task.0 as usize)
            .map_or(StepIndex(0), |row| row.0)
    }
}

/// What the launches of a run share.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) parameters_id: i64,
    pub(crate) parameters: Vec<u8>,
    pub(crate) manifests: Manifests,
    pub(crate) ledger: Ledger,
    fanouts: Vec<(TaskNumber, Fanout)>,
}

/// What a task left that fanned out.
#[derive(Clone, Debug)]
struct Fanout {
    entry: Option<Vec<u8>>,
    labels: Vec<String>,
}

impl Launcher {
    pub(crate) fn new(parameters_id: i64, parameters: Vec<u8>) -> Self {
        Self {
            parameters_id,
            parameters,
            manifests: Manifests::default(),
            ledger: Ledger::default(),
            fanouts: Vec::new(),
        }
    }

    /// The manifest that a task's own adds to: its one parent's, or the parameters.
    pub(crate) fn base_of(&self, step: &Step, parents: &[TaskNumber]) -> i64 {
        match (step.closes, parents) {
            (None, [parent]) => self.ledger.manifest(*parent),
            _ => self.parameters_id,
        }
    }

    pub(crate) fn spec(
        &mut self,
        metadata: &dyn Metadata,
        run: &RunRecord,
        request: &RunRequest,
        launch: &Launch<'_>,
    ) -> Result<TaskSpec, RuntimeError> {
        let graph = &request.document.graph;
        let frames = launch
            .frames
            .iter()
            .map(|frame| self.frame(metadata, run, graph, frame))
            .collect::<Result<Vec<_>, _>>()?;
        let gang = launch.frames.last().filter(|frame| {
            matches!(graph.step(frame.split).transition, Transition::Gang { .. })
                && launch.step.open.last() == Some(&frame.split)
        });
        let (base, inputs) = self.inputs(metadata, graph, launch)?;
        Ok(TaskSpec {
            flow: run.flow.0.clone(),
            run: run.number.0,
            step: launch.step.name.clone(),
            task: launch.task.0,
            attempt: launch.attempt,
            is_last_attempt: launch.is_last_attempt,
            fallback: launch.fallback.clone(),
            item: frames.last().and_then(|frame| frame.item.clone()),
            foreach: frames,
            inputs,
            base,
            parameters: self.parameters.clone(),
            gang_size: gang.map(|frame| u32::try_from(frame.count).unwrap_or(u32::MAX)),
            timeout_seconds: launch.step.timeout_seconds,
            max_num_splits: request.limits.max_num_splits,
            store: request.store.to_string_lossy().into_owned(),
            origin_run: run.origin.map(|number| number.0),
            user: run.user.clone(),
            namespace: request.namespace.clone(),
            tags: run.tags.iter().chain(&run.system_tags).cloned().collect(),
            environment: launch.step.environment.clone(),
        })
    }

    fn inputs(
        &mut self,
        metadata: &dyn Metadata,
        graph: &Graph,
        launch: &Launch<'_>,
    ) -> Result<(Vec<u8>, Vec<Input>), RuntimeError> {
        let keys: Vec<i64> = launch
            .parents
            .iter()
            .map(|task| self.ledger.manifest(*task))
            .collect();
        let (base, manifests) = match keys.as_slice() {
            [key] => (
                Vec::new(),
                vec![self.manifests.get(metadata, *key)?.bytes.clone()],
            ),
            keys => Manifests::read_all(metadata, keys)?,
        };
        let input = |(task, manifest): (&TaskNumber, _)| Input {
            step: graph.step(self.ledger.step(*task)).name.clone(),
            task: task.0,
            manifest,
        };
        Ok((
            base,
            launch.parents.iter().zip(manifests).map(input).collect(),
        ))
    }

    fn frame(
        &mut self,
        metadata: &dyn Metadata,
        run: &RunRecord,
        graph: &Graph,
        frame: &Frame,
    ) -> Result<ForeachFrame, RuntimeError> {
        let split = graph.step(frame.split);
        let fanout = self.fanout(metadata, run, frame.task)?;
        let artifact = match &split.transition {
            Transition::Foreach { artifact, .. } => artifact.clone().unwrap_or_default(),
            _ => String::new(),
        };
        let at = usize::try_from(frame.index).unwrap_or(usize::MAX);
        Ok(ForeachFrame {
            step: split.name.clone(),
            artifact,
            index: frame.index,
            count: frame.count,
            label: fanout.labels.get(at).cloned().unwrap_or_default(),
            item: fanout.entry.map(|entry| ItemRef {
                entry,
                index: frame.index,
            }),
        })
    }

    fn fanout(
        &mut self,
        metadata: &dyn Metadata,
        run: &RunRecord,
        task: TaskNumber,
    ) -> Result<Fanout, RuntimeError> {
        if let Some((_, found)) = self.fanouts.iter().find(|(number, _)| *number == task) {
            return Ok(found.clone());
        }
        let record = metadata.find_task(run.id, task)?;
        let entry = match record.as_ref().and_then(|record| record.manifest) {
            Some(id) => {
                let effective = self.manifests.get(metadata, id)?;
                effective
                    .manifest
                    .find(ITEMS)
                    .map(pave_artifact::Entry::to_bytes)
            }
            None => None,
        };
        let taken = record.and_then(|record| rmp_serde::from_slice::<Taken>(&record.taken).ok());
        let labels = taken.map(|taken| taken.labels).unwrap_or_default();
        let fanout = Fanout { entry, labels };
        if self.fanouts.len() >= KEPT {
            self.fanouts.remove(0);
        }
        self.fanouts.push((task, fanout.clone()));
        Ok(fanout)
    }
}

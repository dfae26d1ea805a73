//! The tree as the places tell it: who continues whom, and what must follow.

use pave_graph::{StepIndex, Transition};
use pave_model::TaskNumber;
use pave_scheduler::{Frame, Place, Verdict};

use super::{Broken, Entry, Ledger, ensure};

impl Ledger {
    /// The tasks that the task at a place continues, all of which must be done.
    pub(super) fn parents(
        &self,
        step: StepIndex,
        place: &Place,
    ) -> Result<Vec<TaskNumber>, Broken> {
        let lead = |indices: &[u32], iteration| {
            let place = Place {
                indices: indices.to_vec(),
                iteration,
            };
            let found = self.leads.get(&(step, place)).copied();
            found.ok_or_else(|| format!("nothing done leads to it from {indices:?}"))
        };
        if let Some(split) = self.graph.step(step).closes {
            let count = self.width(split, &place.indices)?;
            let inner = (0..count).map(|index| [place.indices.as_slice(), &[index]].concat());
            return inner.map(|indices| lead(&indices, 0)).collect();
        }
        if step == self.graph.start && place.iteration == 0 {
            return Ok(Vec::new());
        }
        if let Ok(parent) = lead(&place.indices, place.iteration) {
            return Ok(vec![parent]);
        }
        let (index, outer) = place.indices.split_last().ok_or("nothing leads to it")?;
        let parent = lead(outer, 0)?;
        let width = self.width(self.tasks[&parent].step, outer)?;
        ensure(*index < width, || format!("index {index} of {width}"))?;
        Ok(vec![parent])
    }

    /// How many ways the split at a place makes.
    pub(super) fn width(&self, split: StepIndex, indices: &[u32]) -> Result<u32, Broken> {
        let transition = &self.graph.step(split).transition;
        if let Transition::Split(branches) = transition {
            return u32::try_from(branches.len()).map_err(|_| "too many branches".into());
        }
        let task = self.at(split, indices).ok_or("its split did not happen")?;
        let splits = self.tasks[&task]
            .done
            .as_ref()
            .and_then(|verdict| verdict.splits);
        let splits = splits.ok_or("its split is not done")?;
        u32::try_from(splits).map_err(|_| "too many splits".into())
    }

    /// The foreachs and gangs around a place, outermost first.
    pub(super) fn frames(&self, step: StepIndex, place: &Place) -> Result<Vec<Frame>, Broken> {
        let mut frames = Vec::new();
        for (depth, split) in self.graph.step(step).open.iter().enumerate() {
            if let Transition::Split(_) = self.graph.step(*split).transition {
                continue;
            }
            let outer = &place.indices[..depth];
            frames.push(Frame {
                split: *split,
                task: self.at(*split, outer).ok_or("its split did not happen")?,
                index: u64::from(place.indices[depth]),
                count: u64::from(self.width(*split, outer)?),
            });
        }
        Ok(frames)
    }

    /// Where a verdict leads: every step and place.
    pub(super) fn followers(&self, entry: &Entry, verdict: &Verdict) -> Vec<(StepIndex, Place)> {
        let indices = &entry.place.indices;
        let inner = |index: u32| [indices.as_slice(), &[index]].concat();
        let count = verdict
            .splits
            .map_or(0, |splits| u32::try_from(splits).unwrap_or(0));
        let mut found = Vec::new();
        for (branch, next) in (0u32..).zip(&verdict.next) {
            let targets = match self.graph.step(entry.step).transition {
                Transition::Split(_) => vec![inner(branch)],
                Transition::Foreach { .. } | Transition::Gang { .. } => {
                    (0..count).map(inner).collect()
                }
                _ if self.graph.step(*next).closes.is_some() => {
                    vec![indices[..indices.len() - 1].to_vec()]
                }
                _ => vec![indices.clone()],
            };
            let iteration = iteration_of(entry, *next);
            found.extend(
                targets
                    .into_iter()
                    .map(|indices| (*next, Place { indices, iteration })),
            );
        }
        found
    }

    /// Whether the graph and the options allow a verdict.
    pub(super) fn may_lead(&self, step: StepIndex, verdict: &Verdict) -> bool {
        let next = &verdict.next;
        let splits = verdict.splits;
        match &self.graph.step(step).transition {
            Transition::End => next.is_empty() && splits.is_none(),
            Transition::Linear(target) => *next == [*target] && splits.is_none(),
            Transition::Split(targets) => next == targets && splits.is_none(),
            Transition::Switch { cases, .. } => {
                next.len() == 1 && cases.iter().any(|case| case.1 == next[0]) && splits.is_none()
            }
            Transition::Foreach { child, .. } => {
                let most = self.options.max_num_splits;
                *next == [*child] && splits.is_some_and(|splits| (1..=most).contains(&splits))
            }
            Transition::Gang { child } => {
                let most = self
                    .options
                    .max_num_splits
                    .min(self.options.max_workers as u64);
                let need = self.graph.step(*child).resources;
                *next == [*child]
                    && splits.is_some_and(|splits| {
                        (1..=most).contains(&splits)
                            && need.cpu_milli * splits <= self.options.cpu_milli
                            && need.memory_mib * splits <= self.options.memory_mib
                            && need.gpu * splits <= self.options.gpu
                    })
            }
        }
    }

    /// The split that made the gang which a step's tasks are members of.
    pub(super) fn gang_around(&self, step: StepIndex) -> Option<StepIndex> {
        let split = *self.graph.step(step).open.last()?;
        let is_gang = matches!(self.graph.step(split).transition, Transition::Gang { .. });
        is_gang.then_some(split)
    }

    /// The task of a step that does not loop.
    pub(super) fn at(&self, step: StepIndex, indices: &[u32]) -> Option<TaskNumber> {
        let place = Place {
            indices: indices.to_vec(),
            iteration: 0,
        };
        self.places.get(&(step, place)).copied()
    }
}

/// Which pass of `next` a task leads to.
pub(super) fn iteration_of(entry: &Entry, next: StepIndex) -> u32 {
    match next == entry.step {
        true => entry.place.iteration + 1,
        false => 0,
    }
}

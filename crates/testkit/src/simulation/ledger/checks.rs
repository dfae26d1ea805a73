//! What must hold of an outcome, and of a run that has ended.

use std::collections::HashMap;

use pave_graph::StepIndex;
use pave_model::TaskNumber;
use pave_scheduler::{Effect, Event, Outcome, Place};

use super::{Broken, Ledger, ensure};

impl Ledger {
    /// Every attempt that started is launched in the same outcome, exactly once.
    pub(super) fn check_launches(&self, outcome: &Outcome) -> Result<(), Broken> {
        let started = outcome.events.iter().filter_map(|event| match event {
            Event::AttemptStarted { task, attempt, .. } => Some((*task, *attempt)),
            _ => None,
        });
        let launched = outcome.effects.iter().filter_map(|effect| match effect {
            Effect::Launch { task, attempt, .. } => Some((*task, *attempt)),
            _ => None,
        });
        let (started, launched): (Vec<_>, Vec<_>) = (started.collect(), launched.collect());
        ensure(started == launched, || {
            format!("started {started:?}, launched {launched:?}")
        })
    }

    /// A launch says rightly what it continues, what is around it, and whether it is the last.
    pub(super) fn check_effect(&self, effect: &Effect) -> Result<(), Broken> {
        let Effect::Launch {
            task,
            step,
            place,
            parents,
            frames,
            is_last_attempt,
            is_fallback,
            ..
        } = effect
        else {
            return Ok(());
        };
        let expected = self.parents(*step, place)?;
        ensure(*parents == expected, || {
            format!("task {task} continues {parents:?}, expected {expected:?}")
        })?;
        let expected = self.frames(*step, place)?;
        ensure(*frames == expected, || {
            format!("task {task} has frames {frames:?}, expected {expected:?}")
        })?;
        let entry = &self.tasks[task];
        let last = entry.fallbacks > 0 || entry.retried == self.graph.step(*step).retry.times;
        ensure(*is_last_attempt == last, || {
            format!("task {task}: last attempt or not?")
        })?;
        let fallback = entry.fallbacks > 0;
        ensure(*is_fallback == fallback, || {
            format!("task {task}: fallback or not?")
        })
    }

    /// The members of a gang start together, and are cloned together.
    pub(super) fn check_gangs(&self, outcome: &Outcome) -> Result<(), Broken> {
        let mut met: HashMap<(StepIndex, &[u32], bool), u32> = HashMap::new();
        for event in &outcome.events {
            let (step, place, cloned) = match event {
                Event::AttemptStarted {
                    step,
                    place,
                    attempt,
                    ..
                } if attempt.0 == 0 => (*step, place, false),
                Event::TaskCloned { step, place, .. } => (*step, place, true),
                _ => continue,
            };
            let Some(split) = self.gang_around(step) else {
                continue;
            };
            let outer = &place.indices[..place.indices.len() - 1];
            *met.entry((split, outer, cloned)).or_default() += 1;
        }
        for ((split, outer, _), count) in met {
            let width = self.width(split, outer)?;
            ensure(count == width, || {
                format!("{count} of a gang of {width} at once")
            })?;
        }
        Ok(())
    }

    /// A task that is executed must have a reason not to be cloned.
    pub(super) fn check_not_clonable(&self, step: StepIndex, place: &Place) -> Result<(), Broken> {
        if self.gang_around(step).is_some() || self.rerun.contains(&step) {
            return Ok(());
        }
        let Some(found) = self.find_origin(step, place) else {
            return Ok(());
        };
        let cloned = |parent: &TaskNumber| self.tasks[parent].cloned;
        let reason =
            !self.parents(step, place)?.iter().all(cloned) || !self.may_lead(step, &found.verdict);
        ensure(reason, || "executed, though it could be cloned".into())
    }

    /// Everything that should have happened in a run that succeeded has happened.
    pub(super) fn check_complete(&self) -> Result<(), Broken> {
        let start = self.at(self.graph.start, &[]);
        ensure(start.is_some(), || "it never started".into())?;
        for (task, entry) in &self.tasks {
            let Some(verdict) = &entry.done else {
                return Err(format!("task {task} is not done"));
            };
            for (step, place) in self.followers(entry, verdict) {
                let found = self.places.contains_key(&(step, place.clone()));
                let name = &self.graph.step(step).name;
                ensure(found, || {
                    format!("task {task} led to {name} at {place:?}, which is missing")
                })?;
            }
        }
        Ok(())
    }
}

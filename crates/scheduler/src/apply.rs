//! The only place where the run's state changes: one event, one change.

use std::fmt;

use pave_graph::StepIndex;
use pave_model::{AttemptNumber, TaskNumber};

use crate::attempts::{Paused, Running, Stopped};
use crate::scheduler::Run;
use crate::tally::Phase;
use crate::{AfterFailure, Event, Place, Scheduler, Verdict};

/// Why an event doesn't follow on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The run has begun already, has not begun, is stopping, or is over.
    Run,
    /// No such task can exist by now, or not at that step and place.
    Task,
    /// The task can't be taken up now.
    Phase,
    /// Not the attempt that is next, or that is under way.
    Attempt,
    /// The graph has no such transition there.
    Verdict,
}

impl fmt::Display for Unfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Run => "the run is not at a point where this can happen",
            Self::Task => "there is no such task at that step and place",
            Self::Phase => "the task cannot be taken up at this point",
            Self::Attempt => "this is not the task's next attempt, or not the one under way",
            Self::Verdict => "the flow has no such transition",
        })
    }
}

impl Scheduler {
    /// Whether an event can follow on those applied so far.
    pub(crate) fn verify(&self, event: &Event) -> Result<(), Unfit> {
        let begun = !matches!(self.run, Run::New | Run::Finished(_));
        let holds = |condition: bool, unfit: Unfit| condition.then_some(()).ok_or(unfit);
        match event {
            Event::RunStarted => holds(self.run == Run::New, Unfit::Run),
            Event::RunStopping { .. } => {
                holds(matches!(self.run, Run::New | Run::Running), Unfit::Run)
            }
            Event::RunFinished { .. } => {
                holds(begun && self.attempts.running.is_empty(), Unfit::Run)
            }
            Event::AttemptStarted {
                task,
                step,
                place,
                attempt,
            } => {
                holds(self.run == Run::Running, Unfit::Run)?;
                self.verify_waiting(*task, *step, place)?;
                let next = self.attempts.tries(task.0).attempts;
                holds(attempt.0 == next, Unfit::Attempt)
            }
            Event::TaskCloned {
                task,
                step,
                place,
                verdict,
                ..
            } => {
                holds(self.run == Run::Running, Unfit::Run)?;
                self.verify_waiting(*task, *step, place)?;
                let untried = self.attempts.tries(task.0).attempts == 0;
                holds(untried, Unfit::Phase)?;
                self.verify_verdict(*task, verdict)
            }
            Event::TaskSucceeded {
                task,
                attempt,
                verdict,
            } => {
                self.verify_current(*task, *attempt)?;
                self.verify_verdict(*task, verdict)
            }
            Event::AttemptFailed { task, attempt, .. }
            | Event::AttemptLost { task, attempt, .. } => self.verify_current(*task, *attempt),
        }
    }

    fn verify_waiting(
        &self,
        task: TaskNumber,
        step: StepIndex,
        place: &Place,
    ) -> Result<(), Unfit> {
        let spot = self.tree.spot(task.0).ok_or(Unfit::Task)?;
        if spot.step != step || self.tree.place(&self.plan, spot) != *place {
            return Err(Unfit::Task);
        }
        match self.tree.tally.phase(task.0) {
            Phase::Waiting => Ok(()),
            _ => Err(Unfit::Phase),
        }
    }

    fn verify_current(&self, task: TaskNumber, attempt: AttemptNumber) -> Result<(), Unfit> {
        let current = self.attempts.current(task.0, attempt);
        current.map(|_| ()).ok_or(Unfit::Attempt)
    }

    fn verify_verdict(&self, task: TaskNumber, verdict: &Verdict) -> Result<(), Unfit> {
        let spot = self.tree.spot(task.0).ok_or(Unfit::Task)?;
        let checked = self.limits().check_possible(&self.tree, spot, verdict);
        checked.map_err(|_| Unfit::Verdict)
    }

    /// Applies an event that [`Self::verify`] accepts. Another one changes nothing that matters
    /// and never panics.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::RunStarted => {
                self.run = Run::Running;
                self.fresh.extend(self.tree.plant(&self.graph, &self.plan));
            }
            Event::AttemptStarted {
                task,
                step,
                attempt,
                ..
            } => self.apply_started(task.0, *step, *attempt),
            Event::TaskSucceeded { task, verdict, .. } => {
                if let Some(running) = self.apply_ended(task.0) {
                    self.attempts.end(task.0, None);
                    self.apply_done(task.0, running.step, Phase::Succeeded, verdict);
                }
            }
            Event::TaskCloned {
                task,
                step,
                verdict,
                ..
            } => {
                self.queue_fresh_until(Some(task.0));
                if !self.skip_fresh(task.0) {
                    self.queue.take(*step, task.0);
                }
                self.apply_done(task.0, *step, Phase::Cloned, verdict);
            }
            Event::AttemptFailed { task, then, .. } => self.apply_failed(task.0, *then, false),
            Event::AttemptLost { task, then, .. } => self.apply_failed(task.0, *then, true),
            Event::RunStopping { state, .. } => {
                // Live that has been done by now; of stored events, not.
                self.queue_executed();
                self.run = Run::Stopping(*state);
            }
            Event::RunFinished { state } => {
                self.run = Run::Finished(*state);
                self.interrupt_tried();
            }
        }
    }

    fn apply_started(&mut self, task: u32, step: StepIndex, attempt: AttemptNumber) {
        // What was fresh when this was decided had been found to be executed.
        self.queue_fresh_until(None);
        let turn = match self.attempts.paused.remove(&task) {
            Some(paused) => Some(paused.turn),
            None => self.queue.take(step, task),
        };
        let Some(turn) = turn else {
            return;
        };
        self.queue.reserve(step, turn);
        self.tree.tally.set(task, step, Phase::Running);
        let running = Running {
            attempt,
            step,
            turn,
            since: None,
            stopped: Stopped::No,
        };
        self.attempts.start(task, running);
    }

    /// Frees what the attempt under way reserved.
    fn apply_ended(&mut self, task: u32) -> Option<Running> {
        let running = self.attempts.running.get(&task).copied()?;
        self.queue.release(running.step);
        Some(running)
    }

    fn apply_done(&mut self, task: u32, step: StepIndex, phase: Phase, verdict: &Verdict) {
        self.tree.tally.set(task, step, phase);
        let ready = self.tree.follow(&self.graph, &self.plan, task, verdict);
        self.fresh.extend(ready);
    }

    fn apply_failed(&mut self, task: u32, then: AfterFailure, lost: bool) {
        let Some(running) = self.apply_ended(task) else {
            return;
        };
        let mut tries = self.attempts.tries(task);
        let phase = match then {
            AfterFailure::TaskFailed => Phase::Failed,
            AfterFailure::TaskInterrupted => Phase::Interrupted,
            AfterFailure::Retry { .. } | AfterFailure::Fallback => Phase::Waiting,
        };
        match then {
            AfterFailure::Retry { .. } | AfterFailure::Fallback if lost => tries.lost += 1,
            AfterFailure::Retry { .. } => tries.failed += 1,
            AfterFailure::Fallback => tries.fallbacks += 1,
            AfterFailure::TaskFailed | AfterFailure::TaskInterrupted => {}
        }
        self.tree.tally.set(task, running.step, phase);
        if phase != Phase::Waiting {
            return self.attempts.end(task, None);
        }
        self.attempts.end(task, Some(tries));
        match then {
            AfterFailure::Retry { pause_ms } if pause_ms > 0 => {
                let paused = Paused {
                    step: running.step,
                    turn: running.turn,
                    pause_ms,
                };
                self.attempts.paused.insert(task, paused);
            }
            _ => self.queue.put_back(running.step, task, running.turn),
        }
    }

    /// A run that is over leaves no task between two attempts.
    fn interrupt_tried(&mut self) {
        let tasks: Vec<u32> = self.attempts.tried().map(|(task, _)| task).collect();
        for task in tasks {
            if let Some(spot) = self.tree.spot(task) {
                self.tree.tally.set(task, spot.step, Phase::Interrupted);
            }
        }
    }

    /// Moves fresh tasks to the queue up to the first that is to be cloned.
    pub(crate) fn queue_executed(&mut self) {
        while let Some(span) = self.fresh.front().copied() {
            let limits = self.limits();
            let (count, cloned) = if !self.resume.is_active() {
                (span.count, false)
            } else if self.plan.step(span.step).together {
                (span.count, self.resume.finds_all(&self.tree, &limits, span))
            } else {
                let found = self.resume.find(&self.tree, &limits, span.first);
                (1, found.is_some())
            };
            if cloned {
                return;
            }
            self.queue_fresh(count);
        }
    }

    /// Moves the first `count` tasks of the first fresh span to the queue.
    pub(crate) fn queue_fresh(&mut self, count: u32) {
        let Some(span) = self.fresh.pop_front() else {
            return;
        };
        let (front, rest) = span.split(count);
        if front.count > 0 {
            self.queue.push(front);
        }
        if rest.count > 0 {
            self.fresh.push_front(rest);
        }
    }

    /// Moves fresh tasks to the queue, up to and without `task`, or all of them.
    fn queue_fresh_until(&mut self, task: Option<u32>) {
        while let Some(span) = self.fresh.front().copied() {
            match task.and_then(|task| task.checked_sub(span.first)) {
                Some(before) if before < span.count => return self.queue_fresh(before),
                _ => self.queue_fresh(span.count),
            }
        }
    }

    /// Drops `task` from the front of the fresh ones, if it is there.
    fn skip_fresh(&mut self, task: u32) -> bool {
        let Some(span) = self.fresh.front_mut().filter(|span| span.first == task) else {
            return false;
        };
        *span = span.split(1).1;
        if span.count == 0 {
            self.fresh.pop_front();
        }
        true
    }
}

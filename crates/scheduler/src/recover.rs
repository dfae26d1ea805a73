//! A run again after its runtime died, from the events that it had stored.
//!
//! What the new runtime does:
//! 1. [`Scheduler::recover`] from all stored events.
//! 2. Perform the effects that it returns: timers, set for their full time again.
//! 3. For each attempt in [`Scheduler::under_way`]: hold on to it if it still lives and this
//!    runtime can receive its answer; else make sure that it is dead and report `Input::Lost`.
//!    It may have been decided on and never launched; that is lost too.
//! 4. Step with `Input::Start`, which goes on where the old runtime stopped.
//!
//! Such a loss counts like any other (`Options::max_lost`), so that a task which brings its runtime
//! down is not tried for ever. A lost attempt is followed by one with a new number, stored before it is launched, so that an
//! answer of the old one, however late, can't be taken for the new one's. An attempt is never
//! launched twice.

use std::sync::Arc;

use pave_graph::{Graph, StepIndex};
use pave_model::{Code, TaskNumber};

use crate::apply::Unfit;
use crate::scheduler::Run;
use crate::{Effect, Event, Options, Origin, Scheduler, Timer};

/// Why a run can't be recovered from its events.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "stored event {number} ({event:?}) does not follow on those before it: {why}; \
     the run cannot go on, start or resume another"
)]
pub struct RecoverError {
    /// Which event, counted from 1.
    pub number: u64,
    /// The event.
    pub event: Box<Event>,
    /// What is wrong.
    pub why: Unfit,
}

impl RecoverError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::M006
    }
}

impl Scheduler {
    /// The run as its stored events tell, and the effects that must be performed again. The
    /// module's head says how a runtime goes on from there.
    ///
    /// `graph`, `origin` and `rerun` are those that the run was begun with; `options` may differ.
    ///
    /// # Errors
    /// [`RecoverError`] if the events are not those of such a run.
    pub fn recover(
        graph: Arc<Graph>,
        options: Options,
        origin: Option<Origin>,
        rerun: Option<StepIndex>,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(Self, Vec<Effect>), RecoverError> {
        let mut scheduler = Self::new(graph, options, origin, rerun);
        for (event, number) in events.into_iter().zip(1..) {
            match scheduler.verify(&event) {
                Ok(()) => scheduler.apply(&event),
                Err(why) => {
                    let event = Box::new(event);
                    return Err(RecoverError { number, event, why });
                }
            }
        }
        if scheduler.run == Run::Running {
            scheduler.queue_executed();
        }
        let effects = scheduler.timers();
        Ok((scheduler, effects))
    }

    /// Every timer that is needed, for its full time.
    fn timers(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let running = self.attempts.running.iter();
        effects.extend(running.filter_map(|(task, running)| {
            self.timeout(TaskNumber(*task), running.attempt, running.step)
        }));
        let mut set = |timer, after_ms| effects.push(Effect::SetTimer { timer, after_ms });
        match self.run {
            Run::Running => {
                for (task, paused) in &self.attempts.paused {
                    set(Timer::Retry(TaskNumber(*task)), paused.pause_ms);
                }
                if !self.fresh.is_empty() {
                    set(Timer::Cloning, 0);
                }
            }
            Run::Stopping(_) if !self.attempts.running.is_empty() => {
                set(Timer::Grace, self.options.grace_ms);
            }
            _ => {}
        }
        effects
    }
}

//! Attempts: which are under way, how often a task was tried, and what follows a failure.

use std::collections::{BTreeMap, HashMap};

use pave_graph::{Step, StepIndex};
use pave_model::{AttemptNumber, Millis};

use crate::AfterFailure;

/// How often the fallback of `@catch` is tried when its process dies too.
const MAX_FALLBACKS: u32 = 3;

/// An attempt under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) attempt: AttemptNumber,
    pub(crate) step: StepIndex,
    /// Its turn in the queue, to go back to.
    pub(crate) turn: u64,
    /// When it was launched; `None` if it was taken over from a runtime that died.
    pub(crate) since: Option<Millis>,
    /// Whether it was told to stop, and why. Not kept over a crash: told again then.
    pub(crate) stopped: Stopped,
}

/// Whether an attempt was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    No,
    ByTimeout,
    WithRun,
}

/// How often a task was tried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    /// Attempts so far: the number of the next.
    pub(crate) attempts: u32,
    /// Those that user code failed and a retry followed.
    pub(crate) failed: u32,
    /// Those lost through no fault of user code.
    pub(crate) lost: u32,
    /// Fallbacks decided on; the next attempt is one if there are any.
    pub(crate) fallbacks: u32,
}

/// A task whose retry's pause is not over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paused {
    pub(crate) step: StepIndex,
    pub(crate) turn: u64,
    pub(crate) pause_ms: u64,
}

/// All attempts that matter: those of unfinished tasks.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    pub(crate) running: BTreeMap<u32, Running>,
    pub(crate) paused: BTreeMap<u32, Paused>,
    /// Of tasks that had an attempt and are not finished.
    tries: HashMap<u32, Tries>,
}

impl Attempts {
    /// How often a task was tried; all zero for one that wasn't, or is finished.
    pub(crate) fn tries(&self, task: u32) -> Tries {
        self.tries.get(&task).copied().unwrap_or_default()
    }

    /// The attempt, if it is the one under way. Answers of any other are old and ignored.
    pub(crate) fn current(&self, task: u32, attempt: AttemptNumber) -> Option<Running> {
        let running = self.running.get(&task).copied();
        running.filter(|running| running.attempt == attempt)
    }

    /// Notes that an attempt started.
    pub(crate) fn start(&mut self, task: u32, running: Running) {
        self.tries.entry(task).or_default().attempts = running.attempt.0.saturating_add(1);
        self.running.insert(task, running);
    }

    /// Notes that an attempt ended and how often its task was tried by now.
    pub(crate) fn end(&mut self, task: u32, tries: Option<Tries>) {
        self.running.remove(&task);
        match tries {
            Some(tries) => self.tries.insert(task, tries),
            None => self.tries.remove(&task),
        };
    }

    /// Whether nothing is under way and nothing waits for a pause.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.paused.is_empty()
    }

    /// Tasks that had an attempt and are not finished, in no order.
    pub(crate) fn tried(&self) -> impl Iterator<Item = (u32, Tries)> {
        self.tries.iter().map(|(task, tries)| (*task, *tries))
    }
}

impl Tries {
    /// Whether no further attempt follows if the one under way, or the next, fails. Always true
    /// of a fallback, since it comes after the last retry.
    pub(crate) fn is_last(self, step: &Step) -> bool {
        self.failed >= step.retry.times
    }

    /// What follows when user code has failed the attempt under way. `died` says that the process
    /// could not run `@catch` itself.
    pub(crate) fn after_failure(self, step: &Step, died: bool) -> AfterFailure {
        if !self.is_last(step) {
            let pause_ms = step.retry.pause_ms;
            return AfterFailure::Retry { pause_ms };
        }
        if died && step.catch.is_some() && self.fallbacks < MAX_FALLBACKS {
            return AfterFailure::Fallback;
        }
        AfterFailure::TaskFailed
    }

    /// What follows when the attempt under way was lost through no fault of user code.
    pub(crate) fn after_loss(self, max_lost: u32) -> AfterFailure {
        match (self.lost < max_lost, self.fallbacks) {
            (false, _) => AfterFailure::TaskFailed,
            (true, 0) => AfterFailure::Retry { pause_ms: 0 },
            (true, _) => AfterFailure::Fallback,
        }
    }
}

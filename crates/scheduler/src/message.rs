//! The scheduler's edge: what goes in and what comes out.

use std::collections::HashMap;

use pave_graph::StepIndex;
use pave_model::{AttemptNumber, Code, RunState, TaskNumber};
use serde::{Deserialize, Serialize};

/// Limits of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Most attempts under way at once.
    pub max_workers: usize,
    /// Most children of one foreach.
    pub max_num_splits: u64,
    /// Thousandths of a CPU that reservations may sum to.
    pub cpu_milli: u64,
    /// MiB of memory that reservations may sum to.
    pub memory_mib: u64,
    /// GPUs that reservations may sum to.
    pub gpu: u64,
    /// How long siblings of a failed task may go on before they are stopped.
    pub grace_ms: u64,
    /// How often an attempt that was lost through no fault of the user's code is tried again
    /// without counting as a retry.
    pub max_lost: u32,
}

/// Where a task sits in the graph besides its step: the indices of the splits around it, outermost
/// first (of a foreach the item, of a static split the branch), and the iteration of a recursive step.
///
/// With the step, equal places in two runs of a flow mean the same work: `resume` matches by them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Index within each open split.
    pub indices: Vec<u32>,
    /// Which pass through a self-loop, from 0.
    pub iteration: u32,
}

/// The finished tasks of the run that is resumed, by place.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// What may be cloned.
    pub tasks: HashMap<(StepIndex, Place), OriginTask>,
}

/// A task that may be cloned.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginTask {
    /// Its number in the origin run.
    pub task: TaskNumber,
    /// The transition it took.
    pub verdict: Verdict,
}

/// Where a succeeded task leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The steps, in order; empty at the end.
    pub next: Vec<StepIndex>,
    /// Number of children, of a foreach or gang.
    pub splits: Option<u64>,
}

/// What the scheduler is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Begin. Only once, first.
    Start,
    /// An attempt succeeded; its artifacts are in the store.
    Succeeded {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// Where it leads.
        verdict: Verdict,
    },
    /// An attempt failed by the user's code: an exception, an exit, a crash, a timeout.
    Failed {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// Whether the process died, so that it could not run `@catch` itself.
        died: bool,
    },
    /// An attempt was lost through no fault of the user's code.
    Lost {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// Why.
        reason: LostReason,
    },
    /// A timer that was set has run out.
    Elapsed(Timer),
    /// Stop the run: Ctrl-C or a cancel. Given twice, nothing is waited for.
    Interrupt,
}

/// Why an attempt was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LostReason {
    /// Its worker could not be started, or died under it.
    Worker,
    /// It was stopped on the scheduler's own order.
    Stopped,
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    /// A retry's pause is over.
    Retry(TaskNumber),
    /// An attempt's time is up (a backstop: the worker interrupts itself first).
    Timeout(TaskNumber, AttemptNumber),
    /// The grace of a failing or interrupted run is over.
    Grace,
    /// There is more to clone than one outcome should hold; go on.
    Cloning,
}

/// A fact. Stored before any effect of the same outcome is performed.
///
/// Applying the events of a run, in order, to a new scheduler gives the same state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    RunStarted,
    /// An attempt was decided on.
    AttemptStarted {
        /// The task.
        task: TaskNumber,
        /// Its step.
        step: StepIndex,
        /// Its place.
        place: Place,
        /// The attempt.
        attempt: AttemptNumber,
    },
    /// An attempt committed, and with it its task.
    TaskSucceeded {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// Where it leads.
        verdict: Verdict,
    },
    /// A task was taken over from the origin run.
    TaskCloned {
        /// The task.
        task: TaskNumber,
        /// Its step.
        step: StepIndex,
        /// Its place.
        place: Place,
        /// Its number in the origin run.
        origin: TaskNumber,
        /// Where it leads.
        verdict: Verdict,
    },
    /// An attempt failed by the user's code.
    AttemptFailed {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// What follows.
        then: AfterFailure,
    },
    /// An attempt was lost or stopped.
    AttemptLost {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// What follows.
        then: AfterFailure,
    },
    /// The run stops taking up tasks: one failed, or it was interrupted.
    RunStopping {
        /// The state it will end in, unless its end step still succeeds within the grace.
        state: RunState,
        /// The task that failed, if one did.
        cause: Option<TaskNumber>,
    },
    /// The run ended.
    RunFinished {
        /// How.
        state: RunState,
    },
}

/// What follows a failed or lost attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    /// Another attempt, as soon as there is room or, with a pause, once the timer has run out.
    Retry {
        /// The pause.
        pause_ms: u64,
    },
    /// Another attempt that only stores what `@catch` promises.
    Fallback,
    /// Nothing: the task has failed.
    TaskFailed,
    /// Nothing: the task was stopped with its run.
    TaskInterrupted,
}

/// Something to do, once the events of the same outcome are durable. Each is safe to repeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Start an attempt.
    Launch {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// Its step.
        step: StepIndex,
        /// Its place.
        place: Place,
        /// The tasks it continues, in order; none for the start step.
        parents: Vec<TaskNumber>,
        /// The foreachs and gangs around it, outermost first.
        frames: Vec<Frame>,
        /// Whether no further attempt follows if it fails.
        is_last_attempt: bool,
        /// Don't run the body, store what `@catch` promises.
        is_fallback: bool,
    },
    /// Stop an attempt that may be under way.
    Stop {
        /// The task.
        task: TaskNumber,
        /// The attempt.
        attempt: AttemptNumber,
        /// Why.
        reason: StopReason,
    },
    /// Say `Elapsed` in so many milliseconds.
    SetTimer {
        /// Which.
        timer: Timer,
        /// In how long.
        after_ms: u64,
    },
}

/// One foreach or gang around a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The step that fanned out.
    pub split: StepIndex,
    /// Its task.
    pub task: TaskNumber,
    /// Which child.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

/// Why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Its time is up.
    Timeout,
    /// Its run is failing or was interrupted.
    RunStopping,
}

/// What a step of the machine comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Facts, to be stored first, together.
    pub events: Vec<Event>,
    /// Then these, in order.
    pub effects: Vec<Effect>,
    /// Why attempts that said they succeeded count as failed all the same. Each has its
    /// [`Event::AttemptFailed`] among the events.
    pub refused: Vec<Refused>,
}

/// An attempt whose success can't be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The task.
    pub task: TaskNumber,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// The stable code.
    pub code: Code,
    /// What is wrong and what to do, naming the step.
    pub reason: String,
}

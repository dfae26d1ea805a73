//! The phase of every task in one byte, and how many tasks of each step are in which.

use pave_graph::StepIndex;

/// Where a task stands, with the difference between run and cloned that `TaskState` doesn't make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Its number is set aside; nothing has reached it.
    #[default]
    Unborn,
    /// Waits for its turn or for a retry's pause.
    Waiting,
    /// An attempt is under way.
    Running,
    /// An attempt committed.
    Succeeded,
    /// Taken over from the origin run.
    Cloned,
    /// No attempt is left.
    Failed,
    /// Stopped with its run.
    Interrupted,
}

/// How many tasks of a step are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting for their turn, for resources or for a retry's pause.
    pub queued: u64,
    /// With an attempt under way.
    pub running: u64,
    /// Whose attempt committed in this run.
    pub succeeded: u64,
    /// Taken over from the origin run.
    pub cloned: u64,
    /// Without a further attempt.
    pub failed: u64,
    /// Stopped with the run.
    pub interrupted: u64,
    /// How many there will be, as far as the fan-outs that have happened tell. Never less than the
    /// sum of the others; grows when another fan-out or switch leads to the step.
    pub expected: u64,
}

impl Counts {
    /// Tasks that are done: succeeded or cloned.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.succeeded + self.cloned
    }

    /// Tasks that exist.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queued + self.running + self.done() + self.failed + self.interrupted
    }

    fn of(&mut self, phase: Phase) -> Option<&mut u64> {
        match phase {
            Phase::Unborn => None,
            Phase::Waiting => Some(&mut self.queued),
            Phase::Running => Some(&mut self.running),
            Phase::Succeeded => Some(&mut self.succeeded),
            Phase::Cloned => Some(&mut self.cloned),
            Phase::Failed => Some(&mut self.failed),
            Phase::Interrupted => Some(&mut self.interrupted),
        }
    }
}

impl Phase {
    /// Whether the task handed over to what follows it.
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cloned)
    }
}

/// Phases and counts, always in step with each other.
#[derive(Debug)]
pub(crate) struct Tally {
    /// By task number; 0 is `_parameters`.
    phases: Vec<Phase>,
    counts: Vec<Counts>,
}

impl Tally {
    /// No tasks yet but `_parameters`, of a graph with so many steps.
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            phases: vec![Phase::Succeeded],
            counts: vec![Counts::default(); steps],
        }
    }

    /// The number that the next task gets.
    pub(crate) fn next(&self) -> u32 {
        u32::try_from(self.phases.len()).unwrap_or(u32::MAX)
    }

    /// Sets `count` numbers aside and returns the first.
    pub(crate) fn set_aside(&mut self, count: u32) -> u32 {
        let first = self.next();
        let length = self.phases.len() + count as usize;
        self.phases.resize(length, Phase::Unborn);
        first
    }

    /// The phase of a task; `Unborn` for numbers never given.
    pub(crate) fn phase(&self, task: u32) -> Phase {
        self.phases.get(task as usize).copied().unwrap_or_default()
    }

    /// Moves a task of `step` to another phase.
    pub(crate) fn set(&mut self, task: u32, step: StepIndex, phase: Phase) {
        let Some(slot) = self.phases.get_mut(task as usize) else {
            return;
        };
        let counts = &mut self.counts[usize::from(step.0)];
        if let Some(count) = counts.of(*slot) {
            *count -= 1;
        }
        if let Some(count) = counts.of(phase) {
            *count += 1;
        }
        *slot = phase;
    }

    /// Moves a range of unborn tasks of `step` into the world.
    pub(crate) fn bear(&mut self, first: u32, count: u32, step: StepIndex) {
        let from = first as usize;
        if let Some(range) = self.phases.get_mut(from..from + count as usize) {
            range.fill(Phase::Waiting);
            self.counts[usize::from(step.0)].queued += u64::from(count);
        }
    }

    /// Raises what is expected of a step.
    pub(crate) fn expect(&mut self, step: StepIndex, more: u64) {
        self.counts[usize::from(step.0)].expected += more;
    }

    /// The counts of every step, by index.
    pub(crate) fn counts(&self) -> &[Counts] {
        &self.counts
    }
}

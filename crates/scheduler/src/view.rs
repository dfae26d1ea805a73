//! What can be asked of a run at any time, cheaply.

use pave_graph::{Resources, StepIndex};
use pave_model::{AttemptNumber, Code, Millis, RunState, TaskNumber, TaskState};

use crate::attempts::Tries;
use crate::resources::Kind;
use crate::scheduler::Run;
use crate::tally::Phase;
use crate::{Counts, Frame, Place, Scheduler};

/// An attempt that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// The task.
    pub task: TaskNumber,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// The task's step.
    pub step: StepIndex,
    /// When it was launched; `None` if that was before the run was recovered.
    pub since: Option<Millis>,
}

/// A step that asks for more of something than there is, so that it could never run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "step `{step}` asks for {asked}, but this machine has {has}; \
     lower what its @resources ask for, or run it on a larger machine"
)]
pub struct TooLarge {
    /// The step's name.
    pub step: String,
    /// What it asks for too much of, in words, such as `8 CPUs`.
    pub asked: String,
    /// How much there is, in words.
    pub has: String,
}

impl TooLarge {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::R003
    }
}

/// All that decides what a run does next, in a form that can be compared.
///
/// Two schedulers with equal snapshots do the same on the same inputs, but for what is not stored:
/// pauses that are over count as not over, attempts that were told to stop as not told.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Where the run stands; `None` before it began.
    pub run: Option<RunState>,
    /// Whether it takes up nothing more.
    pub is_stopping: bool,
    /// Every task with its step, place, state and number of attempts so far, by number.
    pub tasks: Vec<(TaskNumber, StepIndex, Place, TaskState, u32)>,
    /// Attempts under way.
    pub under_way: Vec<(TaskNumber, AttemptNumber)>,
    /// Waiting tasks, first in line first.
    pub waiting: Vec<TaskNumber>,
    /// Of the tasks between attempts: failed, lost and fallback attempts so far.
    pub tries: Vec<(TaskNumber, [u32; 3])>,
    /// Counts by step.
    pub counts: Vec<Counts>,
    /// What running attempts reserve.
    pub used: Resources,
}

impl Scheduler {
    /// Where the run stands. `Running` also before it began and while it stops.
    #[must_use]
    pub fn run_state(&self) -> RunState {
        match self.run {
            Run::New | Run::Running | Run::Stopping(_) => RunState::Running,
            Run::Finished(state) => state,
        }
    }

    /// Whether the run takes up nothing more, and in which state it will end.
    #[must_use]
    pub fn stopping(&self) -> Option<RunState> {
        match self.run {
            Run::Stopping(state) => Some(state),
            _ => None,
        }
    }

    /// How many tasks of each step are in which state, by the step's index.
    #[must_use]
    pub fn progress(&self) -> &[Counts] {
        self.tree.tally.counts()
    }

    /// Number of tasks that exist, `_parameters` left out.
    #[must_use]
    pub fn task_count(&self) -> u64 {
        self.progress().iter().map(Counts::total).sum()
    }

    /// The state of a task; `None` if no task has that number (yet).
    #[must_use]
    pub fn task_state(&self, task: TaskNumber) -> Option<TaskState> {
        match self.tree.tally.phase(task.0) {
            Phase::Unborn => None,
            Phase::Waiting => Some(TaskState::Queued),
            Phase::Running => Some(TaskState::Running),
            Phase::Succeeded | Phase::Cloned => Some(TaskState::Succeeded),
            Phase::Failed => Some(TaskState::Failed),
            Phase::Interrupted => Some(TaskState::Interrupted),
        }
    }

    /// Whether a task was taken over from the origin run.
    #[must_use]
    pub fn is_cloned(&self, task: TaskNumber) -> bool {
        self.tree.tally.phase(task.0) == Phase::Cloned
    }

    /// The step of a task.
    #[must_use]
    pub fn step_of(&self, task: TaskNumber) -> Option<StepIndex> {
        self.tree.spot(task.0).map(|spot| spot.step)
    }

    /// The place of a task.
    #[must_use]
    pub fn place_of(&self, task: TaskNumber) -> Option<Place> {
        let spot = self.tree.spot(task.0)?;
        Some(self.tree.place(&self.plan, spot))
    }

    /// The foreachs and gangs around a task, outermost first.
    #[must_use]
    pub fn frames_of(&self, task: TaskNumber) -> Vec<Frame> {
        self.tree
            .spot(task.0)
            .map_or_else(Vec::new, |spot| self.tree.frames(spot))
    }

    /// The tasks that a task which was launched or cloned continues, in order.
    #[must_use]
    pub fn parents_of(&self, task: TaskNumber) -> Vec<TaskNumber> {
        self.tree
            .spot(task.0)
            .map_or_else(Vec::new, |spot| self.tree.parents(spot))
    }

    /// The attempts under way, by task. After a recovery these are the ones that the new runtime
    /// either still holds or has to report as lost.
    pub fn under_way(&self) -> impl Iterator<Item = UnderWay> {
        let running = self.attempts.running.iter();
        running.map(|(task, running)| UnderWay {
            task: TaskNumber(*task),
            attempt: running.attempt,
            step: running.step,
            since: running.since,
        })
    }

    /// Tasks that had an attempt and are neither finished nor under way, by number. Once the run
    /// is over these are interrupted, without an event of their own.
    #[must_use]
    pub fn between_attempts(&self) -> Vec<TaskNumber> {
        let tried = self.attempts.tried().map(|(task, _)| TaskNumber(task));
        let mut tasks: Vec<_> = tried
            .filter(|task| !self.attempts.running.contains_key(&task.0))
            .collect();
        tasks.sort_unstable();
        tasks
    }

    /// What the attempts under way reserve.
    #[must_use]
    pub fn used(&self) -> Resources {
        self.queue.used()
    }

    /// Checks that no step asks for more of the machine than there is. To be asked before a run
    /// starts: a task that can never fit ends the run.
    ///
    /// # Errors
    /// [`TooLarge`], of the first such step.
    pub fn fits(&self) -> Result<(), TooLarge> {
        for step in &self.graph.steps {
            for kind in Kind::ALL {
                let (asked, has) = (kind.need(&step.resources), kind.capacity(&self.options));
                if !kind.fits(asked, 1, 0, has) {
                    return Err(TooLarge {
                        step: step.name.clone(),
                        asked: kind.tell(asked),
                        has: kind.tell(has),
                    });
                }
            }
        }
        Ok(())
    }

    /// All that decides what happens next. Walks every task: for tests and inspection.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let tasks = (1..self.tree.tally.next()).filter_map(|number| {
            let task = TaskNumber(number);
            let attempts = self.attempts.tries(number).attempts;
            Some((
                task,
                self.step_of(task)?,
                self.place_of(task)?,
                self.task_state(task)?,
                attempts,
            ))
        });
        let paused = self.attempts.paused.iter();
        let paused = paused.map(|(task, paused)| (paused.turn, *task));
        let mut waiting: Vec<_> = self.queue.iter().chain(paused).collect();
        waiting.sort_unstable();
        let mut tries: Vec<_> = self.attempts.tried().map(tell_tries).collect();
        tries.sort_unstable();
        Snapshot {
            run: (self.run != Run::New).then(|| self.run_state()),
            is_stopping: self.stopping().is_some(),
            tasks: tasks.collect(),
            under_way: self.under_way().map(|it| (it.task, it.attempt)).collect(),
            waiting: waiting
                .into_iter()
                .map(|(_, task)| TaskNumber(task))
                .collect(),
            tries,
            counts: self.progress().to_vec(),
            used: self.used(),
        }
    }
}

fn tell_tries((task, tries): (u32, Tries)) -> (TaskNumber, [u32; 3]) {
    (
        TaskNumber(task),
        [tries.failed, tries.lost, tries.fallbacks],
    )
}

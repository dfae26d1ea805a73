//! What a run tells while it goes on, and what it came to.

use std::fmt;
use std::time::Duration;

use pave_exec::Output;
use pave_metadata::RunRecord;
use pave_model::{AttemptNumber, RunState, TaskNumber};
use pave_protocol::Failure;
use pave_scheduler::{AfterFailure, Scheduler};

/// A task as people name it, without flow: `7/train/12`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskName {
    /// The run's number.
    pub run: u64,
    /// The step's name.
    pub step: String,
    /// The task's number.
    pub task: TaskNumber,
}

impl fmt::Display for TaskName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.run, self.step, self.task)
    }
}

/// Something people may want to see, told once it is durable.
#[derive(Debug)]
pub enum Notice<'a> {
    /// The run exists.
    RunStarted(&'a RunRecord),
    /// Tasks were taken over from the origin run.
    Cloned {
        /// The step.
        step: &'a str,
        /// How many of its tasks.
        count: u64,
    },
    /// An attempt's process exists.
    AttemptStarted {
        /// The task.
        task: &'a TaskName,
        /// The attempt.
        attempt: AttemptNumber,
        /// The process.
        pid: i32,
    },
    /// A task printed a line.
    Line {
        /// The task.
        task: &'a TaskName,
        /// The process.
        pid: i32,
        /// Where to.
        output: Output,
        /// The line, without its end.
        text: &'a str,
    },
    /// A task succeeded.
    TaskSucceeded {
        /// The task.
        task: &'a TaskName,
        /// From launch to commit.
        elapsed: Duration,
        /// What `@catch` caught.
        caught: Option<&'a Failure>,
        /// How many children it fans out to.
        splits: Option<u64>,
    },
    /// An attempt failed or was lost.
    AttemptFailed {
        /// The task.
        task: &'a TaskName,
        /// The attempt.
        attempt: AttemptNumber,
        /// Why.
        failure: &'a Failure,
        /// What follows.
        then: AfterFailure,
    },
    /// The run takes up no more tasks.
    Stopping {
        /// What it will end as.
        state: RunState,
        /// Attempts still under way.
        running: usize,
        /// How long they are given.
        grace: Duration,
    },
    /// The run is over.
    RunFinished(&'a RunReport),
}

/// Watches a run.
pub trait Observer {
    /// Something happened.
    fn notice(&mut self, notice: &Notice<'_>);

    /// Called a few times a second, whether something happened or not.
    fn tick(&mut self, scheduler: &Scheduler);
}

/// The task that failed a run.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedTask {
    /// Which.
    pub name: TaskName,
    /// Its last attempt.
    pub attempt: AttemptNumber,
    /// Why.
    pub failure: Failure,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// The run, as stored.
    pub run: RunRecord,
    /// The task that failed it.
    pub failed: Option<FailedTask>,
    /// From start to end.
    pub elapsed: Duration,
}

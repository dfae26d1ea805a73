//! From the scheduler's events to the metadata store's rows.

use std::time::Instant;

use pave_exec::Session;
use pave_metadata::{AttemptRecord, TaskRecord};
use pave_model::{AttemptNumber, AttemptState, Millis, TaskNumber, TaskState};
use pave_protocol::{Failure, FailureKind, Taken};
use pave_scheduler::{AfterFailure, Place, StopReason};

use crate::TaskName;
use crate::lines::Lines;
use crate::place::place_to_text;

/// An attempt under way, with what its rows will say.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) name: TaskName,
    pub(crate) record: TaskRecord,
    pub(crate) attempt: AttemptRecord,
    pub(crate) session: Session,
    pub(crate) lines: Lines,
    pub(crate) launched: Instant,
    /// The manifest that its own adds to.
    pub(crate) base: Option<i64>,
    pub(crate) stopped: Option<StopReason>,
    /// Bytes kept of stdout and stderr.
    pub(crate) logged: [u64; 2],
}

/// What an attempt reported, kept until the scheduler has judged it.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) manifest: Option<Vec<u8>>,
    pub(crate) taken: Taken,
    pub(crate) failure: Option<Failure>,
}

/// The row of a task that begins.
pub(crate) fn new_task(
    task: TaskNumber,
    step: &str,
    place: &Place,
    parents: &[TaskNumber],
    now: Millis,
) -> TaskRecord {
    TaskRecord {
        task,
        step: step.into(),
        place: place_to_text(place),
        state: TaskState::Queued,
        attempt: None,
        created_at: now,
        finished_at: None,
        manifest: None,
        origin: None,
        taken: Vec::new(),
        parents: pack_parents(parents),
    }
}

/// The row of an attempt that begins.
pub(crate) fn new_attempt(task: TaskNumber, attempt: AttemptNumber, now: Millis) -> AttemptRecord {
    AttemptRecord {
        task,
        attempt,
        state: AttemptState::Running,
        started_at: now,
        finished_at: None,
        pid: 0,
        manifest: None,
        failure: Vec::new(),
    }
}

/// The states that a failed or lost attempt leads to.
pub(crate) fn states_after(lost: bool, then: AfterFailure) -> (AttemptState, TaskState) {
    let attempt = if lost {
        AttemptState::Interrupted
    } else {
        AttemptState::Failed
    };
    let task = match then {
        AfterFailure::Retry { .. } | AfterFailure::Fallback => TaskState::Queued,
        AfterFailure::TaskFailed => TaskState::Failed,
        AfterFailure::TaskInterrupted => TaskState::Interrupted,
    };
    (attempt, task)
}

/// Numbers as ranges of first and count: a join over a foreach has a single one.
pub(crate) fn pack_parents(parents: &[TaskNumber]) -> Vec<u8> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for parent in parents {
        match ranges.last_mut() {
            Some((first, count)) if *first + *count == parent.0 => *count += 1,
            _ => ranges.push((parent.0, 1)),
        }
    }
    pack(&ranges)
}

pub(crate) fn pack<T: serde::Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("plain data encodes")
}

/// What to say of an attempt that left no word itself.
pub(crate) fn silent_failure(end: &pave_exec::End) -> Failure {
    use pave_exec::End;
    let (kind, message) = match end {
        End::Exited(code) => (
            FailureKind::Exited,
            format!("the process exited with code {code} before the step had finished"),
        ),
        End::Killed(signal) => (FailureKind::Killed, killed(*signal)),
        End::Lost(reason) => (FailureKind::Lost, format!("the attempt was lost: {reason}")),
    };
    failure(kind, message)
}

pub(crate) fn failure(kind: FailureKind, message: String) -> Failure {
    Failure {
        kind,
        exception: String::new(),
        message,
        traceback: String::new(),
    }
}

fn killed(signal: i32) -> String {
    let (name, guess) = match signal {
        4 => ("SIGILL", " (a library was built for another processor?)"),
        6 => ("SIGABRT", " (a library gave up)"),
        7 => (
            "SIGBUS",
            " (a file it had mapped was cut, or the disk is full)",
        ),
        8 => ("SIGFPE", ""),
        9 => ("SIGKILL", " (the system does that when memory runs out)"),
        11 => ("SIGSEGV", " (a crash in native code)"),
        15 => ("SIGTERM", ""),
        _ => ("", ""),
    };
    let name = if name.is_empty() {
        String::new()
    } else {
        format!(", {name}")
    };
    format!("the process was killed by signal {signal}{name}{guess}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_parents_become_one_range() {
        let parents: Vec<_> = [3, 4, 5, 9, 2].map(TaskNumber).to_vec();
        let ranges: Vec<(u32, u32)> = rmp_serde::from_slice(&pack_parents(&parents)).unwrap();
        assert_eq!(ranges, [(3, 3), (9, 1), (2, 1)]);
    }
}

//! From what an attempt reported to what the scheduler is told.

use pave_exec::End;
use pave_model::{AttemptNumber, Code, TaskNumber};
use pave_protocol::{FailureKind, Finished, Outcome as Reported};
use pave_scheduler::{Input, LostReason, Refused, StopReason};

use crate::driver::Driver;
use crate::origin::verdict;
use crate::records::{Facts, failure, silent_failure};

impl Driver<'_> {
    /// What a result means to the scheduler; the rest of it waits for its verdict.
    pub(crate) fn judge(&mut self, task: TaskNumber, finished: Finished) -> Input {
        let attempt = self.attempt_of(task);
        let mut facts = Facts {
            manifest: Some(finished.manifest),
            ..Facts::default()
        };
        let input = match finished.outcome {
            Reported::Succeeded { taken, caught } => {
                facts.failure = caught;
                match verdict(&self.request.document.graph, &taken) {
                    Ok(verdict) => {
                        facts.taken = taken;
                        Input::Succeeded {
                            task,
                            attempt,
                            verdict,
                        }
                    }
                    Err(name) => {
                        let message = format!("it handed over to `{name}`, which is no step");
                        facts.failure = Some(failure(FailureKind::WrongTransition, message));
                        Input::Failed {
                            task,
                            attempt,
                            died: false,
                        }
                    }
                }
            }
            Reported::Failed(why) if why.kind == FailureKind::Lost => {
                facts.failure = Some(why);
                Input::Lost {
                    task,
                    attempt,
                    reason: LostReason::Worker,
                }
            }
            Reported::Failed(why) => {
                facts.failure = Some(why);
                Input::Failed {
                    task,
                    attempt,
                    died: false,
                }
            }
        };
        self.facts.insert(task, facts);
        input
    }

    /// What an end without a result means to the scheduler.
    pub(crate) fn judge_end(&mut self, task: TaskNumber, end: &End) -> Input {
        let attempt = self.attempt_of(task);
        let stopped = self.live.get(&task).and_then(|live| live.stopped);
        let (why, input) = match (stopped, end) {
            (Some(StopReason::Timeout), _) => {
                let words = "it did not stop when its time was up, and was killed".to_owned();
                let why = failure(FailureKind::TimedOut, words);
                (
                    why,
                    Input::Failed {
                        task,
                        attempt,
                        died: true,
                    },
                )
            }
            (Some(StopReason::RunStopping), _) => {
                let why = failure(
                    FailureKind::Killed,
                    "stopped together with its run".to_owned(),
                );
                (
                    why,
                    Input::Lost {
                        task,
                        attempt,
                        reason: LostReason::Stopped,
                    },
                )
            }
            (None, End::Lost(_)) => (
                silent_failure(end),
                Input::Lost {
                    task,
                    attempt,
                    reason: LostReason::Worker,
                },
            ),
            (None, _) => (
                silent_failure(end),
                Input::Failed {
                    task,
                    attempt,
                    died: true,
                },
            ),
        };
        self.facts.insert(
            task,
            Facts {
                failure: Some(why),
                ..Facts::default()
            },
        );
        input
    }

    fn attempt_of(&self, task: TaskNumber) -> AttemptNumber {
        self.live
            .get(&task)
            .map_or(AttemptNumber(0), |live| live.attempt.attempt)
    }

    /// Notes why the scheduler took successes for failures.
    pub(crate) fn note_refused(&mut self, refused: Vec<Refused>) {
        for refused in refused {
            let why = failure(refusal_kind(refused.code), refused.reason);
            self.facts.entry(refused.task).or_default().failure = Some(why);
        }
    }
}

fn refusal_kind(code: Code) -> FailureKind {
    match code {
        Code::T006 => FailureKind::NoItems,
        Code::T008 => FailureKind::TooManySplits,
        _ => FailureKind::WrongTransition,
    }
}

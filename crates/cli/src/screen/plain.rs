//! A line for everything that happens, for logs and pipes.

use std::io::Write;

use pave_exec::Output;
use pave_runtime::{Notice, TaskName};
use pave_scheduler::AfterFailure;

use crate::screen::Names;
use crate::screen::ending::print_ending;
use crate::screen::words::{duration, failure_code, failure_line, time_text};

/// The plain look.
pub(crate) struct Plain {
    names: Names,
    quiet: bool,
}

impl Plain {
    pub(crate) fn new(names: Names, quiet: bool) -> Self {
        Self { names, quiet }
    }

    pub(crate) fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::RunStarted(run) => {
                let from = run
                    .origin
                    .map(|it| format!(", resumed from {it}"))
                    .unwrap_or_default();
                self.say(&format!("Run {} started{from}.", self.names.run));
            }
            Notice::Cloned { step, count } => {
                self.say(&format!("Cloned {count} {} of {step}.", tasks(*count)));
            }
            Notice::AttemptStarted { task, attempt, pid } => {
                let again = if attempt.0 > 0 {
                    format!(" (attempt {attempt})")
                } else {
                    String::new()
                };
                self.task(task, Some(*pid), &format!("Task is starting{again}."));
            }
            Notice::Line {
                task,
                pid,
                output,
                text,
            } => line(task, *pid, *output, text),
            Notice::TaskSucceeded {
                task,
                elapsed,
                caught,
                splits,
            } => {
                if let Some(failure) = caught {
                    self.task(task, None, &format!("Caught: {}", failure_line(failure)));
                }
                if let Some(count) = splits {
                    self.task(task, None, &format!("Foreach yields {count} child steps."));
                }
                self.task(
                    task,
                    None,
                    &format!("Task finished in {}.", duration(*elapsed)),
                );
            }
            Notice::AttemptFailed {
                task,
                attempt,
                failure,
                then,
            } => {
                let words = format!(
                    "Attempt {attempt} failed [{}]: {}{}",
                    failure_code(failure),
                    failure_line(failure),
                    after(*then)
                );
                if *then != AfterFailure::TaskInterrupted || !self.quiet {
                    print(&format!("{} [{task}] {words}", stamp()), true);
                }
            }
            Notice::Stopping {
                state,
                running,
                grace,
            } => {
                if *running > 0 {
                    let wait = format!(
                        "{} more {} may finish within {}",
                        running,
                        tasks(*running as u64),
                        duration(*grace)
                    );
                    print(
                        &format!("{} Run is stopping ({state}): {wait}.", stamp()),
                        true,
                    );
                }
            }
            Notice::RunFinished(report) => print_ending(&self.names, report, self.quiet),
        }
    }

    fn say(&self, words: &str) {
        if !self.quiet {
            print(&format!("{} {words}", stamp()), false);
        }
    }

    fn task(&self, task: &TaskName, pid: Option<i32>, words: &str) {
        if !self.quiet {
            let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            print(&format!("{} [{task}{pid}] {words}", stamp()), false);
        }
    }
}

fn stamp() -> String {
    time_text(pave_runtime::now())
}

fn line(task: &TaskName, pid: i32, output: Output, text: &str) {
    print(
        &format!("{} [{task} (pid {pid})] {text}", stamp()),
        output == Output::Stderr,
    );
}

fn print(text: &str, on_stderr: bool) {
    // Whoever closed the pipe doesn't want to hear more; the run goes on.
    let _ = if on_stderr {
        writeln!(std::io::stderr().lock(), "{text}")
    } else {
        writeln!(std::io::stdout().lock(), "{text}")
    };
}

pub(crate) fn tasks(count: u64) -> &'static str {
    if count == 1 { "task" } else { "tasks" }
}

pub(crate) fn after(then: AfterFailure) -> String {
    match then {
        AfterFailure::Retry { pause_ms: 0 } => "; it is tried again".to_owned(),
        AfterFailure::Retry { pause_ms } => {
            let pause = i64::try_from(pause_ms).unwrap_or(i64::MAX);
            format!("; it is tried again in {}", super::duration_text(pause))
        }
        AfterFailure::Fallback => "; it is caught".to_owned(),
        AfterFailure::TaskFailed | AfterFailure::TaskInterrupted => String::new(),
    }
}

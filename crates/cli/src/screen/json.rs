//! Events as JSON, one object a line, for programs.

use std::io::Write;

use pave_protocol::Failure;
use pave_runtime::{Notice, RunReport};
use serde_json::{Value, json};

use crate::screen::Names;
use crate::screen::words::{failure_code, output_name};

/// The look for programs.
pub(crate) struct Json {
    names: Names,
}

impl Json {
    pub(crate) fn new(names: Names) -> Self {
        Self { names }
    }

    pub(crate) fn notice(&mut self, notice: &Notice<'_>) {
        let path = |task: &pave_runtime::TaskName| format!("{}/{task}", self.names.flow);
        let object = match notice {
            Notice::RunStarted(run) => json!({
                "event": "run_started", "run": self.names.run, "origin": run.origin,
            }),
            Notice::Cloned { step, count } => json!({
                "event": "cloned", "run": self.names.run, "step": step, "count": count,
            }),
            Notice::AttemptStarted { task, attempt, pid } => json!({
                "event": "attempt_started", "task": path(task), "attempt": attempt, "pid": pid,
            }),
            Notice::Line {
                task, output, text, ..
            } => json!({
                "event": "line", "task": path(task), "stream": output_name(*output), "text": text,
            }),
            Notice::TaskSucceeded {
                task,
                elapsed,
                caught,
                splits,
            } => json!({
                "event": "task_succeeded", "task": path(task), "splits": splits,
                "elapsed_ms": millis(*elapsed), "caught": caught.map(failure),
            }),
            Notice::AttemptFailed {
                task,
                attempt,
                failure: why,
                then,
            } => json!({
                "event": "attempt_failed", "task": path(task), "attempt": attempt,
                "failure": failure(why), "then": then,
            }),
            Notice::Stopping {
                state,
                running,
                grace,
            } => json!({
                "event": "run_stopping", "run": self.names.run, "state": state,
                "running": running, "grace_ms": millis(*grace),
            }),
            Notice::RunFinished(report) => self.finished(report),
        };
        let mut object = object;
        object["time"] = json!(pave_runtime::now());
        let _ = writeln!(std::io::stdout().lock(), "{object}");
    }

    fn finished(&self, report: &RunReport) -> Value {
        let failed = report.failed.as_ref().map(|failed| {
            json!({
                "task": format!("{}/{}", self.names.flow, failed.name),
                "attempt": failed.attempt, "failure": failure(&failed.failure),
            })
        });
        json!({
            "event": "run_finished", "run": self.names.run, "state": report.run.state,
            "elapsed_ms": millis(report.elapsed), "failed": failed,
        })
    }
}

fn failure(failure: &Failure) -> Value {
    json!({
        "code": failure_code(failure), "exception": failure.exception,
        "message": failure.message, "traceback": failure.traceback,
    })
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

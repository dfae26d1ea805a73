//! Errors as people read them: what was tried, on what, why it failed, what to do next.

use std::error::Error;

use crate::output::{errln, outln};
use console::style;
use pave_model::Code;

/// An error on its way to the terminal.
#[derive(Debug)]
pub(crate) struct CliError {
    /// The stable code.
    pub(crate) code: Code,
    /// One sentence.
    pub(crate) message: String,
    /// Causes, the nearest first.
    pub(crate) causes: Vec<String>,
    /// What to do next.
    pub(crate) hint: String,
    /// The exit status.
    pub(crate) exit: u8,
    /// Whether errors are printed as JSON.
    pub(crate) json: bool,
    /// Already printed in full: only the exit status is left to give.
    pub(crate) printed: bool,
}

impl CliError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            causes: Vec::new(),
            hint: String::new(),
            exit: 1,
            json: false,
            printed: false,
        }
    }

    /// A wrong command line: exit status 2.
    pub(crate) fn usage(code: Code, message: impl Into<String>) -> Self {
        Self {
            exit: 2,
            ..Self::new(code, message)
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The causes of `error`, whose own words are this error's message.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        self.causes = chain(error);
        self
    }

    /// `error` itself as the cause, with its causes.
    pub(crate) fn caused_by(mut self, error: &dyn Error) -> Self {
        self.causes = std::iter::once(error.to_string())
            .chain(chain(error))
            .collect();
        self
    }

    pub(crate) fn print(&self) {
        if self.printed {
            return;
        }
        if self.json {
            let error = serde_json::json!({"error": {
                "code": self.code, "message": self.message, "causes": self.causes, "hint": self.hint,
            }});
            outln!("{error}");
            return;
        }
        let head = style(format!("error[{}]", self.code))
            .for_stderr()
            .red()
            .bold();
        errln!("{head}: {}", self.message);
        let word = if self.exit == 2 { "and" } else { "because" };
        for cause in &self.causes {
            errln!("  {} {cause}", style(word).for_stderr().dim());
        }
        if !self.hint.is_empty() {
            errln!("  {} {}", style("next").for_stderr().cyan(), self.hint);
        }
    }
}

fn chain(error: &dyn Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}

impl From<pave_metadata::MetadataError> for CliError {
    fn from(error: pave_metadata::MetadataError) -> Self {
        let hint = match error.code() {
            Code::M001 => "install the version of Pave that wrote it, or a newer one",
            Code::M002 => "check that the folder is a Pave store and can be read",
            Code::M003 => "free space on the disk or make the folder writable, then `pave resume`",
            Code::M004 => "`pave runs` lists what there is",
            Code::C002 => "tags are 1 to 500 characters, at most 50 for a run",
            _ => "",
        };
        Self::new(error.code(), error.to_string())
            .because(&error)
            .hint(hint)
    }
}

impl From<pave_logs::LogError> for CliError {
    fn from(error: pave_logs::LogError) -> Self {
        Self::new(error.code(), error.to_string())
            .because(&error)
            .hint("check that the store's folder can be read and has room")
    }
}

impl From<pave_exec::ExecError> for CliError {
    fn from(error: pave_exec::ExecError) -> Self {
        if let pave_exec::ExecError::Unusable(failure) = &error {
            return unusable(error.code(), failure);
        }
        let hint = match error.code() {
            Code::W005 => "name the interpreter with PAVE_PYTHON or --python",
            Code::W004 => "install the same version of `pave-ml` in the flow's environment",
            Code::W003 => "the worker's own words are above",
            _ => "",
        };
        Self::new(error.code(), error.to_string())
            .because(&error)
            .hint(hint)
    }
}

fn unusable(code: Code, failure: &pave_protocol::Failure) -> CliError {
    if !failure.traceback.is_empty() {
        errln!("{}", failure.traceback.trim_end());
    }
    let hint = match code {
        Code::W001 => "mend the file; `python FILE` shows the same",
        Code::W002 => {
            "derive a class from `FlowSpec`, and end the file with `if __name__ == \"__main__\": MyFlow()`"
        }
        Code::W006 => "name one: `pave run FILE:Class`",
        _ => "",
    };
    CliError::new(code, failure.message.clone()).hint(hint)
}

impl From<pave_runtime::RuntimeError> for CliError {
    fn from(error: pave_runtime::RuntimeError) -> Self {
        use pave_runtime::RuntimeError as E;
        match error {
            E::Metadata(error) => error.into(),
            E::Log(error) => error.into(),
            E::Exec(error) => error.into(),
            other => {
                let hint = match other.code() {
                    Code::R003 => "ask for less in @resources, or run on a larger machine",
                    Code::R004 => "start it anew with `run`",
                    _ => "",
                };
                Self::new(other.code(), other.to_string())
                    .because(&other)
                    .hint(hint)
            }
        }
    }
}

impl From<pave_model::PathspecError> for CliError {
    fn from(error: pave_model::PathspecError) -> Self {
        Self::usage(Code::C001, error.to_string()).hint("for example `MyFlow/3/train/12`")
    }
}

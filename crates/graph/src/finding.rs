//! What is wrong with a flow, one thing each, in the order of the source.

use std::collections::HashMap;
use std::fmt;

use pave_model::Code;
use serde::Serialize;

use crate::{FlowSpec, Parameter, StepSpec, Tail};

/// One thing that is wrong with a flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if the file as a whole is meant.
    pub line: u32,
    /// The source line, stripped; may be empty.
    pub source: String,
    /// What is wrong, naming the step.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Finding {
    /// Writes place, code and message, then the source line and the hint, each on its own line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code, file, line, ..
        } = self;
        if *line == 0 {
            write!(out, "{file}: {code} {}", self.message)?;
        } else {
            write!(out, "{file}:{line}: {code} {}", self.message)?;
        }
        if !self.source.is_empty() {
            write!(out, "\n    {}", self.source)?;
        }
        write!(out, "\n  hint: {}", self.hint)
    }
}

/// What is wrong, and what to do about it.
pub(crate) struct Words {
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Words {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Collects the findings of one flow.
pub(crate) struct Findings<'a> {
    flow: &'a FlowSpec,
    list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(flow: &'a FlowSpec) -> Self {
        Self {
            flow,
            list: Vec::new(),
        }
    }

    /// Adds a finding about the flow as a whole.
    pub(crate) fn at_flow(&mut self, code: Code, words: Words) {
        let (file, line) = (&self.flow.file, self.flow.line);
        self.add(
            code,
            Place {
                file,
                line,
                source: "",
            },
            words,
        );
    }

    /// Adds a finding about a parameter.
    pub(crate) fn at_parameter(&mut self, code: Code, parameter: &Parameter, words: Words) {
        let (file, line) = (&self.flow.file, parameter.line);
        self.add(
            code,
            Place {
                file,
                line,
                source: "",
            },
            words,
        );
    }

    /// Adds a finding about a step's definition.
    pub(crate) fn at_step(&mut self, code: Code, step: &StepSpec, words: Words) {
        self.add(code, Place::of_definition(step), words);
    }

    /// Adds a finding about a step's `self.next`, or its definition if there is none.
    pub(crate) fn at_tail(&mut self, code: Code, step: &StepSpec, words: Words) {
        self.add(code, Place::of_tail(step), words);
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All findings: files in the order in which the steps name them, then by line.
    pub(crate) fn into_sorted(mut self) -> Vec<Finding> {
        let mut ranks: HashMap<&str, usize> = HashMap::new();
        let files = self.flow.steps.iter().map(|step| step.file.as_str());
        for file in files.chain([self.flow.file.as_str()]) {
            let rank = ranks.len();
            ranks.entry(file).or_insert(rank);
        }
        self.list.sort_by_key(|finding| {
            let rank = ranks.get(finding.file.as_str()).copied();
            (rank.unwrap_or(usize::MAX), finding.line)
        });
        self.list
    }

    fn add(&mut self, code: Code, place: Place<'_>, words: Words) {
        self.list.push(Finding {
            code,
            file: place.file.to_owned(),
            line: place.line,
            source: place.source.to_owned(),
            message: words.message,
            hint: words.hint,
        });
    }
}

/// A line of the source.
struct Place<'s> {
    file: &'s str,
    line: u32,
    source: &'s str,
}

impl<'s> Place<'s> {
    fn of_definition(step: &'s StepSpec) -> Self {
        Self {
            file: &step.file,
            line: step.line,
            source: &step.source,
        }
    }

    fn of_tail(step: &'s StepSpec) -> Self {
        match &step.tail {
            Tail::None => Self::of_definition(step),
            Tail::Misplaced { line, source } | Tail::Next { line, source, .. } => Self {
                file: &step.file,
                line: *line,
                source,
            },
        }
    }
}

//! `Flow/run/step/task/artifact`: how people name things.

use std::fmt;

use crate::{FlowName, RunNumber, StepName, TaskNumber};

/// A parsed path name of depth 1 (a flow) to 5 (an artifact).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pathspec {
    /// The flow.
    pub flow: FlowName,
    /// The run, if named.
    pub run: Option<RunNumber>,
    /// The step, if named.
    pub step: Option<StepName>,
    /// The task, if named.
    pub task: Option<TaskNumber>,
    /// The artifact, if named.
    pub artifact: Option<String>,
}

/// Why a text is not a pathspec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathspecError {
    /// Too many or too few parts, or an empty one.
    #[error(
        "`{0}` is not a path name: expected Flow, Flow/run, Flow/run/step, Flow/run/step/task or Flow/run/step/task/artifact"
    )]
    Shape(String),
    /// A part that must be a number isn't.
    #[error("`{part}` in `{text}` is not a {what} number: runs count from 1, tasks from 0")]
    Number {
        /// The whole text.
        text: String,
        /// The wrong part.
        part: String,
        /// "run" or "task".
        what: &'static str,
    },
}

impl std::str::FromStr for Pathspec {
    type Err = PathspecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() > 5 || parts.iter().any(|part| part.is_empty()) {
            return Err(PathspecError::Shape(text.to_owned()));
        }
        let wrong = |part: &str, what| PathspecError::Number {
            text: text.to_owned(),
            part: part.to_owned(),
            what,
        };
        let run = parts
            .get(1)
            .map(|part| part.parse::<u64>().map_err(|_| wrong(part, "run")));
        let task = parts
            .get(3)
            .map(|part| part.parse::<u32>().map_err(|_| wrong(part, "task")));
        Ok(Self {
            flow: FlowName::from(parts[0]),
            run: run.transpose()?.map(RunNumber),
            step: parts.get(2).map(|part| StepName::from(*part)),
            task: task.transpose()?.map(TaskNumber),
            artifact: parts.get(4).map(|part| (*part).to_owned()),
        })
    }
}

impl fmt::Display for Pathspec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.flow)?;
        if let Some(run) = self.run {
            write!(out, "/{run}")?;
        }
        if let Some(step) = &self.step {
            write!(out, "/{step}")?;
        }
        if let Some(task) = self.task {
            write!(out, "/{task}")?;
        }
        if let Some(artifact) = &self.artifact {
            write!(out, "/{artifact}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_depth_survives_a_round_trip() {
        for text in ["F", "F/1", "F/1/start", "F/1/start/2", "F/1/start/2/x"] {
            assert_eq!(text.parse::<Pathspec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_shapes_are_refused() {
        for text in ["", "F/", "F//start", "F/1/s/1/a/b"] {
            assert!(
                matches!(text.parse::<Pathspec>(), Err(PathspecError::Shape(_))),
                "{text}"
            );
        }
        assert!(matches!(
            "F/x".parse::<Pathspec>(),
            Err(PathspecError::Number { .. })
        ));
        assert!(matches!(
            "F/1/s/x".parse::<Pathspec>(),
            Err(PathspecError::Number { .. })
        ));
    }
}

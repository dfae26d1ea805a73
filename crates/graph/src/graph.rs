//! A flow that holds together: what the scheduler runs.

use serde::{Deserialize, Serialize};

/// Index of a step in [`Graph::steps`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct StepIndex(pub u16);

/// A validated flow graph. Every index in it is in range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Steps in topological order; self-loops of switches aside.
    pub steps: Vec<Step>,
    /// Where a run begins.
    pub start: StepIndex,
    /// Where it ends. Equal to `start` in a flow of one step.
    pub end: StepIndex,
}

/// A node of the graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// What it hands over to when it has succeeded.
    pub transition: Transition,
    /// The split that this step joins; `None` for a step that is no join.
    pub closes: Option<StepIndex>,
    /// The splits open around this step's tasks, outermost first. A join is outside the split it closes.
    pub open: Vec<StepIndex>,
    /// How often and when a failed attempt is tried again.
    pub retry: Retry,
    /// Whether a final failure is caught (`@catch`), and the artifact that holds it.
    pub catch: Option<Option<String>>,
    /// Seconds after which an attempt is stopped.
    pub timeout_seconds: Option<u64>,
    /// What a task of it reserves of the machine.
    pub resources: Resources,
    /// Environment variables of its tasks.
    pub environment: Vec<(String, String)>,
}

/// What follows a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// Nothing: the end.
    #[default]
    End,
    /// One step.
    Linear(StepIndex),
    /// All of several steps, in the order written.
    Split(Vec<StepIndex>),
    /// One step, once for each item.
    Foreach {
        /// The step.
        child: StepIndex,
        /// The artifact that holds the items, where the source says.
        artifact: Option<String>,
    },
    /// One step as a gang of `num_parallel` tasks.
    Gang {
        /// The step.
        child: StepIndex,
    },
    /// One of several steps, chosen by the value of an artifact. A step may lead to itself.
    Switch {
        /// The artifact.
        condition: String,
        /// Keys as source text, and where they lead.
        cases: Vec<(String, StepIndex)>,
    },
}

/// How often and when a failed attempt is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Further tries after the first.
    pub times: u32,
    /// Pause before each of them, in milliseconds. 0 unless the flow's source asks for one by name.
    pub pause_ms: u64,
}

/// What a task reserves of the machine. Zero reserves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub cpu_milli: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// GPUs.
    pub gpu: u64,
}

impl Graph {
    /// The step at `index`.
    #[must_use]
    pub fn step(&self, index: StepIndex) -> &Step {
        &self.steps[usize::from(index.0)]
    }

    /// The index of the step named `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StepIndex> {
        let at = self.steps.iter().position(|step| step.name == name)?;
        u16::try_from(at).ok().map(StepIndex)
    }

    /// Every step with its index.
    pub fn iter(&self) -> impl Iterator<Item = (StepIndex, &Step)> {
        self.steps.iter().enumerate().map(|(at, step)| {
            (
                StepIndex(u16::try_from(at).expect("validation limits the number of steps")),
                step,
            )
        })
    }
}

impl Transition {
    /// Every step that may follow, in the order written.
    #[must_use]
    pub fn targets(&self) -> Vec<StepIndex> {
        match self {
            Self::End => Vec::new(),
            Self::Linear(step) => vec![*step],
            Self::Split(steps) => steps.clone(),
            Self::Foreach { child, .. } | Self::Gang { child } => vec![*child],
            Self::Switch { cases, .. } => cases.iter().map(|(_, step)| *step).collect(),
        }
    }
}

//! The flow as the passes see it: steps by position, targets looked up.

use std::collections::HashMap;

use crate::{FlowSpec, StepSpec};

/// First position of each step name.
pub(super) type Names<'a> = HashMap<&'a str, usize>;

/// A flow whose targets are looked up. Positions are those of [`FlowSpec::steps`].
pub(super) struct Outline<'a> {
    pub(super) flow: &'a FlowSpec,
    pub(super) names: Names<'a>,
    /// Where a run begins; `None` if nothing could be taken for it.
    pub(super) start: Option<usize>,
    /// Where it ends; `None` if nothing could be taken for it.
    pub(super) end: Option<usize>,
    /// How each step ends.
    pub(super) exits: Vec<Exit<'a>>,
    /// Whether a finding about each step explains already why nothing leads to it.
    pub(super) is_explained: Vec<bool>,
}

/// How a step ends.
#[derive(Default)]
pub(super) struct Exit<'a> {
    pub(super) shape: Shape<'a>,
    /// The steps it leads to. Parallel to a switch's keys as long as nothing is wrong.
    pub(super) targets: Vec<usize>,
    /// Whether it may lead to more, or to other steps than `targets` says.
    pub(super) is_doubtful: bool,
    /// Those of `targets` that it surely wasn't to lead to: nothing is concluded from them.
    pub(super) disowned: Vec<usize>,
}

/// What kind of exit it is.
#[derive(Default)]
pub(super) enum Shape<'a> {
    /// The end: leads nowhere.
    #[default]
    End,
    /// One step.
    Linear,
    /// Several steps at once.
    Split,
    /// One step for each item.
    Foreach { artifact: Option<&'a str> },
    /// One step as a gang.
    Gang,
    /// One of several steps.
    Switch {
        condition: &'a str,
        keys: Vec<&'a str>,
    },
    /// Said in a way that has no meaning.
    Unclear,
}

impl Shape<'_> {
    /// What a split is called in messages; `None` for a shape that opens none.
    pub(super) fn split_word(&self) -> Option<&'static str> {
        match self {
            Self::Split => Some("split"),
            Self::Foreach { .. } => Some("foreach"),
            Self::Gang => Some("gang"),
            Self::End | Self::Linear | Self::Switch { .. } | Self::Unclear => None,
        }
    }
}

impl Exit<'_> {
    /// Marks a target as one that it surely wasn't to lead to.
    pub(super) fn disown(&mut self, target: usize) {
        self.is_doubtful = true;
        self.disowned.push(target);
    }

    /// Marks all targets as such.
    pub(super) fn disown_all(&mut self) {
        self.is_doubtful = true;
        self.disowned.clone_from(&self.targets);
    }

    /// The branches that count: position and step, those aside that lead back or were disowned.
    pub(super) fn branches(&self, own: usize) -> impl Iterator<Item = (usize, usize)> {
        let targets = self.targets.iter().copied().enumerate();
        targets.filter(move |(_, to)| *to != own && !self.disowned.contains(to))
    }
}

impl<'a> Outline<'a> {
    pub(super) fn len(&self) -> usize {
        self.flow.steps.len()
    }

    pub(super) fn step(&self, at: usize) -> &'a StepSpec {
        &self.flow.steps[at]
    }

    pub(super) fn name(&self, at: usize) -> &'a str {
        &self.step(at).name
    }

    /// Whether the step takes inputs.
    pub(super) fn is_join(&self, at: usize) -> bool {
        self.step(at).inputs >= 1
    }

    /// Whether this is the step that its name stands for, not a later one of the same name.
    pub(super) fn is_known(&self, at: usize) -> bool {
        self.names.get(self.name(at)) == Some(&at)
    }

    /// The names of several steps, for a message: `a`, `b` and `c`; of many only the first.
    pub(super) fn list(&self, steps: &[usize]) -> String {
        const MOST: usize = 5;
        let quoted = |at: &usize| format!("`{}`", self.name(*at));
        match steps {
            [] => "nothing".to_owned(),
            [only] => quoted(only),
            [init @ .., last] if steps.len() <= MOST => {
                let init: Vec<String> = init.iter().map(quoted).collect();
                format!("{} and {}", init.join(", "), quoted(last))
            }
            many => {
                let first: Vec<String> = many[..MOST].iter().map(quoted).collect();
                format!("{} and {} more", first.join(", "), many.len() - MOST)
            }
        }
    }
}

//! The graph of a stored run, as far as reading back needs it.

use pave_graph::{Graph, StepIndex, Transition};
use serde::Deserialize;

/// A run's graph. Empty where the stored description can't be read: the rest of the run still can.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shape {
    graph: Graph,
    flow: Flow,
}

#[derive(Debug, Default, Deserialize)]
struct Flow {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
struct Parameter {
    attribute: String,
}

impl Shape {
    pub(super) fn parse(description: &str) -> Self {
        serde_json::from_str(description).unwrap_or_default()
    }

    /// The attributes that hold parameters, in the order of the source.
    pub(super) fn parameters(&self) -> Vec<&str> {
        self.flow
            .parameters
            .iter()
            .map(|it| it.attribute.as_str())
            .collect()
    }

    pub(super) fn end(&self) -> &str {
        self.name(self.graph.end).unwrap_or("end")
    }

    /// Each step with those that may follow it.
    pub(super) fn steps(&self) -> Vec<(&str, Vec<&str>)> {
        let steps = self.graph.steps.iter();
        steps
            .map(|step| (step.name.as_str(), self.next(&step.name)))
            .collect()
    }

    /// The steps that may follow one.
    pub(super) fn next(&self, step: &str) -> Vec<&str> {
        let Some(index) = self.graph.find(step) else {
            return Vec::new();
        };
        let targets = self.graph.step(index).transition.targets();
        let mut names: Vec<&str> = Vec::new();
        for name in targets.into_iter().filter_map(|target| self.name(target)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether a step has `@catch`.
    pub(super) fn catches(&self, step: &str) -> bool {
        let found = self.graph.find(step);
        found.is_some_and(|index| self.graph.step(index).catch.is_some())
    }

    /// The foreachs around a task, outermost first: the step that fanned out, and which item.
    pub(super) fn foreach_path(&self, step: &str, place: &str) -> Vec<(&str, u32)> {
        let Some(index) = self.graph.find(step) else {
            return Vec::new();
        };
        let (indices, _) = place_key(place);
        let open = self.graph.step(index).open.iter();
        open.zip(indices)
            .filter(|(split, _)| self.fans_out(**split))
            .filter_map(|(split, index)| Some((self.name(*split)?, index)))
            .collect()
    }

    fn fans_out(&self, split: StepIndex) -> bool {
        let split = self.graph.steps.get(usize::from(split.0));
        split.is_some_and(|split| {
            matches!(
                split.transition,
                Transition::Foreach { .. } | Transition::Gang { .. }
            )
        })
    }

    fn name(&self, index: StepIndex) -> Option<&str> {
        let step = self.graph.steps.get(usize::from(index.0));
        step.map(|step| step.name.as_str())
    }
}

/// A place as the runtime writes it, such as `3,0;2`, in the order of the work: the indices of the
/// splits around a task, then its iteration.
pub(super) fn place_key(place: &str) -> (Vec<u32>, u32) {
    let (indices, iteration) = place.split_once(';').unwrap_or((place, "0"));
    let indices = indices.split(',').filter_map(|part| part.parse().ok());
    (indices.collect(), iteration.parse().unwrap_or_default())
}

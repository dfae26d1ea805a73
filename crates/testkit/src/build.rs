//! Graphs by hand, without an SDK or the validation.

use std::collections::HashMap;

use pave_graph::{Graph, Step, StepIndex, Transition};

/// Builds a [`Graph`] from its arrows.
///
/// The first step named is the start; the one without an arrow is the end. Which splits are open
/// around a step, and which one a join closes, follows from the arrows.
///
/// # Example: a foreach with a retried body
/// ```
/// let graph = pave_testkit::GraphBuilder::new()
///     .foreach("start", "fit")
///     .linear("fit", "gather")
///     .join("gather")
///     .linear("gather", "end")
///     .with("fit", |step| step.retry.times = 2)
///     .build();
/// assert_eq!(graph.steps.len(), 4);
/// ```
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    /// In the order they were first named.
    names: Vec<String>,
    arrows: HashMap<String, Arrow>,
    joins: Vec<String>,
    settings: HashMap<String, Step>,
}

#[derive(Clone, Debug)]
enum Arrow {
    Linear(String),
    Split(Vec<String>),
    Foreach(String),
    Gang(String),
    Switch(Vec<(String, String)>),
}

impl GraphBuilder {
    /// No steps yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A flow of one step.
    #[must_use]
    pub fn only(name: &str) -> Self {
        let mut builder = Self::new();
        builder.name(name);
        builder
    }

    /// `from` leads to `to`.
    #[must_use]
    pub fn linear(self, from: &str, to: &str) -> Self {
        self.arrow(from, &[to], Arrow::Linear(to.to_owned()))
    }

    /// `from` leads to all of `branches`.
    #[must_use]
    pub fn split(self, from: &str, branches: &[&str]) -> Self {
        let names = branches.iter().map(|name| (*name).to_owned()).collect();
        self.arrow(from, branches, Arrow::Split(names))
    }

    /// `from` leads to one `child` for each item.
    #[must_use]
    pub fn foreach(self, from: &str, child: &str) -> Self {
        self.arrow(from, &[child], Arrow::Foreach(child.to_owned()))
    }

    /// `from` leads to a gang of `child`.
    #[must_use]
    pub fn gang(self, from: &str, child: &str) -> Self {
        self.arrow(from, &[child], Arrow::Gang(child.to_owned()))
    }

    /// `from` leads to one of `targets`, which may include itself. The keys are the targets' names.
    #[must_use]
    pub fn switch(self, from: &str, targets: &[&str]) -> Self {
        let cases = targets
            .iter()
            .map(|to| (format!("'{to}'"), (*to).to_owned()));
        let cases = cases.collect();
        self.arrow(from, targets, Arrow::Switch(cases))
    }

    /// `name` is a join.
    #[must_use]
    pub fn join(mut self, name: &str) -> Self {
        self.name(name);
        self.joins.push(name.to_owned());
        self
    }

    /// Changes decorators of a step. Name, transition and splits are overwritten by `build`.
    #[must_use]
    pub fn with(mut self, name: &str, change: impl FnOnce(&mut Step)) -> Self {
        self.name(name);
        change(self.settings.entry(name.to_owned()).or_default());
        self
    }

    /// Whether a step of that name has an arrow.
    #[must_use]
    pub fn has_arrow(&self, name: &str) -> bool {
        self.arrows.contains_key(name)
    }

    /// Names of the steps, in the order they were first named.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The graph.
    ///
    /// # Panics
    /// If the arrows make a cycle, or a join has nothing to join: a mistake in the test.
    #[must_use]
    pub fn build(&self) -> Graph {
        let order = self.order();
        let index = |name: &String| {
            let at = order.iter().position(|other| *other == name);
            let at = at.expect("every name is in the order");
            StepIndex(u16::try_from(at).expect("tests have few steps"))
        };
        let mut steps: Vec<Step> = order.iter().map(|name| self.bare(name)).collect();
        for at in 0..steps.len() {
            let transition = self.transition(order[at], &index);
            let from = StepIndex(u16::try_from(at).expect("tests have few steps"));
            self.open_behind(&mut steps, from, &transition);
            steps[at].transition = transition;
        }
        let end = steps
            .iter()
            .position(|step| step.transition == Transition::End);
        let end = end.expect("a graph without a cycle has an end");
        Graph {
            steps,
            start: StepIndex(0),
            end: StepIndex(u16::try_from(end).expect("tests have few steps")),
        }
    }

    fn arrow(mut self, from: &str, to: &[&str], arrow: Arrow) -> Self {
        self.name(from);
        for name in to {
            self.name(name);
        }
        self.arrows.insert(from.to_owned(), arrow);
        self
    }

    fn name(&mut self, name: &str) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    fn bare(&self, name: &str) -> Step {
        let mut step = self.settings.get(name).cloned().unwrap_or_default();
        step.name = name.to_owned();
        step
    }

    /// Names in topological order, those named earlier first where there is a choice.
    fn order(&self) -> Vec<&String> {
        let mut order: Vec<&String> = Vec::new();
        while order.len() < self.names.len() {
            let ready = self.names.iter().find(|name| {
                !order.contains(name)
                    && self.names.iter().all(|from| {
                        from == *name || order.contains(&from) || !self.targets(from).contains(name)
                    })
            });
            order.push(ready.expect("the arrows make no cycle"));
        }
        order
    }

    fn targets(&self, from: &str) -> Vec<&String> {
        match self.arrows.get(from) {
            None => Vec::new(),
            Some(Arrow::Linear(to) | Arrow::Foreach(to) | Arrow::Gang(to)) => vec![to],
            Some(Arrow::Split(to)) => to.iter().collect(),
            Some(Arrow::Switch(cases)) => cases.iter().map(|(_, to)| to).collect(),
        }
    }

    fn transition(&self, from: &str, index: &impl Fn(&String) -> StepIndex) -> Transition {
        match self.arrows.get(from) {
            None => Transition::End,
            Some(Arrow::Linear(to)) => Transition::Linear(index(to)),
            Some(Arrow::Split(to)) => Transition::Split(to.iter().map(index).collect()),
            Some(Arrow::Foreach(to)) => Transition::Foreach {
                child: index(to),
                artifact: Some("items".to_owned()),
            },
            Some(Arrow::Gang(to)) => Transition::Gang { child: index(to) },
            Some(Arrow::Switch(cases)) => Transition::Switch {
                condition: "choice".to_owned(),
                cases: cases
                    .iter()
                    .map(|(key, to)| (key.clone(), index(to)))
                    .collect(),
            },
        }
    }

    /// Hands the open splits of `from` on to the steps behind it.
    fn open_behind(&self, steps: &mut [Step], from: StepIndex, transition: &Transition) {
        let mut open = steps[usize::from(from.0)].open.clone();
        if !matches!(
            transition,
            Transition::Linear(_) | Transition::Switch { .. }
        ) {
            open.push(from);
        }
        for target in transition.targets() {
            let step = &mut steps[usize::from(target.0)];
            if target == from {
                continue;
            }
            step.open = open.clone();
            if self.joins.contains(&step.name) {
                step.closes = Some(step.open.pop().expect("a join has a split to close"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_splits_and_joins_follow_from_the_arrows() {
        let graph = GraphBuilder::new()
            .split("start", &["a", "b"])
            .foreach("a", "x")
            .linear("x", "gather")
            .join("gather")
            .linear("gather", "meet")
            .linear("b", "meet")
            .join("meet")
            .linear("meet", "end")
            .build();
        let at = |name| graph.find(name).unwrap();
        let step = |name| graph.step(at(name));
        assert_eq!(step("x").open, [at("start"), at("a")]);
        assert_eq!(step("gather").open, [at("start")]);
        assert_eq!(step("gather").closes, Some(at("a")));
        assert_eq!(step("meet").open, []);
        assert_eq!(step("meet").closes, Some(at("start")));
        assert_eq!(graph.end, at("end"));
    }

    #[test]
    fn a_step_may_lead_to_itself() {
        let graph = GraphBuilder::new()
            .linear("start", "loop")
            .switch("loop", &["loop", "end"])
            .build();
        assert_eq!(graph.steps.len(), 3);
    }
}

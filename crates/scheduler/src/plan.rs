//! What the graph alone says, worked out once per run.

use pave_graph::{Graph, StepIndex, Transition};

/// Facts of every step, by its index.
#[derive(Debug)]
pub(crate) struct Plan {
    steps: Vec<StepPlan>,
    /// Steps that run exactly once in every run that succeeds.
    root: Vec<StepIndex>,
}

/// Facts of one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepPlan {
    /// Whether every item of the innermost fan-out (or the run itself) comes through the step, so
    /// that its tasks can be numbered as one range. False behind a switch.
    pub(crate) certain: bool,
    /// The splits around the step, outermost first.
    pub(crate) levels: Vec<Level>,
    /// Of a fan-out: the certain steps between it and its join, outside inner fan-outs.
    pub(crate) body: Vec<StepIndex>,
    /// Whether its tasks are the members of a gang, launched together.
    pub(crate) together: bool,
    reached: bool,
}

/// One split around a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// A foreach or gang: the index is the item.
    Item(StepIndex),
    /// A static split: the index is the branch.
    Branch(u32),
}

impl Plan {
    /// Works out the facts of `graph`, whose steps are in topological order.
    pub(crate) fn new(graph: &Graph) -> Self {
        let mut plan = Self {
            steps: vec![StepPlan::default(); graph.steps.len()],
            root: Vec::new(),
        };
        if let Some(start) = plan.steps.get_mut(usize::from(graph.start.0)) {
            start.certain = true;
            start.reached = true;
        }
        for (index, step) in graph.iter() {
            plan.hand_on(graph, index, &step.transition);
        }
        for (index, _) in graph.iter() {
            plan.enlist(index);
        }
        plan
    }

    /// The facts of one step.
    pub(crate) fn step(&self, step: StepIndex) -> &StepPlan {
        &self.steps[usize::from(step.0)]
    }

    /// The certain steps outside every fan-out.
    pub(crate) fn root(&self) -> &[StepIndex] {
        &self.root
    }

    /// Hands the facts of `from` on to the steps behind it.
    fn hand_on(&mut self, graph: &Graph, from: StepIndex, transition: &Transition) {
        for (at, target) in transition.targets().into_iter().enumerate() {
            if target == from {
                self.steps[usize::from(from.0)].certain = false;
                continue;
            }
            let (certain, levels) = if let Some(split) = graph.step(target).closes {
                let split = self.step(split);
                (split.certain, split.levels.clone())
            } else {
                self.behind(from, transition, at)
            };
            let plan = &mut self.steps[usize::from(target.0)];
            plan.together |= matches!(transition, Transition::Gang { .. });
            // Several steps lead here behind a switch; then all of them say the same.
            if !plan.reached {
                (plan.certain, plan.levels, plan.reached) = (certain, levels, true);
            }
        }
    }

    /// Certainty and levels of the step that is target number `at` of `from`, if it is no join.
    fn behind(&self, from: StepIndex, transition: &Transition, at: usize) -> (bool, Vec<Level>) {
        let source = self.step(from);
        let mut levels = source.levels.clone();
        match transition {
            Transition::End | Transition::Linear(_) => (source.certain, levels),
            Transition::Switch { .. } => (false, levels),
            Transition::Split(_) => {
                levels.push(Level::Branch(u32::try_from(at).unwrap_or(u32::MAX)));
                (source.certain, levels)
            }
            Transition::Foreach { .. } | Transition::Gang { .. } => {
                levels.push(Level::Item(from));
                (true, levels)
            }
        }
    }

    /// Notes a certain step with the fan-out that it belongs to.
    fn enlist(&mut self, step: StepIndex) {
        let plan = self.step(step);
        if !plan.certain || !plan.reached {
            return;
        }
        let around = plan.levels.iter().rev().find_map(|level| match level {
            Level::Item(split) => Some(*split),
            Level::Branch(_) => None,
        });
        match around {
            Some(split) => self.steps[usize::from(split.0)].body.push(step),
            None => self.root.push(step),
        }
    }
}

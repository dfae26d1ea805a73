//! What a resumed run takes over from its origin instead of executing it.
//!
//! A task is cloned exactly if
//! 1. the origin has a succeeded task at the same step and place,
//! 2. its step is not to be executed anew (`rerun`, and everything behind it),
//! 3. every task that it continues was cloned itself, and
//! 4. the verdict of the origin's task can still be followed in this graph, within these options.
//!
//! Rule 3 keeps work that was done on other inputs out: behind a task that is executed, everything
//! is executed, also where the origin has something at that place (its foreach may have had other
//! items). A task that `@catch` caught succeeded, so it is cloned. The members of a gang are cloned
//! all or none, since those that are executed must run together.

use pave_graph::{Graph, StepIndex};

use crate::tree::{Span, Tree};
use crate::verdict::Limits;
use crate::{Origin, OriginTask};

/// The origin of a resumed run.
#[derive(Debug)]
pub(crate) struct Resume {
    origin: Option<Origin>,
    /// By step: whether it is executed anew.
    rerun: Vec<bool>,
}

impl Resume {
    /// Takes over from `origin` all but the step `rerun` and everything behind it.
    pub(crate) fn new(graph: &Graph, origin: Option<Origin>, rerun: Option<StepIndex>) -> Self {
        let mut anew = vec![false; graph.steps.len()];
        let mut open: Vec<StepIndex> = rerun.into_iter().collect();
        while let Some(step) = open.pop() {
            let Some(known) = anew.get_mut(usize::from(step.0)) else {
                continue;
            };
            if !std::mem::replace(known, true) {
                open.extend(graph.step(step).transition.targets());
            }
        }
        Self {
            origin,
            rerun: anew,
        }
    }

    /// Whether anything can be cloned at all.
    pub(crate) fn is_active(&self) -> bool {
        self.origin.is_some()
    }

    /// The origin's task to clone `task` from, if it is to be cloned.
    pub(crate) fn find(&self, tree: &Tree, limits: &Limits<'_>, task: u32) -> Option<&OriginTask> {
        let origin = self.origin.as_ref()?;
        let spot = tree.spot(task)?;
        if self.rerun.get(usize::from(spot.step.0)).copied()? || !tree.continues_clones(spot) {
            return None;
        }
        let found = origin
            .tasks
            .get(&(spot.step, tree.place(limits.plan, spot)))?;
        let verdict = &found.verdict;
        limits.check(tree, spot, verdict).is_ok().then_some(found)
    }

    /// Whether every task of a gang is to be cloned.
    pub(crate) fn finds_all(&self, tree: &Tree, limits: &Limits<'_>, gang: Span) -> bool {
        (gang.first..gang.first + gang.count).all(|task| self.find(tree, limits, task).is_some())
    }
}

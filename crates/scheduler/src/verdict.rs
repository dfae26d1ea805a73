//! Whether a task may lead where it says.

use pave_graph::{Graph, Transition};
use pave_model::Code;

use crate::plan::Plan;
use crate::resources::Kind;
use crate::tree::{MAX_TASKS, Spot, Tree};
use crate::{Options, Verdict};

/// What a verdict is judged by.
pub(crate) struct Limits<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) plan: &'a Plan,
    pub(crate) options: &'a Options,
}

/// Why a verdict can't be followed.
pub(crate) type Objection = (Code, String);

impl Limits<'_> {
    /// Judges the verdict of the task at `spot`, under the options of this run.
    pub(crate) fn check(
        &self,
        tree: &Tree,
        spot: Spot,
        verdict: &Verdict,
    ) -> Result<(), Objection> {
        self.check_shape(spot, verdict)?;
        let name = &self.graph.step(spot.step).name;
        if let Some(splits) = verdict.splits {
            self.check_splits(name, splits)?;
            if let Transition::Gang { .. } = self.graph.step(spot.step).transition {
                self.check_gang(spot, verdict, splits)?;
            }
        }
        self.check_room(tree, spot, verdict)
    }

    /// Judges whether the verdict can be followed under any options.
    pub(crate) fn check_possible(
        &self,
        tree: &Tree,
        spot: Spot,
        verdict: &Verdict,
    ) -> Result<(), Objection> {
        self.check_shape(spot, verdict)?;
        self.check_room(tree, spot, verdict)
    }

    fn check_room(&self, tree: &Tree, spot: Spot, verdict: &Verdict) -> Result<(), Objection> {
        let needed = tree.numbers_needed(self.graph, self.plan, spot, verdict);
        if u64::from(tree.tally.next()).saturating_add(needed) <= MAX_TASKS {
            return Ok(());
        }
        let name = &self.graph.step(spot.step).name;
        let reason = format!(
            "step `{name}` leads to more tasks than one run can have ({MAX_TASKS}); \
             let each task do more of the work"
        );
        Err((Code::T008, reason))
    }

    /// Judges only whether the graph has such a transition.
    fn check_shape(&self, spot: Spot, verdict: &Verdict) -> Result<(), Objection> {
        let step = self.graph.step(spot.step);
        let next = verdict.next.as_slice();
        let matches = match &step.transition {
            Transition::End => next.is_empty() && verdict.splits.is_none(),
            Transition::Linear(target) => next == [*target] && verdict.splits.is_none(),
            Transition::Split(targets) => next == targets && verdict.splits.is_none(),
            Transition::Foreach { child, .. } | Transition::Gang { child } => {
                next == [*child] && verdict.splits.is_some()
            }
            Transition::Switch { cases, .. } => {
                verdict.splits.is_none()
                    && matches!(next, [target] if cases.iter().any(|(_, case)| case == target))
            }
        };
        if matches {
            return Ok(());
        }
        let reason = format!(
            "step `{}` says it leads to {} but its source declares {}; \
             let its last statement be the one `self.next` that it takes",
            step.name,
            self.tell(verdict),
            self.tell_declared(&step.transition),
        );
        Err((Code::T009, reason))
    }

    fn check_splits(&self, name: &str, splits: u64) -> Result<(), Objection> {
        let most = self.options.max_num_splits;
        if splits == 0 {
            let reason = format!("step `{name}` fans out over nothing; give it at least one item");
            return Err((Code::T006, reason));
        }
        if splits > most {
            let reason = format!(
                "step `{name}` fans out into {splits} tasks, more than the {most} allowed; \
                 raise --max-num-splits or let each task do more of the work"
            );
            return Err((Code::T008, reason));
        }
        Ok(())
    }

    /// The members of a gang run at the same time, so all of them must fit at once.
    fn check_gang(&self, spot: Spot, verdict: &Verdict, splits: u64) -> Result<(), Objection> {
        let name = &self.graph.step(spot.step).name;
        let too_large = |asked: String, has: String| {
            let reason = format!(
                "step `{name}` starts a gang of {splits} tasks that run at the same time, which \
                 takes {asked} where the run has {has}; lower num_parallel or give the run more"
            );
            Err((Code::R003, reason))
        };
        let workers = self.options.max_workers.max(1) as u64;
        if splits > workers {
            return too_large(format!("{splits} workers"), workers.to_string());
        }
        let Some(child) = verdict.next.first() else {
            return Ok(());
        };
        let need = &self.graph.step(*child).resources;
        for kind in Kind::ALL {
            let (need, has) = (kind.need(need), kind.capacity(self.options));
            if !kind.fits(need, splits, 0, has) {
                return too_large(kind.tell(need.saturating_mul(splits)), kind.tell(has));
            }
        }
        Ok(())
    }

    fn tell(&self, verdict: &Verdict) -> String {
        let names = verdict.next.iter().map(|next| {
            let step = self.graph.steps.get(usize::from(next.0));
            step.map_or_else(
                || format!("step number {}", next.0),
                |step| format!("`{}`", step.name),
            )
        });
        let names = names.collect::<Vec<_>>().join(", ");
        match (names.is_empty(), verdict.splits) {
            (true, None) => "nothing".to_owned(),
            (_, None) => names,
            (_, Some(splits)) => format!("{splits} tasks of {names}"),
        }
    }

    fn tell_declared(&self, transition: &Transition) -> String {
        let names = |last: &str| {
            let targets = transition.targets();
            let names = targets
                .iter()
                .map(|target| format!("`{}`", self.graph.step(*target).name));
            names.collect::<Vec<_>>().join(last)
        };
        match transition {
            Transition::End => "the end".to_owned(),
            Transition::Linear(_) | Transition::Split(_) => names(", "),
            Transition::Foreach { .. } => format!("a foreach of {}", names(", ")),
            Transition::Gang { .. } => format!("a gang of {}", names(", ")),
            Transition::Switch { .. } => format!("one of {}", names(", ")),
        }
    }
}

//! Cycles (G006), unreachable steps (G003), and an order in which nothing comes before its cause.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pave_model::Code;

use super::outline::{Outline, Shape};
use crate::finding::{Findings, Words};

/// The steps that a run can reach, in topological order; steps of equal rank as in the source.
pub(super) struct Order {
    pub(super) steps: Vec<usize>,
    /// Whether an unreachable step splits, joins or leads to a join: how splits and joins nest then
    /// depends on where it belongs.
    pub(super) lacks_parts: bool,
}

/// Reports cycles and disowns the targets that close them. The self-loop of a switch is no cycle.
///
/// Returns for each step whether it is part of one.
pub(super) fn cut_cycles(outline: &mut Outline<'_>, findings: &mut Findings<'_>) -> Vec<bool> {
    let mut in_cycle = vec![false; outline.len()];
    for edge in edges_back(outline, &mut in_cycle) {
        outline.exits[edge.from].disown(edge.to);
        if let Some(cycle) = &edge.cycle {
            report_cycle(outline, cycle, findings);
        }
    }
    for (at, exit) in outline.exits.iter_mut().enumerate() {
        let is_trap = !exit.targets.is_empty() && exit.targets.iter().all(|&to| to == at);
        if is_trap && !exit.is_doubtful {
            exit.is_doubtful = true;
            let step = &outline.flow.steps[at];
            let message = format!("step `{}` leads only to itself", step.name);
            let hint = "add a case that leads on";
            findings.at_tail(Code::G006, step, Words::new(message, hint));
        }
    }
    in_cycle
}

/// Finds the order, cycles being cut, and reports unreachable steps.
pub(super) fn find(outline: &Outline<'_>, findings: &mut Findings<'_>) -> Order {
    let is_reachable = reachable(outline);
    if outline.start.is_some() {
        report_orphans(outline, &is_reachable, findings);
    }
    let is_missed = |at: usize| {
        let exit = &outline.exits[at];
        let is_part = outline.is_join(at) || exit.shape.split_word().is_some();
        is_part || exit.targets.iter().any(|&to| outline.is_join(to))
    };
    Order {
        steps: topological(outline, &is_reachable),
        lacks_parts: (0..outline.len()).any(|at| !is_reachable[at] && is_missed(at)),
    }
}

fn reachable(outline: &Outline<'_>) -> Vec<bool> {
    let mut seen = vec![false; outline.len()];
    let mut left: Vec<usize> = outline.start.into_iter().collect();
    while let Some(at) = left.pop() {
        if !seen[at] {
            seen[at] = true;
            left.extend(&outline.exits[at].targets);
        }
    }
    seen
}

/// An edge that closes a cycle.
struct EdgeBack {
    from: usize,
    to: usize,
    /// The steps of the cycle, unless one of them is in a cycle found before.
    cycle: Option<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    OnPath,
    Done,
}

/// Every edge that closes a cycle in a depth-first walk in the order of the source.
fn edges_back(outline: &Outline<'_>, in_cycle: &mut [bool]) -> Vec<EdgeBack> {
    let mut edges = Vec::new();
    let mut marks = vec![Mark::New; outline.len()];
    for root in outline.start.into_iter().chain(0..outline.len()) {
        if marks[root] != Mark::New {
            continue;
        }
        marks[root] = Mark::OnPath;
        let mut path = vec![(root, 0)];
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let exit = &outline.exits[at];
            let Some(&target) = exit.targets.get(*next) else {
                marks[at] = Mark::Done;
                path.pop();
                continue;
            };
            *next += 1;
            let is_recursion = target == at && matches!(exit.shape, Shape::Switch { .. });
            if marks[target] == Mark::New {
                marks[target] = Mark::OnPath;
                path.push((target, 0));
            } else if marks[target] == Mark::OnPath && !is_recursion {
                let steps = path.iter().map(|(step, _)| *step);
                let cycle = steps.skip_while(|&step| step != target);
                let cycle: Vec<usize> = cycle.collect();
                let is_new = !cycle.iter().any(|&step| in_cycle[step]);
                for &step in &cycle {
                    in_cycle[step] = true;
                }
                edges.push(EdgeBack {
                    from: at,
                    to: target,
                    cycle: is_new.then_some(cycle),
                });
            }
        }
    }
    edges
}

fn report_cycle(outline: &Outline<'_>, cycle: &[usize], findings: &mut Findings<'_>) {
    const MOST: usize = 12;
    let last = cycle[cycle.len() - 1];
    let mut names: Vec<&str> = cycle
        .iter()
        .take(MOST)
        .map(|&at| outline.name(at))
        .collect();
    if cycle.len() > MOST {
        names.push("…");
    }
    names.push(outline.name(cycle[0]));
    let message = match cycle {
        [only] => format!("step `{}` leads to itself", outline.name(*only)),
        _ => format!(
            "steps lead back to where they came from: {}",
            names.join(" → ")
        ),
    };
    let hint = "steps can't form a cycle; to repeat one, let it end in a switch with a case that \
                leads to itself";
    findings.at_tail(Code::G006, outline.step(last), Words::new(message, hint));
}

/// Reports steps that nothing leads to, unless an exit in doubt may have been meant to.
fn report_orphans(outline: &Outline<'_>, is_reachable: &[bool], findings: &mut Findings<'_>) {
    let mut reached = (0..outline.len()).filter(|&at| is_reachable[at]);
    if reached.any(|at| outline.exits[at].is_doubtful) {
        return;
    }
    let mut is_targeted = vec![false; outline.len()];
    for (at, exit) in outline.exits.iter().enumerate() {
        for &target in &exit.targets {
            is_targeted[target] |= target != at;
        }
    }
    for at in 0..outline.len() {
        let is_told = outline.is_explained[at] || !outline.is_known(at);
        if is_reachable[at] || is_targeted[at] || is_told {
            continue;
        }
        let step = outline.step(at);
        let message = format!("step `{}` is never reached: no step leads to it", step.name);
        let hint = format!(
            "lead to it with `self.next(self.{})`, or remove it",
            step.name
        );
        findings.at_step(Code::G003, step, Words::new(message, hint));
    }
}

fn topological(outline: &Outline<'_>, is_reachable: &[bool]) -> Vec<usize> {
    let mut missing = vec![0_usize; outline.len()];
    let branches = |at: usize| outline.exits[at].branches(at).map(|(_, to)| to);
    for at in (0..outline.len()).filter(|&at| is_reachable[at]) {
        for target in branches(at) {
            missing[target] += 1;
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..outline.len())
        .filter(|&at| is_reachable[at] && missing[at] == 0)
        .map(Reverse)
        .collect();
    let mut steps = Vec::new();
    while let Some(Reverse(at)) = ready.pop() {
        steps.push(at);
        for target in branches(at) {
            missing[target] -= 1;
            if missing[target] == 0 {
                ready.push(Reverse(target));
            }
        }
    }
    steps
}

//! Where a run begins and where it ends (G001, G002, G011).

use std::collections::HashSet;

use pave_model::Code;

use crate::finding::{Findings, Words};
use crate::{FlowSpec, StepSpec, Tail, Target};

/// Where a run begins and ends: what the flow says or, if it doesn't, what it probably means.
pub(super) struct Endpoints {
    pub(super) start: Option<usize>,
    pub(super) end: Option<usize>,
    /// Whether the flow itself names its start. If not, that is found already.
    pub(super) has_start: bool,
    /// Whether the flow itself names its end. If not, that is found already.
    pub(super) has_end: bool,
    /// Steps that are marked or named as one of them too: found already.
    pub(super) rivals: Vec<usize>,
}

/// Finds both. A flow of one step begins and ends there.
pub(super) fn find(flow: &FlowSpec, findings: &mut Findings<'_>) -> Endpoints {
    let mut rivals = Vec::new();
    let start = marked(flow, &START, &mut rivals, findings);
    let end = marked(flow, &END, &mut rivals, findings);
    let (has_start, has_end) = (start.is_some(), end.is_some());
    let is_single = flow.steps.len() == 1;
    if !is_single && !has_start {
        let likely = likely_start(flow);
        missing(flow, &START, likely, findings);
    }
    if !is_single && !has_end {
        let likely = likely_end(flow);
        missing(flow, &END, likely, findings);
    }
    let only = is_single.then_some(0);
    Endpoints {
        start: start.or(only).or_else(|| likely_start(flow)),
        end: end.or(only).or_else(|| likely_end(flow)),
        has_start: has_start || is_single,
        has_end: has_end || is_single,
        rivals,
    }
}

/// One of the two endpoints.
struct Role {
    word: &'static str,
    code: Code,
    is_marked: fn(&StepSpec) -> bool,
}

const START: Role = Role {
    word: "start",
    code: Code::G001,
    is_marked: |step| step.start,
};

const END: Role = Role {
    word: "end",
    code: Code::G002,
    is_marked: |step| step.end,
};

/// The step that is marked for the role, else the one that has its name.
fn marked(
    flow: &FlowSpec,
    role: &Role,
    rivals: &mut Vec<usize>,
    findings: &mut Findings<'_>,
) -> Option<usize> {
    let word = role.word;
    let named = flow.steps.iter().position(|step| step.name == word);
    let mut all = (0..flow.steps.len()).filter(|&at| (role.is_marked)(&flow.steps[at]));
    let Some(first) = all.next() else {
        return named;
    };
    let first_name = &flow.steps[first].name;
    for other in all {
        rivals.push(other);
        let step = &flow.steps[other];
        let message = format!(
            "step `{}` is marked as the {word}, but so is `{first_name}`",
            step.name
        );
        let hint = format!("leave `{word}=True` on one step only");
        findings.at_step(Code::G011, step, Words::new(message, hint));
    }
    if let Some(named) = named
        && !(role.is_marked)(&flow.steps[named])
    {
        rivals.push(named);
        let message = format!(
            "step `{word}` has the {word}'s name, but `{first_name}` is marked as the {word}"
        );
        let hint = format!("rename `{word}`, or take `{word}=True` off `{first_name}`");
        findings.at_step(Code::G011, &flow.steps[named], Words::new(message, hint));
    }
    Some(first)
}

fn missing(flow: &FlowSpec, role: &Role, likely: Option<usize>, findings: &mut Findings<'_>) {
    let word = role.word;
    let message = format!("flow `{}` has no {word} step", flow.name);
    let hint = match likely {
        Some(at) => format!(
            "rename `{}` to `{word}`, or mark it with `@step({word}=True)`",
            flow.steps[at].name
        ),
        None => format!("name a step `{word}`, or mark one with `@step({word}=True)`"),
    };
    findings.at_flow(role.code, Words::new(message, hint));
}

/// The one step that no other step leads to.
fn likely_start(flow: &FlowSpec) -> Option<usize> {
    let mut targeted = HashSet::new();
    for step in &flow.steps {
        targeted.extend(step_targets(&step.tail).filter(|target| *target != step.name));
    }
    let mut roots = (0..flow.steps.len()).filter(|&at| {
        let step = &flow.steps[at];
        !targeted.contains(step.name.as_str()) && !is_end(step)
    });
    roots.next().filter(|_| roots.next().is_none())
}

/// The last step that leads nowhere.
fn likely_end(flow: &FlowSpec) -> Option<usize> {
    let leads_nowhere = |step: &StepSpec| step.tail == Tail::None && !step.start;
    flow.steps
        .iter()
        .rposition(|step| leads_nowhere(step) && step.name != START.word)
}

fn is_end(step: &StepSpec) -> bool {
    step.end || step.name == END.word
}

/// The names of the steps that a body leads to.
pub(super) fn step_targets(tail: &Tail) -> impl Iterator<Item = &str> {
    let (targets, cases) = match tail {
        Tail::Next { targets, cases, .. } => (targets.as_slice(), cases.as_deref()),
        Tail::None | Tail::Misplaced { .. } => (&[][..], None),
    };
    let cases = cases.unwrap_or_default().iter().map(|case| &case.target);
    targets
        .iter()
        .chain(cases)
        .filter_map(|target| match target {
            Target::Step(name) => Some(name.as_str()),
            Target::Other(_) => None,
        })
}

//! What a step may lead to: gangs (G018) and switches (G015).

use pave_model::Code;

use super::outline::{Outline, Shape};
use crate::StepSpec;
use crate::finding::{Findings, Words};

/// Judges every step together with the steps it leads to, cycles aside: which of a cycle's edges is
/// the wrong one can't be told.
pub(super) fn check(outline: &mut Outline<'_>, in_cycle: &[bool], findings: &mut Findings<'_>) {
    let (mut doubtful, mut disowned) = (Vec::new(), Vec::new());
    for (at, step) in outline.flow.steps.iter().enumerate() {
        if outline.start == Some(at) && is_parallel(step) {
            let message = format!("the start, step `{}`, is marked `@parallel`", step.name);
            let hint = "start the gang from a step before it, with `num_parallel`";
            findings.at_step(Code::G018, step, Words::new(message, hint));
        }
        let exit = &outline.exits[at];
        for (_, target) in exit
            .branches(at)
            .filter(|(_, to)| !in_cycle[at] || !in_cycle[*to])
        {
            match exit.shape {
                // A join here is found as a split that leads straight into its join.
                Shape::Gang if is_parallel(outline.step(target)) || outline.is_join(target) => {}
                Shape::Gang => {
                    into_gang(outline, step, target, findings);
                    doubtful.push(at);
                }
                Shape::Switch { .. } if outline.is_join(target) => {
                    into_join(outline, step, target, findings);
                    disowned.push((at, target));
                }
                // An exit of unknown meaning may well be meant for a gang.
                Shape::Unclear => {}
                _ if is_parallel(outline.step(target)) => {
                    past_gang(outline, step, target, findings);
                    disowned.push((at, target));
                }
                _ => {}
            }
        }
    }
    for at in doubtful {
        outline.exits[at].is_doubtful = true;
    }
    for (at, target) in disowned {
        outline.exits[at].disown(target);
    }
    check_gangs(outline, in_cycle, findings);
}

/// Judges what follows the members of gangs.
fn check_gangs(outline: &mut Outline<'_>, in_cycle: &[bool], findings: &mut Findings<'_>) {
    let gangs = outline
        .exits
        .iter()
        .filter(|exit| matches!(exit.shape, Shape::Gang));
    let mut members: Vec<usize> = gangs
        .flat_map(|exit| exit.targets.iter().copied())
        .collect();
    members.sort_unstable();
    members.dedup();
    for member in members {
        let step = outline.step(member);
        let exit = &outline.exits[member];
        let is_fine = matches!(exit.shape, Shape::Linear)
            && exit.targets.iter().all(|&to| outline.is_join(to));
        if !is_parallel(step) || exit.is_doubtful || in_cycle[member] || is_fine {
            continue;
        }
        let message = format!("`@parallel` step `{}` is not followed by a join", step.name);
        let hint = "let it lead to a step that takes `inputs`, where the gang comes together";
        findings.at_tail(Code::G018, step, Words::new(message, hint));
        outline.exits[member].disown_all();
    }
}

fn into_gang(outline: &Outline<'_>, step: &StepSpec, target: usize, findings: &mut Findings<'_>) {
    let child = outline.name(target);
    let message = format!(
        "step `{}` starts `{child}` with `num_parallel`, but `{child}` is not marked `@parallel`",
        step.name
    );
    let hint = format!("put `@parallel` above `{child}`, or use `foreach` for independent tasks");
    findings.at_tail(Code::G018, step, Words::new(message, hint));
}

fn past_gang(outline: &Outline<'_>, step: &StepSpec, target: usize, findings: &mut Findings<'_>) {
    let child = outline.name(target);
    let message = format!(
        "step `{}` leads to the `@parallel` step `{child}` without `num_parallel`",
        step.name
    );
    let hint = format!(
        "write `self.next(self.{child}, num_parallel=...)`, or take `@parallel` off `{child}`"
    );
    findings.at_tail(Code::G018, step, Words::new(message, hint));
}

fn into_join(outline: &Outline<'_>, step: &StepSpec, target: usize, findings: &mut Findings<'_>) {
    let join = outline.name(target);
    let message = format!(
        "the switch of step `{}` leads straight into the join `{join}`",
        step.name
    );
    let hint = "put an ordinary step between them";
    findings.at_tail(Code::G015, step, Words::new(message, hint));
}

/// Whether the step runs as a gang: `@parallel` and what builds on it, such as `@pytorch_parallel`.
fn is_parallel(step: &StepSpec) -> bool {
    let names = step
        .decorators
        .iter()
        .map(|decorator| decorator.name.as_str());
    names
        .into_iter()
        .any(|name| name == "parallel" || name.ends_with("_parallel"))
}

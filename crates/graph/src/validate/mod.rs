//! Judges a [`FlowSpec`]: a [`Graph`], or everything that is wrong with it.
//!
//! One pass after the other, each over the whole flow, none stopping at a mistake:
//!
//! | pass | finds | codes |
//! |---|---|---|
//! | `parameters` | definitions that can't work | P004 |
//! | `names` | reserved, invalid, repeated names | G010 |
//! | `endpoints` | where a run begins and ends | G001, G002, G011 |
//! | `exits`, `form` | what `self.next` says, targets looked up | G005, G007, G008, G009, G011, G015 |
//! | `order`, first part | cycles | G006 |
//! | `neighbours` | what a step may lead to | G015, G018 |
//! | `order`, second part | unreachable steps | G003 |
//! | `nesting` | splits and their joins | G004, G012, G013, G014 |
//! | `decorators` | arguments of decorators | G016 |
//!
//! One mistake should give one finding. So a pass repairs what it can guess (a mistyped target, an
//! `end` by another name) for the passes after it, and marks as doubtful what it can't: an exit in
//! doubt silences findings that may be but its echo, and a disowned target counts no more.

mod decorators;
mod endpoints;
mod exits;
mod form;
mod frames;
mod names;
mod neighbours;
mod nesting;
mod order;
mod outline;
mod parameters;
mod suspicion;

use std::mem;

use pave_model::Code;

use self::decorators::Settings;
use self::nesting::Nesting;
use self::order::Order;
use self::outline::{Outline, Shape};
use crate::finding::{Findings, Words};
use crate::{Finding, FlowSpec, Graph, Step, StepIndex, Transition};

/// Most steps a flow can have.
pub const MAX_STEPS: usize = 65_535;

/// Judges a flow.
///
/// Never panics, whatever the flow says.
///
/// # Errors
/// All findings, in the order of the source; at least one.
pub fn validate(flow: &FlowSpec) -> Result<Graph, Vec<Finding>> {
    let mut findings = Findings::new(flow);
    parameters::check(flow, &mut findings);
    match judge(flow, &mut findings) {
        Some(graph) if findings.is_empty() => Ok(graph),
        _ => Err(findings.into_sorted()),
    }
}

/// Runs all passes over the steps; a graph only if none of them found anything.
fn judge(flow: &FlowSpec, findings: &mut Findings<'_>) -> Option<Graph> {
    if flow.steps.is_empty() {
        let message = format!("flow `{}` has no steps", flow.name);
        let hint = "mark at least one method with `@step`";
        findings.at_flow(Code::G017, Words::new(message, hint));
        return None;
    }
    if flow.steps.len() > MAX_STEPS {
        let message = format!("flow `{}` has {} steps", flow.name, flow.steps.len());
        let hint = format!("use at most {MAX_STEPS}; a foreach runs one step for many items");
        findings.at_flow(Code::G019, Words::new(message, hint));
        return None;
    }
    let names = names::check(flow, findings);
    let endpoints = endpoints::find(flow, findings);
    let mut outline = exits::read(flow, names, endpoints, findings);
    let in_cycle = order::cut_cycles(&mut outline, findings);
    neighbours::check(&mut outline, &in_cycle, findings);
    let order = order::find(&outline, findings);
    let nesting = nesting::check(&outline, &order, in_cycle, findings);
    let settings = decorators::check(&outline, findings);
    if !findings.is_empty() {
        return None;
    }
    build(&outline, &order, &nesting, settings)
}

/// Puts the graph together, once nothing is wrong.
fn build(
    outline: &Outline<'_>,
    order: &Order,
    nesting: &Nesting,
    mut settings: Vec<Settings>,
) -> Option<Graph> {
    let mut index = vec![StepIndex::default(); outline.len()];
    for (to, &from) in order.steps.iter().enumerate() {
        index[from] = StepIndex(u16::try_from(to).ok()?);
    }
    let at = |step: usize| index[step];
    let steps = order.steps.iter().map(|&from| {
        let settings = mem::take(&mut settings[from]);
        Step {
            name: outline.step(from).name.clone(),
            transition: transition(outline, from, at),
            closes: nesting.closes(from).map(at),
            open: nesting.open(from).into_iter().map(at).collect(),
            retry: settings.retry,
            catch: settings.catch,
            timeout_seconds: settings.timeout_seconds,
            resources: settings.resources,
            environment: settings.environment,
        }
    });
    Some(Graph {
        steps: steps.collect(),
        start: at(outline.start?),
        end: at(outline.end?),
    })
}

fn transition(outline: &Outline<'_>, from: usize, at: impl Fn(usize) -> StepIndex) -> Transition {
    let exit = &outline.exits[from];
    let mut targets = exit.targets.iter().map(|&target| at(target));
    match &exit.shape {
        Shape::Split => Transition::Split(targets.collect()),
        Shape::Switch { condition, keys } => Transition::Switch {
            condition: (*condition).to_owned(),
            cases: keys
                .iter()
                .map(|key| (*key).to_owned())
                .zip(targets)
                .collect(),
        },
        shape => match (targets.next(), shape) {
            (None, _) => Transition::End,
            (Some(child), Shape::Gang) => Transition::Gang { child },
            (Some(child), Shape::Foreach { artifact }) => Transition::Foreach {
                child,
                artifact: artifact.map(str::to_owned),
            },
            (Some(step), _) => Transition::Linear(step),
        },
    }
}

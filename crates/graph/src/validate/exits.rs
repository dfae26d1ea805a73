//! How each step ends: the form of its `self.next`, and the steps it names
//! (G005, G007, G008, G009, G011, G015).

use std::collections::HashSet;

use pave_model::Code;

use super::endpoints::{Endpoints, step_targets};
use super::form::{Call, form};
use super::outline::{Exit, Names, Outline, Shape};
use crate::finding::{Findings, Words};
use crate::nearest::nearest;
use crate::{FlowSpec, StepSpec, Tail, Target};

/// Reads how every step ends.
pub(super) fn read<'a>(
    flow: &'a FlowSpec,
    names: Names<'a>,
    endpoints: Endpoints,
    findings: &mut Findings<'_>,
) -> Outline<'a> {
    let named = flow.steps.iter().flat_map(|step| step_targets(&step.tail));
    let mut reader = Reader {
        names: &names,
        endpoints: &endpoints,
        named: named.collect(),
        findings,
    };
    let mut exits = Vec::with_capacity(flow.steps.len());
    for (at, step) in flow.steps.iter().enumerate() {
        reader.signature(at, step);
        exits.push(reader.exit(at, step));
    }
    let Endpoints {
        start, end, rivals, ..
    } = endpoints;
    let mut is_explained = vec![false; flow.steps.len()];
    let after_end = end
        .into_iter()
        .flat_map(|end| step_targets(&flow.steps[end].tail));
    let after_end = after_end.filter_map(|name| names.get(name).copied());
    for step in rivals.into_iter().chain(after_end) {
        is_explained[step] = true;
    }
    Outline {
        flow,
        names,
        start,
        end,
        exits,
        is_explained,
    }
}

struct Reader<'r, 'a, 'f> {
    names: &'r Names<'a>,
    endpoints: &'r Endpoints,
    /// Every name that some step leads to.
    named: HashSet<&'a str>,
    findings: &'r mut Findings<'f>,
}

impl<'a> Reader<'_, 'a, '_> {
    fn is_end(&self, at: usize) -> bool {
        self.endpoints.end == Some(at)
    }

    /// Judges the number of arguments.
    fn signature(&mut self, at: usize, step: &StepSpec) {
        let name = &step.name;
        let (code, words) = match step.inputs {
            ..0 => {
                let message = format!("step `{name}` takes no argument, not even the flow itself");
                let hint = format!("write `def {name}(self):`");
                (Code::G005, Words::new(message, hint))
            }
            0 => return,
            2.. => {
                let message = format!(
                    "step `{name}` takes {} arguments besides `self`",
                    step.inputs
                );
                let hint = format!(
                    "write `def {name}(self):`, or `def {name}(self, inputs):` for a join; \
                     values reach a step as artifacts, `self.x`"
                );
                (Code::G005, Words::new(message, hint))
            }
            1 if self.is_end(at) => {
                let message = format!("the end, step `{name}`, can't be a join");
                let hint =
                    format!("write `def {name}(self):`, and join in a step of its own before it");
                (Code::G011, Words::new(message, hint))
            }
            1 if self.endpoints.start == Some(at) => {
                let message =
                    format!("the start, step `{name}`, can't be a join: nothing comes before it");
                (
                    Code::G011,
                    Words::new(message, format!("write `def {name}(self):`")),
                )
            }
            1 => return,
        };
        self.findings.at_step(code, step, words);
    }

    fn exit(&mut self, at: usize, step: &'a StepSpec) -> Exit<'a> {
        if self.is_end(at) {
            self.end(step);
            return Exit::default();
        }
        match &step.tail {
            Tail::None if self.endpoints.rivals.contains(&at) => Exit::default(),
            Tail::None => {
                let message = format!("step `{}` doesn't say what follows it", step.name);
                let hint = "end its body with `self.next(self.<step>)`";
                self.findings
                    .at_step(Code::G007, step, Words::new(message, hint));
                Exit::unclear(Vec::new())
            }
            Tail::Misplaced { .. } => {
                let message = format!(
                    "`self.next` is not the last statement of step `{}`",
                    step.name
                );
                let hint = "make a plain `self.next(...)` the last statement, outside of any if, with \
                            or try; to choose a step, use `self.next({...}, condition='...')`";
                self.findings
                    .at_tail(Code::G007, step, Words::new(message, hint));
                Exit::unclear(Vec::new())
            }
            Tail::Next {
                targets,
                foreach,
                num_parallel,
                condition,
                unknown_keywords,
                cases,
                ..
            } => self.next(&Call {
                step,
                targets,
                foreach: foreach.as_ref().map(Option::as_deref),
                num_parallel: *num_parallel,
                condition: condition.as_ref().map(Option::as_deref),
                unknown_keywords,
                cases: cases.as_deref(),
            }),
        }
    }

    /// Judges the end step's body.
    fn end(&mut self, step: &StepSpec) {
        if step.tail == Tail::None {
            return;
        }
        let name = &step.name;
        let words = if self.endpoints.start == self.endpoints.end {
            let message = format!("step `{name}` is the whole flow, but calls `self.next`");
            Words::new(
                message,
                "remove its `self.next`, or add the step that it leads to",
            )
        } else {
            let message = format!("the end, step `{name}`, calls `self.next`");
            Words::new(message, "remove its `self.next`")
        };
        self.findings.at_tail(Code::G011, step, words);
    }

    fn next(&mut self, call: &Call<'a>) -> Exit<'a> {
        let (shape, wrong) = form(call);
        if let Some((code, words)) = wrong {
            self.findings.at_tail(code, call.step, words);
        } else if call.step.inputs >= 1 {
            self.join_that_splits(call.step, &shape);
        }
        let mut exit = Exit {
            is_doubtful: matches!(shape, Shape::Unclear),
            shape,
            ..Exit::default()
        };
        if let Some(cases) = call.cases {
            for case in cases {
                self.target(call.step, &case.target, &mut exit);
            }
        } else {
            for target in call.targets {
                self.target(call.step, target, &mut exit);
            }
        }
        exit.is_doubtful |= exit.targets.is_empty();
        exit
    }

    fn join_that_splits(&mut self, step: &StepSpec, shape: &Shape<'_>) {
        let word = match shape {
            Shape::Switch { .. } => "switches",
            Shape::Split | Shape::Foreach { .. } | Shape::Gang => "splits",
            Shape::End | Shape::Linear | Shape::Unclear => return,
        };
        let name = &step.name;
        let message = format!("step `{name}` is a join and {word} too");
        let hint = format!("let `{name}` lead to one step, and do the rest there");
        self.findings
            .at_tail(Code::G008, step, Words::new(message, hint));
    }

    /// Looks up one target and adds it to the exit.
    fn target(&mut self, step: &'a StepSpec, target: &'a Target, exit: &mut Exit<'a>) {
        let name = match target {
            Target::Step(name) => name.as_str(),
            Target::Other(text) => {
                let message = format!(
                    "step `{}` leads to `{text}`, which is not a step",
                    step.name
                );
                let hint = "name steps as `self.<step>`";
                self.findings
                    .at_tail(Code::G008, step, Words::new(message, hint));
                exit.is_doubtful = true;
                return;
            }
        };
        let Some(found) = self
            .names
            .get(name)
            .copied()
            .or_else(|| self.unknown(step, name))
        else {
            exit.is_doubtful = true;
            return;
        };
        if self.endpoints.start == Some(found) && self.endpoints.has_start {
            let message = format!(
                "step `{}` leads back to the start, step `{name}`",
                step.name
            );
            let hint = "move what is to be repeated into a step of its own, after the start";
            self.findings
                .at_tail(Code::G011, step, Words::new(message, hint));
            exit.is_doubtful = true;
        } else if !matches!(exit.shape, Shape::Switch { .. }) && exit.targets.contains(&found) {
            let message = format!("step `{}` leads to `{name}` twice", step.name);
            let hint = "name each step once; to run one step for many items, use `foreach`";
            self.findings
                .at_tail(Code::G008, step, Words::new(message, hint));
            exit.is_doubtful = true;
        } else {
            exit.targets.push(found);
        }
    }

    /// Reports a target that doesn't exist; returns the step that was surely meant.
    fn unknown(&mut self, step: &'a StepSpec, name: &str) -> Option<usize> {
        // A missing start or end is found already.
        let is_known_to_miss = (name == "end" && !self.endpoints.has_end)
            || (name == "start" && !self.endpoints.has_start);
        if is_known_to_miss {
            return None;
        }
        let meant = self.nearest_step(name);
        let message = format!(
            "step `{}` leads to `{name}`, which is not a step of this flow",
            step.name
        );
        let hint = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("add a step `{name}`, marked with `@step`, or lead to another one"),
        };
        self.findings
            .at_tail(Code::G009, step, Words::new(message, hint));
        // Only a step that nothing leads to is sure to be the one meant.
        let meant = meant.filter(|meant| !self.named.contains(meant))?;
        self.named.insert(meant);
        self.names.get(meant).copied()
    }

    /// The step with the nearest name, rather one that nothing leads to.
    fn nearest_step(&self, name: &str) -> Option<&'a str> {
        let mut sorted: Vec<(usize, &'a str)> =
            self.names.iter().map(|(name, at)| (*at, *name)).collect();
        sorted.sort_unstable();
        let all = || sorted.iter().map(|(_, name)| *name);
        let unused = all().filter(|name| !self.named.contains(name));
        nearest(name, unused).or_else(|| nearest(name, all()))
    }
}

impl Exit<'_> {
    fn unclear(targets: Vec<usize>) -> Self {
        Self {
            shape: Shape::Unclear,
            targets,
            is_doubtful: true,
            ..Self::default()
        }
    }
}

//! A flow in words.

use std::fmt::Write as _;

use crate::{FlowSpec, Graph, StepIndex, Transition};

impl Graph {
    /// Describes the flow in words: its name and doc, then each step in topological order with its
    /// doc and, after `=>`, what follows it. Ends with a line break.
    #[must_use]
    pub fn show(&self, flow: &FlowSpec) -> String {
        let mut text = format!("{}\n", flow.name);
        indent(&mut text, &flow.doc);
        for (_, step) in self.iter() {
            let spec = flow.steps.iter().find(|spec| spec.name == step.name);
            text.push('\n');
            text.push_str(&step.name);
            text.push('\n');
            indent(&mut text, spec.map_or("", |spec| spec.doc.as_str()));
            if step.transition != Transition::End {
                let follows = self.follows(&step.transition);
                writeln!(text, "    => {follows}").expect("writing to a String cannot fail");
            }
        }
        text
    }

    /// What follows a step, in words: `train (each of regions)`; empty at the end.
    #[must_use]
    pub fn follows(&self, transition: &Transition) -> String {
        let name = |step: &StepIndex| self.step(*step).name.as_str();
        match transition {
            Transition::End => String::new(),
            Transition::Linear(step) => name(step).to_owned(),
            Transition::Split(steps) => steps.iter().map(name).collect::<Vec<_>>().join(", "),
            Transition::Foreach { child, artifact } => {
                format!("{} ({})", name(child), each_of(artifact.as_deref()))
            }
            Transition::Gang { child } => format!("{} (gang)", name(child)),
            Transition::Switch { condition, cases } => {
                let cases: Vec<String> = cases
                    .iter()
                    .map(|(key, step)| format!("{} if {key}", name(step)))
                    .collect();
                format!("by {condition}: {}", cases.join(", "))
            }
        }
    }
}

/// What a foreach goes over, in words.
pub(crate) fn each_of(artifact: Option<&str>) -> String {
    match artifact {
        Some(artifact) => format!("each of {artifact}"),
        None => "each item".to_owned(),
    }
}

/// Appends a docstring: its lines at one common indentation, no blank ones around.
fn indent(text: &mut String, doc: &str) {
    let lines: Vec<&str> = doc.trim().lines().collect();
    let later = lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let spare = later
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or_default();
    for (at, line) in lines.iter().enumerate() {
        let line = if at == 0 {
            line
        } else {
            line.get(spare..).unwrap_or_default()
        };
        let line = line.trim_end();
        if !line.is_empty() {
            text.push_str("    ");
        }
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::indent;

    #[test]
    fn docstrings_lose_the_indentation_of_their_source() {
        let mut text = String::new();
        indent(
            &mut text,
            "First.\n\n        Second:\n            more.\n    ",
        );
        assert_eq!(text, "    First.\n\n    Second:\n        more.\n");
        text.clear();
        indent(&mut text, "  \n");
        assert_eq!(text, "");
    }
}

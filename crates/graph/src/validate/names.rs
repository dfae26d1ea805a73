//! Step names: reserved, invalid or repeated ones (G010).

use pave_model::Code;

use super::outline::Names;
use crate::finding::{Findings, Words};
use crate::{FlowSpec, StepSpec};

/// Names that mean something else on a flow.
const RESERVED: [&str; 5] = ["name", "next", "input", "index", "cmd"];

/// Judges all names and returns the first step of each.
pub(super) fn check<'a>(flow: &'a FlowSpec, findings: &mut Findings<'_>) -> Names<'a> {
    let mut names = Names::new();
    for (at, step) in flow.steps.iter().enumerate() {
        if let Some(&first) = names.get(step.name.as_str()) {
            let line = flow.steps[first].line;
            let message = format!(
                "two steps are named `{}`; the first is on line {line}",
                step.name
            );
            findings.at_step(Code::G010, step, Words::new(message, "rename one of them"));
            continue;
        }
        names.insert(&step.name, at);
        if let Some(words) = judge(step) {
            findings.at_step(Code::G010, step, words);
        }
    }
    names
}

fn judge(step: &StepSpec) -> Option<Words> {
    let name = step.name.as_str();
    if RESERVED.contains(&name) {
        let message = format!("step `{name}` has the name of something that every flow has");
        let hint = format!("rename it, to `{name}_step` for example");
        return Some(Words::new(message, hint));
    }
    let is_plain = |sign: char| matches!(sign, 'a'..='z' | '0'..='9' | '_');
    if !name.is_empty() && !name.starts_with('_') && name.chars().all(is_plain) {
        return None;
    }
    let message = format!("step `{name}` has a name that steps can't have");
    let hint = match plain(name) {
        Some(better) => format!(
            "rename it to `{better}`: lowercase letters, digits and `_`, not beginning with `_`"
        ),
        None => "use lowercase letters, digits and `_`, not beginning with `_`".to_owned(),
    };
    Some(Words::new(message, hint))
}

/// A valid name made from `name`: `TrainModel` gives `train_model`.
fn plain(name: &str) -> Option<String> {
    let mut better = String::new();
    let mut after_small = false;
    for sign in name.chars() {
        match sign {
            'A'..='Z' => {
                if after_small {
                    better.push('_');
                }
                better.push(sign.to_ascii_lowercase());
            }
            'a'..='z' | '0'..='9' | '_' => better.push(sign),
            _ => return None,
        }
        after_small = sign.is_ascii_lowercase();
    }
    let better = better.trim_start_matches('_');
    let is_free = !better.is_empty() && !RESERVED.contains(&better);
    is_free.then(|| better.to_owned())
}

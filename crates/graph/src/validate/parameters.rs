//! Definitions of parameters (P004).

use std::collections::{HashMap, HashSet};

use pave_model::Code;

use super::decorators::shorten;
use crate::finding::{Findings, Words};
use crate::{FlowSpec, Parameter, ParameterType};

/// Options that `run` has itself; `_` and `-` are alike in them.
const RESERVED: [&str; 15] = [
    "params",
    "with",
    "tag",
    "namespace",
    "obj",
    "tags",
    "decospecs",
    "run-id-file",
    "max-num-splits",
    "max-workers",
    "max-log-size",
    "user-namespace",
    "run-id",
    "task-id",
    "runner-attribute-file",
];

/// Judges all parameters of a flow.
pub(super) fn check(flow: &FlowSpec, findings: &mut Findings<'_>) {
    let steps: HashSet<&str> = flow.steps.iter().map(|step| step.name.as_str()).collect();
    let mut names: HashMap<String, &str> = HashMap::new();
    for parameter in &flow.parameters {
        let name = &parameter.name;
        let wrong = bad_name(parameter)
            .or_else(|| {
                let first = names.get(&name.to_lowercase())?;
                let message = format!("two parameters are named `{name}`, case aside");
                let hint = format!("rename it, or `{first}`");
                Some(Words::new(message, hint))
            })
            .or_else(|| {
                let attribute = parameter.attribute.as_str();
                let message = format!("parameter `{name}` and a step are both named `{attribute}`");
                let hint = "rename one of them";
                steps.contains(attribute).then(|| Words::new(message, hint))
            })
            .or_else(|| bad_option(parameter))
            .or_else(|| bad_default(parameter));
        names.entry(name.to_lowercase()).or_insert(name);
        if let Some(words) = wrong {
            findings.at_parameter(Code::P004, parameter, words);
        }
    }
}

fn bad_name(parameter: &Parameter) -> Option<Words> {
    let name = parameter.name.as_str();
    if RESERVED.contains(&name.to_lowercase().replace('_', "-").as_str()) {
        let message = format!("parameter `{name}` has the name of an option that every run has");
        return Some(Words::new(message, "choose another name"));
    }
    let is_odd = |sign: char| sign == '=' || sign.is_whitespace() || sign.is_control();
    if name.is_empty() || name.starts_with('-') || name.contains(is_odd) {
        let message = format!("parameter `{name}` has a name that can't be an option");
        let hint = "use letters, digits, `_` and `-`, not beginning with `-`";
        return Some(Words::new(message, hint));
    }
    None
}

fn bad_option(parameter: &Parameter) -> Option<Words> {
    let (name, expected) = (&parameter.name, parameter.kind.expected());
    if let Some(separator) = &parameter.separator {
        if parameter.kind != ParameterType::Str {
            let message = format!("parameter `{name}` has a `separator`, but takes {expected}");
            let hint = "leave `separator` to parameters of type `str`";
            return Some(Words::new(message, hint));
        }
        if separator.is_empty() {
            let message = format!("the `separator` of parameter `{name}` is empty");
            return Some(Words::new(message, "write `separator=','`, for example"));
        }
    }
    if parameter.is_flag && parameter.kind != ParameterType::Bool {
        let message = format!("parameter `{name}` is a flag, but takes {expected}");
        return Some(Words::new(
            message,
            "give it the type `bool`, or take `is_flag` off",
        ));
    }
    None
}

fn bad_default(parameter: &Parameter) -> Option<Words> {
    if parameter.computed || parameter.default_value().is_ok() {
        return None;
    }
    let (name, expected) = (&parameter.name, parameter.kind.expected());
    let message = format!(
        "the default of parameter `{name}` is {}, but it takes {expected}",
        shorten(&parameter.default),
    );
    Some(Words::new(
        message,
        "change the default, or the parameter's `type`",
    ))
}

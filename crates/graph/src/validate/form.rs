//! The form of a `self.next(...)`: which kind of transition its arguments make (G008, G015).

use std::collections::HashSet;

use pave_model::Code;

use super::outline::Shape;
use crate::finding::Words;
use crate::nearest::nearest;
use crate::{Case, StepSpec, Target};

/// What `self.next` takes besides steps.
const KEYWORDS: [&str; 3] = ["foreach", "num_parallel", "condition"];

/// A `self.next(...)` as its body's last statement.
pub(super) struct Call<'a> {
    pub(super) step: &'a StepSpec,
    pub(super) targets: &'a [Target],
    pub(super) foreach: Option<Option<&'a str>>,
    pub(super) num_parallel: bool,
    pub(super) condition: Option<Option<&'a str>>,
    pub(super) unknown_keywords: &'a [String],
    pub(super) cases: Option<&'a [Case]>,
}

/// Reads the form of a call, targets aside.
pub(super) fn form<'a>(call: &Call<'a>) -> (Shape<'a>, Option<(Code, Words)>) {
    let step = &call.step.name;
    let wrong = |code, message: String, hint: &str| Some((code, Words::new(message, hint)));
    if let Some(keyword) = call.unknown_keywords.first() {
        let message = format!("`self.next` of step `{step}` doesn't take `{keyword}`");
        let hint = match nearest(keyword, KEYWORDS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "it takes steps and one of `foreach`, `num_parallel`, `condition`".to_owned(),
        };
        return (Shape::Unclear, wrong(Code::G008, message, &hint));
    }
    let given = [
        call.foreach.is_some(),
        call.num_parallel,
        call.condition.is_some(),
    ];
    let given: Vec<&str> = (0..3)
        .filter(|&at| given[at])
        .map(|at| KEYWORDS[at])
        .collect();
    if let [first, second, ..] = given[..] {
        let message =
            format!("`self.next` of step `{step}` takes `{first}` or `{second}`, not both");
        let hint = "do one in this step and the other in a step after it";
        return (Shape::Unclear, wrong(Code::G008, message, hint));
    }
    if call.cases.is_some() || call.condition.is_some() {
        return switch(call);
    }
    let count = call.targets.len();
    if let Some(keyword) = given.first()
        && count != 1
    {
        let message = format!("step `{step}` gives `{keyword}` {count} steps, but it takes one");
        let hint = format!("write `self.next(self.<step>, {keyword}=...)`");
        return (Shape::Unclear, wrong(Code::G008, message, &hint));
    }
    match (call.foreach, count) {
        (Some(Some("")), _) => {
            let message = format!("the foreach of step `{step}` names no artifact");
            let hint = "write the artifact's name: `foreach='items'` for `self.items`";
            (Shape::Unclear, wrong(Code::G008, message, hint))
        }
        (Some(artifact), _) => (Shape::Foreach { artifact }, None),
        (None, _) if call.num_parallel => (Shape::Gang, None),
        (None, 0) => {
            let message = format!("`self.next` of step `{step}` names no step");
            let hint = "write `self.next(self.<step>)`";
            (Shape::Unclear, wrong(Code::G008, message, hint))
        }
        (None, 1) => (Shape::Linear, None),
        (None, _) => (Shape::Split, None),
    }
}

/// Reads the form of a switch.
fn switch<'a>(call: &Call<'a>) -> (Shape<'a>, Option<(Code, Words)>) {
    let step = &call.step.name;
    let wrong =
        |shape, message: String, hint: &str| (shape, Some((Code::G015, Words::new(message, hint))));
    let Some(cases) = call.cases else {
        let message = format!("step `{step}` has a `condition`, but no cases to choose from");
        let hint = "write `self.next({'a': self.x, 'b': self.y}, condition='kind')`";
        return wrong(Shape::Unclear, message, hint);
    };
    if call.foreach.is_some() || call.num_parallel {
        let message = format!("step `{step}` has cases, but no `condition` to choose by");
        let hint = "a dict of cases goes with `condition='...'` alone";
        return wrong(Shape::Unclear, message, hint);
    }
    let keys: Vec<&str> = cases
        .iter()
        .filter_map(|case| case.key.as_deref())
        .collect();
    let condition = call.condition.flatten().unwrap_or_default();
    let (is_literal, count) = (keys.len() == cases.len(), cases.len());
    let repeated = repeated(&keys);
    let shape = Shape::Switch { condition, keys };
    if call.condition.is_none() {
        let message = format!("step `{step}` has cases, but no `condition` to choose by");
        let hint = "name the artifact to choose by: `self.next({...}, condition='kind')`";
        wrong(shape, message, hint)
    } else if condition.is_empty() {
        let message = format!("the `condition` of step `{step}` is not the name of an artifact");
        let hint = "write the name as it is: `condition='kind'` for `self.kind`";
        wrong(shape, message, hint)
    } else if !is_literal {
        let message = format!("a case of step `{step}` has a key that is computed");
        let hint =
            "write keys as text, number or boolean, or as a value of a config, `self.config.key`";
        wrong(shape, message, hint)
    } else if count < 2 {
        let message =
            format!("the switch of step `{step}` has {count} case, but needs two or more");
        let hint = "add a case, or lead to the one step directly: `self.next(self.<step>)`";
        wrong(shape, message, hint)
    } else if let Some(key) = repeated {
        let message = format!("two cases of step `{step}` have the key {key}");
        wrong(shape, message, "give each case its own key")
    } else {
        (shape, None)
    }
}

fn repeated<'k>(keys: &[&'k str]) -> Option<&'k str> {
    let mut seen = HashSet::new();
    keys.iter().copied().find(|key| !seen.insert(*key))
}

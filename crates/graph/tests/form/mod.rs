//! A compact text form of flows, for tests.
//!
//! ```text
//! # A comment.
//! flow Train: What the flow is for.      (optional; else `F` without doc)
//! param {"name": "rounds", "type": "int"}
//! constants regions, seed
//! @retry {"times": 2}                    (a decorator of the next step, written in the source)
//! with @retry {"times": 3}               (the same, added by `--with`)
//! @start                                 (marks of the next step; also @end)
//! prepare -> left, right  # Its doc.     (a step that splits)
//! left -> join
//! right -> join
//! join(inputs) -> each foreach=items     (a join; `x()` lacks even self, `x(a, b)` takes too much)
//! each -> done                           (`foreach=?` and `condition=?` stand for computed ones)
//! odd -> ?                               (a misplaced self.next; `-> ()` is an empty one)
//! pick -> {'a':x,'b':y} condition=kind   (a switch; no blanks within braces; `?` is a computed key)
//! call -> "f()"                          (a target that is no step)
//! end                                    (no self.next)
//! ```
//! The flow is on line 1, its first line here on line 2.

use pave_graph::{Case, Decorator, FlowSpec, Parameter, StepSpec, Tail, Target};
use serde_json::{Map, Value};

/// Reads a flow. Panics with the line where the form is wrong.
pub(crate) fn read_flow(text: &str) -> FlowSpec {
    let mut flow = FlowSpec {
        name: "F".to_owned(),
        language: "python".to_owned(),
        file: "flow.py".to_owned(),
        line: 1,
        ..FlowSpec::default()
    };
    let mut pending = StepSpec::default();
    for (number, line) in (2_u32..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix("flow ") {
            let (name, doc) = rest.split_once(':').unwrap_or((rest, ""));
            name.clone_into(&mut flow.name);
            doc.trim().clone_into(&mut flow.doc);
        } else if let Some(json) = line.strip_prefix("param ") {
            flow.parameters.push(parameter(json, number));
        } else if let Some(names) = line.strip_prefix("constants ") {
            flow.constants = names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect();
        } else if let Some(rest) = line.strip_prefix("with @") {
            pending.decorators.push(decorator(rest, false));
        } else if line == "@start" {
            pending.start = true;
        } else if line == "@end" {
            pending.end = true;
        } else if let Some(rest) = line.strip_prefix('@') {
            pending.decorators.push(decorator(rest, true));
        } else {
            let marks = std::mem::take(&mut pending);
            flow.steps.push(step(line, number, marks));
        }
    }
    flow
}

fn parameter(json: &str, line: u32) -> Parameter {
    let mut value: Map<String, Value> = serde_json::from_str(json).expect("a parameter is JSON");
    for (key, default) in [("attribute", value["name"].clone()), ("type", "str".into())] {
        value.entry(key).or_insert(default);
    }
    let parameter: Parameter =
        serde_json::from_value(value.into()).expect("the JSON is a parameter");
    Parameter { line, ..parameter }
}

fn decorator(text: &str, is_static: bool) -> Decorator {
    let (name, json) = text.split_once(' ').unwrap_or((text, "{}"));
    Decorator {
        name: name.to_owned(),
        attributes: serde_json::from_str(json).expect("a decorator's arguments are JSON"),
        is_static,
    }
}

fn step(line: &str, number: u32, marks: StepSpec) -> StepSpec {
    let (line, doc) = line.split_once('#').unwrap_or((line, ""));
    let (head, tail) = match line.split_once("->") {
        Some((head, tail)) => (head.trim(), Some(tail.trim())),
        None => (line.trim(), None),
    };
    let (name, inputs) = match head.split_once('(') {
        None => (head, 0),
        Some((name, ")")) => (name, -1),
        Some((name, arguments)) => (
            name,
            1 + i32::try_from(arguments.matches(',').count()).unwrap(),
        ),
    };
    StepSpec {
        name: name.to_owned(),
        doc: doc.trim().to_owned(),
        file: "flow.py".to_owned(),
        line: number,
        source: format!("def {head}"),
        inputs,
        tail: tail.map_or(Tail::None, |text| read_tail(text, number)),
        ..marks
    }
}

fn read_tail(text: &str, line: u32) -> Tail {
    let source = format!("next {text}");
    if text == "?" {
        return Tail::Misplaced { line, source };
    }
    let mut targets = Vec::new();
    let mut read_cases = None;
    let (mut foreach, mut condition) = (None, None);
    let mut num_parallel = false;
    let mut unknown_keywords = Vec::new();
    let literal = |value: &str| Some((value != "?").then(|| value.to_owned()));
    for token in tokens(text) {
        if let Some(inner) = token.strip_prefix('{') {
            read_cases = Some(cases(inner.trim_end_matches('}')));
        } else if let Some((keyword, value)) = token.split_once('=') {
            match keyword {
                "foreach" => foreach = literal(value),
                "condition" => condition = literal(value),
                "num_parallel" => num_parallel = true,
                other => unknown_keywords.push(other.to_owned()),
            }
        } else if token != "()" {
            targets.push(target(token));
        }
    }
    Tail::Next {
        line,
        source,
        targets,
        foreach,
        num_parallel,
        condition,
        unknown_keywords,
        cases: read_cases,
    }
}

fn tokens(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(move |sign: char| {
        depth += i32::from(sign == '{') - i32::from(sign == '}');
        depth == 0 && (sign == ',' || sign == ' ')
    });
    parts.filter(|part| !part.is_empty()).collect()
}

fn target(text: &str) -> Target {
    match text.strip_prefix('"') {
        Some(other) => Target::Other(other.trim_end_matches('"').to_owned()),
        None => Target::Step(text.to_owned()),
    }
}

fn cases(text: &str) -> Vec<Case> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, to) = pair.split_once(':').expect("a case is key:step");
            Case {
                key: (key != "?").then(|| key.to_owned()),
                target: target(to),
            }
        })
        .collect()
}

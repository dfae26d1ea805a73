//! What holds for every flow: well-formed ones validate and nest as built, no flow makes validation
//! panic, and whatever validates can run to its end.

#![allow(clippy::unwrap_used)]

mod author;
mod form;
mod walk;

use std::fmt::Write as _;

use pave_graph::{
    Case, Decorator, FlowSpec, Graph, MAX_STEPS, Parameter, StepSpec, Tail, Target, validate,
};
use pave_model::Code;
use proptest::prelude::*;

use self::author::{Author, parts};

fn check_nesting(author: &Author, graph: &Graph) {
    let name = |index| graph.step(index).name.clone();
    assert_eq!(graph.steps.len(), author.expected_open.len());
    for (_, step) in graph.iter() {
        let open: Vec<String> = step.open.iter().map(|split| name(*split)).collect();
        assert_eq!(
            open, author.expected_open[&step.name],
            "around {}",
            step.name
        );
        let closes = step.closes.map(name);
        assert_eq!(
            closes.as_ref(),
            author.expected_closes.get(&step.name),
            "{}",
            step.name
        );
    }
}

/// Names that hit each other often.
fn name() -> impl Strategy<Value = String> {
    let names = [
        "start", "end", "a", "b", "c", "d", "e", "j", "k", "Ab", "next", "",
    ];
    prop::sample::select(names.to_vec()).prop_map(str::to_owned)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![9 => name().prop_map(Target::Step), 1 => name().prop_map(Target::Other)]
}

fn tail() -> impl Strategy<Value = Tail> {
    let literal = || prop::option::weighted(0.3, prop::option::weighted(0.8, name()));
    let case = (prop::option::weighted(0.9, name()), target())
        .prop_map(|(key, target)| Case { key, target });
    let next = (
        prop::collection::vec(target(), 0..4),
        literal(),
        prop::bool::weighted(0.1),
        literal(),
        prop::collection::vec(name(), 0..2),
        prop::option::weighted(0.3, prop::collection::vec(case, 0..4)),
    );
    let next =
        next.prop_map(
            |(targets, foreach, num_parallel, condition, odd, cases)| Tail::Next {
                line: 1,
                source: String::new(),
                targets,
                foreach,
                num_parallel,
                condition,
                unknown_keywords: odd,
                cases,
            },
        );
    let misplaced = Tail::Misplaced {
        line: 3,
        source: String::new(),
    };
    prop_oneof![8 => next, 1 => Just(Tail::None), 1 => Just(misplaced)]
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".*".prop_map(Into::into),
        name().prop_map(|name| serde_json::json!({ name.clone(): [name] })),
    ]
}

fn decorator() -> impl Strategy<Value = Decorator> {
    let names = [
        "retry",
        "catch",
        "timeout",
        "resources",
        "environment",
        "parallel",
        "batch",
    ];
    let keys = [
        "times",
        "minutes_between_retries",
        "var",
        "vars",
        "seconds",
        "cpu",
        "memory",
        "gpu",
    ];
    let attributes = prop::collection::vec((prop::sample::select(keys.to_vec()), value()), 0..4);
    (
        prop::sample::select(names.to_vec()),
        attributes,
        any::<bool>(),
    )
        .prop_map(|(name, attributes, is_static)| Decorator {
            name: name.to_owned(),
            attributes: attributes
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            is_static,
        })
}

fn step() -> impl Strategy<Value = StepSpec> {
    let marks = (prop::bool::weighted(0.05), prop::bool::weighted(0.05));
    let decorators = prop::collection::vec(decorator(), 0..2);
    (name(), -1..3_i32, marks, tail(), decorators, 0..9_u32).prop_map(
        |(name, inputs, (start, end), tail, decorators, line)| StepSpec {
            name,
            inputs,
            start,
            end,
            tail,
            decorators,
            line,
            ..StepSpec::default()
        },
    )
}

fn garbage() -> impl Strategy<Value = FlowSpec> {
    let parameter =
        (name(), value(), 0..6_usize, any::<bool>()).prop_map(|(name, default, kind, is_flag)| {
            use pave_graph::ParameterType::{Bool, File, Float, Int, Json, Str};
            Parameter {
                attribute: name.clone(),
                name,
                kind: [Str, Int, Float, Bool, Json, File][kind],
                default,
                is_flag,
                ..Parameter::default()
            }
        });
    let steps = prop::collection::vec(step(), 0..10);
    (steps, prop::collection::vec(parameter, 0..3)).prop_map(|(steps, parameters)| FlowSpec {
        steps,
        parameters,
        ..FlowSpec::default()
    })
}

/// One mistake in a well-formed flow.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    /// A step leads to another step than it should.
    Misled,
    /// A step leads to one that doesn't exist.
    Mistyped,
    /// A step that is no join takes inputs, or a join takes none.
    Miscounted,
    /// A step has no `self.next`.
    Unfinished,
}

/// A well-formed flow, and the same with one mistake.
fn mistaken() -> impl Strategy<Value = (String, String)> {
    use Mistake::{Miscounted, Misled, Mistyped, Unfinished};
    let mistakes = vec![Misled, Misled, Misled, Mistyped, Miscounted, Unfinished];
    let mistake = prop::sample::select(mistakes);
    let at = any::<prop::sample::Index>;
    (parts(), mistake, at(), at()).prop_map(|(parts, mistake, at, to)| {
        let text = Author::flow(&parts).text;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let names: Vec<String> = lines.iter().filter_map(|line| step_name(line)).collect();
        let to = to.get(&names);
        let steps: Vec<usize> = (0..lines.len())
            .filter(|&at| lines[at].contains("->"))
            .collect();
        let line = &mut lines[*at.get(&steps)];
        let (head, tail) = line
            .split_once(" -> ")
            .expect("only lines of steps are picked");
        let name = step_name(head).expect("a head begins with a name");
        *line = match mistake {
            Mistake::Misled if tail.starts_with('{') => {
                let (init, last) = tail.rsplit_once(':').expect("a case is key:step");
                let rest = &last[last.find('}').expect("cases end")..];
                format!("{head} -> {init}:{to}{rest}")
            }
            Mistake::Misled => match tail.split_once([',', ' ']) {
                Some((_, rest)) => format!("{head} -> {to} {rest}"),
                None => format!("{head} -> {to}"),
            },
            Mistake::Mistyped => format!("{head} -> {}", tail.replacen(['s', 'e'], "zzzz", 1)),
            Mistake::Miscounted if head.ends_with(')') => format!("{name} -> {tail}"),
            Mistake::Miscounted => format!("{name}(inputs) -> {tail}"),
            Mistake::Unfinished => head.to_owned(),
        };
        (text, lines.join("\n"))
    })
}

fn step_name(line: &str) -> Option<String> {
    let end = line.find([' ', '(']).unwrap_or(line.len());
    (!line.starts_with('@')).then(|| line[..end].to_owned())
}

fn check_findings(flow: &FlowSpec) {
    match validate(flow) {
        Ok(graph) => {
            walk::check(&graph);
            // Neither may panic.
            let _ = graph.draw();
            let _ = graph.show(flow);
        }
        Err(findings) => {
            assert!(!findings.is_empty());
            for finding in &findings {
                assert!(
                    !finding.message.is_empty() && !finding.hint.is_empty(),
                    "{finding}"
                );
            }
            let lines: Vec<u32> = findings.iter().map(|finding| finding.line).collect();
            assert!(lines.is_sorted(), "{lines:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    })]

    #[test]
    fn well_formed_flows_validate_and_nest_as_written(parts in parts()) {
        let author = Author::flow(&parts);
        let flow = form::read_flow(&author.text);
        let graph = validate(&flow).unwrap_or_else(|findings| {
            panic!("{}\nfound in\n{}", findings[0], author.text)
        });
        check_nesting(&author, &graph);
        walk::check(&graph);
        let drawing = graph.draw();
        prop_assert!(drawing.lines().count() >= graph.steps.len());
        prop_assert!(!drawing.contains('↑'), "{}", drawing);
    }

    #[test]
    fn garbage_never_panics(flow in garbage()) {
        check_findings(&flow);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_024)
    })]

    #[test]
    fn a_flow_with_one_mistake_is_refused_or_can_run((text, mistaken) in mistaken()) {
        let flow = form::read_flow(&mistaken);
        check_findings(&flow);
        if let Err(findings) = validate(&flow) {
            let all: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
            let count = findings.len();
            prop_assert!(count <= 2, "{count} findings\n{all}in\n{mistaken}\nbefore\n{text}");
        }
    }
}

#[test]
fn the_largest_flow_validates_and_one_more_step_is_refused() {
    let chain = |count: usize| {
        let step = |at: usize| {
            let next = if at + 2 == count {
                "end".to_owned()
            } else {
                format!("s{}", at + 1)
            };
            StepSpec {
                name: if at == 0 {
                    "start".to_owned()
                } else {
                    format!("s{at}")
                },
                tail: Tail::Next {
                    line: 0,
                    source: String::new(),
                    targets: vec![Target::Step(next)],
                    foreach: None,
                    num_parallel: false,
                    condition: None,
                    unknown_keywords: Vec::new(),
                    cases: None,
                },
                ..StepSpec::default()
            }
        };
        let end = StepSpec {
            name: "end".to_owned(),
            ..StepSpec::default()
        };
        FlowSpec {
            steps: (0..count - 1).map(step).chain([end]).collect(),
            ..FlowSpec::default()
        }
    };
    let graph = validate(&chain(MAX_STEPS)).unwrap();
    assert_eq!(graph.steps.len(), MAX_STEPS);
    assert_eq!(graph.step(graph.end).name, "end");
    let findings = validate(&chain(MAX_STEPS + 1)).unwrap_err();
    assert_eq!(findings[0].code, Code::G019);
}

#[test]
fn deep_nesting_neither_overflows_the_stack_nor_draws_forever() {
    let depth = 2_000;
    let mut text = String::from("start -> f0\n");
    for at in 0..depth {
        writeln!(text, "f{at} -> f{} foreach=items", at + 1).unwrap();
    }
    writeln!(text, "f{depth} -> j{}", depth - 1).unwrap();
    for at in (0..depth).rev() {
        let next = if at == 0 {
            "end".to_owned()
        } else {
            format!("j{}", at - 1)
        };
        writeln!(text, "j{at}(inputs) -> {next}").unwrap();
    }
    text.push_str("end\n");
    let graph = validate(&form::read_flow(&text)).unwrap();
    let innermost = graph.step(graph.find(&format!("f{depth}")).unwrap());
    assert_eq!(innermost.open.len(), depth);
    assert!(graph.draw().contains('…'));
}

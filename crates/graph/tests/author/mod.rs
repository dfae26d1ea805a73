//! Writes random well-formed flows, and what their graphs must say of nesting.

use std::collections::HashMap;
use std::fmt::Write as _;

use proptest::prelude::*;

/// A part of a well-formed flow.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Step,
    Again,
    Split(Vec<Vec<Part>>),
    Foreach(Vec<Part>),
    Gang,
    Switch(Vec<Vec<Part>>),
}

pub(crate) fn parts() -> impl Strategy<Value = Vec<Part>> {
    let leaf = prop_oneof![Just(Part::Step), Just(Part::Again), Just(Part::Gang)];
    let part = leaf.prop_recursive(5, 60, 4, |inner| {
        let body = prop::collection::vec(inner, 0..4);
        prop_oneof![
            prop::collection::vec(body.clone(), 2..4).prop_map(Part::Split),
            body.clone().prop_map(Part::Foreach),
            prop::collection::vec(body, 2..4).prop_map(Part::Switch),
        ]
    });
    prop::collection::vec(part, 0..5)
}

/// Writes parts as a flow in the form of `form/mod.rs`, and what its graph must say of nesting.
#[derive(Default)]
pub(crate) struct Author {
    pub(crate) text: String,
    count: usize,
    open: Vec<String>,
    /// Splits open around each step.
    pub(crate) expected_open: HashMap<String, Vec<String>>,
    pub(crate) expected_closes: HashMap<String, String>,
}

impl Author {
    pub(crate) fn flow(parts: &[Part]) -> Self {
        let mut author = Self::default();
        author.note("start");
        author.note("end");
        author.sequence("start", parts, "end");
        author.text.push_str("end\n");
        author
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.count += 1;
        let name = format!("{kind}{}", self.count);
        self.note(&name);
        name
    }

    fn note(&mut self, name: &str) {
        self.expected_open
            .insert(name.to_owned(), self.open.clone());
    }

    fn line(&mut self, name: &str, tail: &str) {
        let inputs = if self.expected_closes.contains_key(name) {
            "(inputs)"
        } else {
            ""
        };
        writeln!(self.text, "{name}{inputs} -> {tail}").unwrap();
    }

    /// Writes `from`, which still lacks its tail, then the parts, the last of which leads to `next`.
    fn sequence(&mut self, from: &str, parts: &[Part], next: &str) {
        let mut at = from.to_owned();
        for part in parts {
            // A join leads to one step, so an ordinary one stands between it and a further part.
            let step = self.fresh("s");
            self.line(&at, &step);
            at = self.part(&step, part);
        }
        self.line(&at, next);
    }

    /// Writes `from` and what the part makes of it; returns the step whose tail is open.
    fn part(&mut self, from: &str, part: &Part) -> String {
        match part {
            Part::Step => from.to_owned(),
            Part::Again => {
                let next = self.fresh("s");
                self.line(
                    from,
                    &format!("{{'again':{from},'on':{next}}} condition=state"),
                );
                next
            }
            Part::Gang => {
                let join = self.join(from);
                self.open.push(from.to_owned());
                let member = self.fresh("m");
                self.open.pop();
                self.line(from, &format!("{member} num_parallel=2"));
                self.text.push_str("@parallel\n");
                self.line(&member, &join);
                join
            }
            Part::Foreach(body) => {
                let join = self.join(from);
                self.open.push(from.to_owned());
                let child = self.fresh("s");
                self.line(from, &format!("{child} foreach=items"));
                self.sequence(&child, body, &join);
                self.open.pop();
                join
            }
            Part::Split(branches) => {
                let join = self.join(from);
                self.open.push(from.to_owned());
                let heads: Vec<String> = branches.iter().map(|_| self.fresh("s")).collect();
                self.line(from, &heads.join(", "));
                for (head, body) in heads.iter().zip(branches) {
                    self.sequence(head, body, &join);
                }
                self.open.pop();
                join
            }
            Part::Switch(cases) => {
                let meet = self.fresh("s");
                let heads: Vec<String> = cases.iter().map(|_| self.fresh("s")).collect();
                let keys = heads.iter().map(|head| format!("'{head}':{head}"));
                let keys: Vec<String> = keys.collect();
                self.line(from, &format!("{{{}}} condition=kind", keys.join(",")));
                for (head, body) in heads.iter().zip(cases) {
                    self.sequence(head, body, &meet);
                }
                meet
            }
        }
    }

    fn join(&mut self, split: &str) -> String {
        let join = self.fresh("j");
        self.expected_closes.insert(join.clone(), split.to_owned());
        join
    }
}

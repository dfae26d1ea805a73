//! What looks wrong with the nesting of splits, until it is known whether it is but an echo of
//! another mistake.

use pave_model::Code;

use super::outline::{Outline, Shape};
use crate::finding::{Findings, Words};

/// Something that looks wrong.
pub(super) struct Suspicion {
    /// The step whose ways in it is about.
    pub(super) step: usize,
    /// The splits that it is about.
    pub(super) splits: Vec<usize>,
    pub(super) code: Code,
    pub(super) at: Spot,
    pub(super) words: Words,
}

/// Where to point.
pub(super) enum Spot {
    Step(usize),
    Tail(usize),
}

/// All suspicions of a flow, as long as they may have a cause of their own.
pub(super) struct Suspicions<'o, 'a> {
    outline: &'o Outline<'a>,
    list: Vec<Suspicion>,
    /// Splits that something was said about: enough for one mistake.
    is_settled: Vec<bool>,
    /// Steps whose stack is but a guess, after a mistake before them.
    is_guessed: Vec<bool>,
    /// Steps in and after a cycle, about which nothing can be said.
    is_tangled: Vec<bool>,
}

impl<'o, 'a> Suspicions<'o, 'a> {
    pub(super) fn new(outline: &'o Outline<'a>, in_cycle: Vec<bool>) -> Self {
        Self {
            outline,
            list: Vec::new(),
            is_settled: vec![false; outline.len()],
            is_guessed: vec![false; outline.len()],
            is_tangled: in_cycle,
        }
    }

    /// Takes over to `step` what is known of a step that leads to it.
    pub(super) fn follow(&mut self, from: usize, step: usize) {
        self.is_tangled[step] |= self.is_tangled[from];
        self.is_guessed[step] |= self.is_guessed[from] || self.is_join_in_doubt(step);
    }

    /// Ends the judgement of `step`: after a mistake there, what follows is a guess.
    pub(super) fn leave(&mut self, step: usize) {
        self.is_guessed[step] |= self.list.last().is_some_and(|last| last.step == step);
    }

    /// Keeps a suspicion, unless something was said before that may be its cause.
    pub(super) fn add(&mut self, suspicion: Suspicion) {
        let Suspicion { step, splits, .. } = &suspicion;
        // Of splits that began after a guess, the guess says nothing.
        let is_after_guess = self.is_guessed[*step]
            && (splits.is_empty() || splits.iter().any(|&split| !self.is_guessed[split]));
        let is_echo = is_after_guess
            || self.is_tangled[*step]
            || self.is_join_in_doubt(*step)
            || splits.iter().any(|&split| self.is_settled[split]);
        for &split in splits {
            self.is_settled[split] = true;
        }
        if !is_echo {
            self.list.push(suspicion);
        }
    }

    /// Whether a step joins and splits too, which is found already, so that it may be meant as
    /// either.
    pub(super) fn is_join_in_doubt(&self, step: usize) -> bool {
        let shape = &self.outline.exits[step].shape;
        let splits = shape.split_word().is_some() || matches!(shape, Shape::Switch { .. });
        self.outline.is_join(step) && splits
    }

    /// Reports all but those about a split that `is_shaky`.
    pub(super) fn report(self, is_shaky: &[bool], findings: &mut Findings<'_>) {
        for suspicion in self.list {
            if suspicion.splits.iter().any(|&split| is_shaky[split]) {
                continue;
            }
            let Suspicion {
                code, at, words, ..
            } = suspicion;
            match at {
                Spot::Step(at) => findings.at_step(code, self.outline.step(at), words),
                Spot::Tail(at) => findings.at_tail(code, self.outline.step(at), words),
            }
        }
    }
}

//! A flow as a drawing.
//!
//! One step a line. What a step splits into stands to the right of a line that begins with `┌` at
//! the first branch, has `├` at each further one and `└` where the branches come together again.

use crate::show::each_of;
use crate::{Graph, StepIndex, Transition};

/// Splits nested deeper than this are not drawn.
const DEEPEST: usize = 32;

impl Graph {
    /// Draws the graph with box-drawing characters, a line for each step. Ends with a line break.
    ///
    /// # Examples
    /// A foreach over regions, each of which trains two models:
    /// ```text
    /// start
    /// ┌ prepare (each of regions)
    /// │ ┌ linear
    /// │ ├ forest
    /// │ └ choose
    /// └ collect
    /// end
    /// ```
    #[must_use]
    pub fn draw(&self) -> String {
        if self.steps.is_empty() {
            return String::new();
        }
        let mut pen = Pen {
            graph: self,
            meets: self.meets(),
            is_drawn: vec![false; self.steps.len()],
            prefix: String::new(),
            depth: 0,
            text: String::new(),
        };
        pen.sequence(self.start, None, "", "");
        pen.text
    }

    /// For each step the one where its branches come together: the join of a split, else the first
    /// step that every way from it passes.
    fn meets(&self) -> Vec<usize> {
        let mut meets: Vec<usize> = (0..self.steps.len()).collect();
        for (at, step) in self.steps.iter().enumerate().rev() {
            let targets = step.transition.targets().into_iter();
            let later = targets
                .map(|target| usize::from(target.0))
                .filter(|&to| to > at);
            let meet = later.reduce(|mut left, mut right| {
                while left != right {
                    let earlier = if left < right { &mut left } else { &mut right };
                    let next = meets[*earlier];
                    if next == *earlier {
                        return left.max(right);
                    }
                    *earlier = next;
                }
                left
            });
            meets[at] = meet.unwrap_or(at);
        }
        for (join, step) in self.steps.iter().enumerate() {
            if let Some(split) = step.closes {
                meets[usize::from(split.0)] = join;
            }
        }
        meets
    }
}

struct Pen<'g> {
    graph: &'g Graph,
    meets: Vec<usize>,
    is_drawn: Vec<bool>,
    /// What stands to the left of every line.
    prefix: String,
    depth: usize,
    text: String,
}

/// A way out of a step.
struct Branch {
    step: StepIndex,
    /// Before the first step's name.
    before: String,
    /// After it.
    after: String,
}

impl Pen<'_> {
    fn line(&mut self, rail: &str, words: &str) {
        self.text.push_str(&self.prefix);
        self.text.push_str(rail);
        self.text.push_str(words);
        self.text.push('\n');
    }

    /// Draws the steps from `from` up to but without `stop`. The first line begins with `first`,
    /// further ones with `rest`.
    fn sequence(&mut self, from: StepIndex, stop: Option<StepIndex>, first: &str, rest: &str) {
        let mut rail = first.to_owned();
        let mut at = from;
        while Some(at) != stop {
            let index = usize::from(at.0);
            let step = self.graph.step(at);
            if std::mem::replace(&mut self.is_drawn[index], true) {
                self.line(&rail, &format!("{} ↑", step.name));
                return;
            }
            self.line(&rail, &step.name);
            rail = rest.to_owned();
            let branches = self.branches(&step.transition);
            at = match (&step.transition, step.transition.targets().first()) {
                (Transition::End, _) | (_, None) => return,
                (Transition::Linear(next), _) => *next,
                _ => {
                    let meet = self.meets[index];
                    let Some(meet) = u16::try_from(meet).ok().map(StepIndex) else {
                        return;
                    };
                    self.block(at, branches, meet, rest);
                    rail = format!("{rest}└ ");
                    meet
                }
            };
        }
    }

    /// Draws the branches of `split` up to the step where they meet.
    fn block(&mut self, split: StepIndex, branches: Vec<Branch>, meet: StepIndex, outer: &str) {
        let length = self.prefix.len();
        self.prefix.push_str(outer);
        self.depth += 1;
        if self.depth > DEEPEST {
            self.line("┌ ", "…");
        } else {
            for (at, branch) in branches.into_iter().enumerate() {
                let rail = if at == 0 { "┌ " } else { "├ " };
                let Branch {
                    step,
                    before,
                    after,
                } = branch;
                if step == split {
                    self.line(rail, &format!("{before}again"));
                } else if step == meet {
                    self.line(rail, &format!("{before}→"));
                } else {
                    let from = self.text.len();
                    self.sequence(step, Some(meet), &format!("{rail}{before}"), "│ ");
                    self.append_to_first_line(from, &after);
                }
            }
        }
        self.depth -= 1;
        self.prefix.truncate(length);
    }

    fn append_to_first_line(&mut self, from: usize, words: &str) {
        let end = self.text[from..].find('\n');
        if let Some(end) = end {
            self.text.insert_str(from + end, words);
        }
    }

    fn branches(&self, transition: &Transition) -> Vec<Branch> {
        let branch = |step: StepIndex, before: String, after: String| Branch {
            step,
            before,
            after,
        };
        match transition {
            Transition::End | Transition::Linear(_) => Vec::new(),
            Transition::Split(steps) => {
                let plain = |step: &StepIndex| branch(*step, String::new(), String::new());
                steps.iter().map(plain).collect()
            }
            Transition::Foreach { child, artifact } => {
                let words = format!(" ({})", each_of(artifact.as_deref()));
                vec![branch(*child, String::new(), words)]
            }
            Transition::Gang { child } => {
                vec![branch(*child, String::new(), " (gang)".to_owned())]
            }
            Transition::Switch { condition, cases } => cases
                .iter()
                .map(|(key, step)| {
                    branch(*step, format!("if {condition} is {key}: "), String::new())
                })
                .collect(),
        }
    }
}

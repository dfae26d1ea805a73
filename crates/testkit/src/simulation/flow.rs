//! Random flows: every shape that the validation lets through, with random decorators.

use pave_graph::{Graph, Transition};
use pave_scheduler::Options;

use crate::{GraphBuilder, Random};

/// Deepest nesting of splits.
const DEEPEST: u32 = 3;

/// A flow of up to about thirty steps.
#[must_use]
pub fn random_graph(random: &mut Random) -> Graph {
    let mut maker = Maker {
        builder: GraphBuilder::only("start"),
        random,
        steps: 1,
        budget: 0,
    };
    maker.budget = maker.random.between(1, 24);
    let last = maker.sequence("start".to_owned(), 0);
    if maker.random.chance(90) {
        let end = maker.step("end");
        maker.builder = maker.builder.linear(&last, &end);
    }
    let mut graph = maker.builder.build();
    for step in &mut graph.steps {
        decorate(step, random);
    }
    graph
}

/// Limits under which `graph` can run: no step asks for more than there is.
#[must_use]
pub fn random_options(random: &mut Random) -> Options {
    Options {
        max_workers: usize::try_from(random.between(1, 6)).unwrap_or(1),
        max_num_splits: random.between(3, 6),
        cpu_milli: random.between(4, 8) * 1000,
        memory_mib: random.between(1024, 4096),
        gpu: random.between(1, 2),
        grace_ms: random.below(3) * 400,
        max_lost: u32::try_from(random.below(8)).unwrap_or(0),
    }
}

struct Maker<'a> {
    builder: GraphBuilder,
    random: &'a mut Random,
    steps: u64,
    budget: u64,
}

impl Maker<'_> {
    /// Grows a sequence of parts behind `from`, which has no arrow yet. Returns its last step,
    /// which has none either.
    fn sequence(&mut self, mut from: String, depth: u32) -> String {
        while self.steps < self.budget && self.random.chance(88) {
            from = self.part(from, depth);
        }
        from
    }

    fn part(&mut self, from: String, depth: u32) -> String {
        let kind = if depth < DEEPEST {
            self.random.below(100)
        } else {
            0
        };
        match kind {
            0..35 => {
                let next = self.step("step");
                self.linear(&from, &next);
                next
            }
            35..60 => self.fan_out(from, depth, false),
            60..66 => self.fan_out(from, depth, true),
            66..84 => self.split(from, depth),
            _ => self.switch(from, depth),
        }
    }

    fn fan_out(&mut self, from: String, depth: u32, is_gang: bool) -> String {
        let from = self.ordinary(from);
        let child = self.step(if is_gang { "member" } else { "item" });
        let builder = std::mem::take(&mut self.builder);
        self.builder = if is_gang {
            builder.gang(&from, &child)
        } else {
            builder.foreach(&from, &child)
        };
        let last = match is_gang {
            true => child,
            false => self.sequence(child, depth + 1),
        };
        self.meet(&[last])
    }

    fn split(&mut self, from: String, depth: u32) -> String {
        let from = self.ordinary(from);
        let count = self.random.between(2, 3);
        let branches: Vec<String> = (0..count).map(|_| self.step("branch")).collect();
        let names: Vec<&str> = branches.iter().map(String::as_str).collect();
        self.builder = std::mem::take(&mut self.builder).split(&from, &names);
        let ends = branches
            .into_iter()
            .map(|branch| self.sequence(branch, depth + 1));
        let ends: Vec<String> = ends.collect();
        self.meet(&ends)
    }

    fn switch(&mut self, from: String, depth: u32) -> String {
        let from = self.ordinary(from);
        let count = self.random.between(2, 3);
        let mut cases: Vec<String> = (0..count).map(|_| self.step("case")).collect();
        let loops = self.random.chance(40);
        if loops {
            cases.truncate(1);
        }
        let mut names: Vec<&str> = cases.iter().map(String::as_str).collect();
        if loops {
            names.push(&from);
        }
        self.builder = std::mem::take(&mut self.builder).switch(&from, &names);
        let ends: Vec<String> = cases
            .into_iter()
            .map(|case| self.sequence(case, depth + 1))
            .collect();
        let after = self.step("after");
        for end in ends {
            self.linear(&end, &after);
        }
        after
    }

    /// A join of what ends in `ends`.
    fn meet(&mut self, ends: &[String]) -> String {
        let join = self.step("join");
        for end in ends {
            self.linear(end, &join);
        }
        self.builder = std::mem::take(&mut self.builder).join(&join);
        join
    }

    /// `from`, or a step behind it if it is a join: a join may not fan out itself.
    fn ordinary(&mut self, from: String) -> String {
        if !from.starts_with("join") {
            return from;
        }
        let next = self.step("step");
        self.linear(&from, &next);
        next
    }

    fn linear(&mut self, from: &str, to: &str) {
        self.builder = std::mem::take(&mut self.builder).linear(from, to);
    }

    fn step(&mut self, kind: &str) -> String {
        self.steps += 1;
        format!("{kind}{}", self.steps)
    }
}

fn decorate(step: &mut pave_graph::Step, random: &mut Random) {
    if random.chance(35) {
        step.retry.times = u32::try_from(random.between(1, 3)).unwrap_or(1);
        step.retry.pause_ms = if random.chance(50) {
            random.between(1, 500)
        } else {
            0
        };
    }
    let may_catch = matches!(
        step.transition,
        Transition::Linear(_) | Transition::Split(_) | Transition::End
    );
    if may_catch && random.chance(25) {
        step.catch = Some(None);
    }
    if random.chance(25) {
        step.timeout_seconds = Some(random.between(1, 3));
    }
    if random.chance(40) {
        step.resources.cpu_milli = random.between(1, 4) * 1000;
    }
    if random.chance(20) {
        step.resources.memory_mib = random.between(1, 1024);
    }
    if random.chance(10) {
        step.resources.gpu = 1;
    }
}

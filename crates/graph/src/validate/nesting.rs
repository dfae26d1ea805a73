//! Splits and the joins that close them (G004, G012, G013, G014).
//!
//! Walks the steps in topological order and carries along the stack of splits that are open around
//! each. A split's branches differ in their stack, a switch's cases don't: so two ways into an
//! ordinary step must carry equal stacks, and the ways into a join must be all branches of one split.

use pave_model::Code;

use super::frames::{Frame, FrameId, Frames};
use super::order::Order;
use super::outline::{Outline, Shape};
use super::suspicion::{Spot, Suspicion, Suspicions};
use crate::finding::{Findings, Words};

/// Which splits are open around each step, and which one a join closes.
pub(super) struct Nesting {
    frames: Frames,
    around: Vec<Option<FrameId>>,
    closes: Vec<Option<usize>>,
}

impl Nesting {
    /// The splits open around a step, outermost first.
    pub(super) fn open(&self, step: usize) -> Vec<usize> {
        let id = self.around[step].unwrap_or(Frames::ROOT);
        let above = self.frames.above(id, Frames::ROOT);
        let mut splits: Vec<usize> = above.map(|frame| frame.split).collect();
        splits.reverse();
        splits
    }

    /// The split that a join closes.
    pub(super) fn closes(&self, step: usize) -> Option<usize> {
        self.closes[step]
    }
}

/// Judges how splits and joins nest.
pub(super) fn check(
    outline: &Outline<'_>,
    order: &Order,
    in_cycle: Vec<bool>,
    findings: &mut Findings<'_>,
) -> Nesting {
    let mut walk = Walk::new(outline, order, in_cycle);
    for &step in &order.steps {
        walk.enter(step);
    }
    if !order.lacks_parts {
        let is_shaky = walk.shaky();
        walk.suspicions.report(&is_shaky, findings);
    }
    walk.nesting
}

/// A way into a step.
#[derive(Clone, Copy)]
struct Arrival {
    /// The step it comes from.
    from: usize,
    /// The splits open on the way.
    frame: FrameId,
}

struct Walk<'o, 'a> {
    outline: &'o Outline<'a>,
    nesting: Nesting,
    /// For each step, where its ways in come from: the step and the branch.
    entries: Vec<Vec<(usize, usize)>>,
    /// The join of each split.
    joined_by: Vec<Option<usize>>,
    suspicions: Suspicions<'o, 'a>,
}

impl<'o, 'a> Walk<'o, 'a> {
    fn new(outline: &'o Outline<'a>, order: &Order, in_cycle: Vec<bool>) -> Self {
        let count = outline.len();
        let mut entries = vec![Vec::new(); count];
        for &from in &order.steps {
            for (branch, to) in outline.exits[from].branches(from) {
                entries[to].push((from, branch));
            }
        }
        Self {
            outline,
            nesting: Nesting {
                frames: Frames::new(),
                around: vec![None; count],
                closes: vec![None; count],
            },
            entries,
            joined_by: vec![None; count],
            suspicions: Suspicions::new(outline, in_cycle),
        }
    }

    fn frames(&self) -> &Frames {
        &self.nesting.frames
    }

    /// Finds the stack around one step, all before it being known.
    fn enter(&mut self, step: usize) {
        if self.outline.start == Some(step) {
            self.nesting.around[step] = Some(Frames::ROOT);
            return;
        }
        for &(from, _) in &self.entries[step] {
            self.suspicions.follow(from, step);
        }
        let Some(arrivals) = self.arrivals(step) else {
            return;
        };
        let mut distinct: Vec<FrameId> = arrivals.iter().map(|arrival| arrival.frame).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let around = if self.outline.is_join(step) {
            self.join(step, &arrivals, &distinct)
        } else {
            self.pass(step, &arrivals, &distinct)
        };
        self.nesting.around[step] = Some(around);
        if self.outline.end == Some(step) {
            self.end(step, around);
        }
        self.suspicions.leave(step);
    }

    /// The ways into a step; `None` if one of them has an unknown stack or there are none.
    fn arrivals(&mut self, step: usize) -> Option<Vec<Arrival>> {
        let entries = std::mem::take(&mut self.entries[step]);
        let arrivals = entries.into_iter().map(|(from, branch)| {
            let around = self.nesting.around[from]?;
            let branch = match self.outline.exits[from].shape {
                Shape::Unclear => return None,
                Shape::End | Shape::Linear | Shape::Switch { .. } => None,
                Shape::Foreach { .. } | Shape::Gang => Some(0),
                Shape::Split => Some(branch),
            };
            let frame = match branch {
                None => around,
                Some(branch) => self.nesting.frames.push(Frame {
                    around,
                    split: from,
                    branch,
                }),
            };
            Some(Arrival { from, frame })
        });
        let arrivals: Vec<Arrival> = arrivals.collect::<Option<_>>()?;
        (!arrivals.is_empty()).then_some(arrivals)
    }

    /// Enters a step that is no join.
    fn pass(&mut self, step: usize, arrivals: &[Arrival], distinct: &[FrameId]) -> FrameId {
        let common = self.frames().common(distinct);
        if distinct.len() < 2 {
            return common;
        }
        let name = self.outline.name(step);
        let splits = self.splits_above(distinct, common);
        let outermost: Vec<Option<usize>> = distinct
            .iter()
            .map(|&id| {
                self.frames()
                    .above(id, common)
                    .last()
                    .map(|frame| frame.split)
            })
            .collect();
        let ways: Vec<usize> = arrivals.iter().map(|arrival| arrival.from).collect();
        let is_end = self.outline.end == Some(step);
        let shared = outermost[0].filter(|_| outermost.iter().all(|split| *split == outermost[0]));
        let (at, words) = match shared {
            Some(split) if is_end => (Spot::Tail(split), self.never_joined(split, step)),
            Some(split) => {
                let message = format!(
                    "branches of `{}` meet in step `{name}`, which is no join: {} lead to it",
                    self.outline.name(split),
                    self.outline.list(&ways),
                );
                let hint = format!("write `def {name}(self, inputs):`, or add a join before it");
                (Spot::Step(step), Words::new(message, hint))
            }
            None => {
                let message = format!(
                    "step `{name}` is reached with different splits open: {}",
                    self.describe(arrivals),
                );
                let hint = format!("join each split before `{name}`");
                (Spot::Step(step), Words::new(message, hint))
            }
        };
        self.suspicions.add(Suspicion {
            step,
            splits,
            code: Code::G004,
            at,
            words,
        });
        common
    }

    /// Enters a join.
    fn join(&mut self, step: usize, arrivals: &[Arrival], distinct: &[FrameId]) -> FrameId {
        let tops: Option<Vec<Frame>> = distinct
            .iter()
            .map(|&id| self.frames().innermost(id))
            .collect();
        let same = tops.filter(|tops| {
            let key = |frame: &Frame| (frame.around, frame.split);
            tops.iter().all(|top| key(top) == key(&tops[0]))
        });
        if let Some(tops) = same {
            if self.suspicions.is_join_in_doubt(step) && !self.missing(&tops).is_empty() {
                return distinct[0];
            }
            self.close(step, arrivals, &tops);
            return tops[0].around;
        }
        let name = self.outline.name(step);
        let common = self.frames().common(distinct);
        let mut splits = self.splits_above(distinct, common);
        let (code, words) = if distinct == [Frames::ROOT] {
            let message = format!("step `{name}` is a join, but no split is open before it");
            let hint = format!("write `def {name}(self):`, or split before it");
            (Code::G012, Words::new(message, hint))
        } else {
            let message = format!(
                "join `{name}` is reached with different splits open: {}",
                self.describe(arrivals),
            );
            let hint = "join the innermost split first, in a join of its own";
            (Code::G013, Words::new(message, hint))
        };
        // Closing what is open on the outermost way in is the best guess for the steps after it.
        let closed = self
            .frames()
            .innermost(common)
            .filter(|_| distinct.contains(&common));
        splits.extend(closed.map(|frame| frame.split));
        let around = closed.map_or(common, |frame| frame.around);
        // A join at the end is found already.
        if self.outline.end != Some(step) {
            let at = Spot::Step(step);
            self.suspicions.add(Suspicion {
                step,
                splits,
                code,
                at,
                words,
            });
        }
        around
    }

    /// The first steps of the branches that are not among `tops`.
    fn missing(&self, tops: &[Frame]) -> Vec<usize> {
        let exit = &self.outline.exits[tops[0].split];
        if !matches!(exit.shape, Shape::Split) {
            return Vec::new();
        }
        let mut is_there = vec![false; exit.targets.len()];
        for top in tops {
            is_there[top.branch] = true;
        }
        let branches = exit.targets.iter().zip(is_there);
        branches
            .filter(|(_, is_there)| !is_there)
            .map(|(branch, _)| *branch)
            .collect()
    }

    /// Closes the split that all `tops` are branches of.
    fn close(&mut self, step: usize, arrivals: &[Arrival], tops: &[Frame]) {
        let split = tops[0].split;
        let name = self.outline.name(step);
        let split_name = self.outline.name(split);
        let branches = &self.outline.exits[split].targets;
        let is_static = matches!(self.outline.exits[split].shape, Shape::Split);
        let missing = self.missing(tops);
        let is_straight = arrivals.iter().any(|arrival| arrival.from == split);
        self.nesting.closes[step] = Some(split);
        let before = self.joined_by[split].replace(step);
        let (code, at, words) = if !missing.is_empty() {
            let message = format!(
                "join `{name}` is reached by {} of the {} branches of `{split_name}`, not by {}",
                tops.len(),
                branches.len(),
                self.outline.list(&missing),
            );
            let hint = format!(
                "lead every branch of `{split_name}` to `{name}`; if `{name}` is no join, write \
                 `def {name}(self):`"
            );
            (Code::G013, Spot::Step(step), Words::new(message, hint))
        } else if is_straight && !is_static {
            let word = self.word(split);
            let message =
                format!("the {word} of step `{split_name}` leads straight into the join `{name}`");
            let hint = "put a step between them, that does the work for one item";
            (Code::G014, Spot::Tail(split), Words::new(message, hint))
        } else if is_straight {
            let message =
                format!("the split of step `{split_name}` leads straight into its join `{name}`");
            let hint = "put a step between them";
            (Code::G013, Spot::Tail(split), Words::new(message, hint))
        } else if let Some(before) = before {
            let message = format!(
                "the {} of step `{split_name}` is joined twice: by `{}` and by `{name}`",
                self.word(split),
                self.outline.name(before),
            );
            let hint = "lead all its branches to one join";
            (Code::G013, Spot::Step(step), Words::new(message, hint))
        } else {
            return;
        };
        self.suspicions.add(Suspicion {
            step,
            splits: vec![split],
            code,
            at,
            words,
        });
    }

    /// Judges what is still open at the end.
    fn end(&mut self, step: usize, around: FrameId) {
        let open: Vec<usize> = self
            .frames()
            .above(around, Frames::ROOT)
            .map(|frame| frame.split)
            .collect();
        for split in open {
            let words = self.never_joined(split, step);
            self.suspicions.add(Suspicion {
                step,
                splits: vec![split],
                code: Code::G004,
                at: Spot::Tail(split),
                words,
            });
        }
    }

    fn never_joined(&self, split: usize, end: usize) -> Words {
        let message = format!(
            "the {} of step `{}` is still open at the end, step `{}`",
            self.word(split),
            self.outline.name(split),
            self.outline.name(end),
        );
        let hint =
            "add a join before the end: a step that takes `inputs`, which all branches lead to";
        Words::new(message, hint)
    }

    /// Each way in with the split that is open on it.
    fn describe(&self, arrivals: &[Arrival]) -> String {
        const MOST: usize = 4;
        let mut parts: Vec<String> = arrivals
            .iter()
            .take(MOST)
            .map(|arrival| {
                let from = self.outline.name(arrival.from);
                match self.frames().innermost(arrival.frame) {
                    Some(frame) => format!(
                        "from `{from}` the {} of `{}`",
                        self.word(frame.split),
                        self.outline.name(frame.split)
                    ),
                    None => format!("from `{from}` none"),
                }
            })
            .collect();
        if arrivals.len() > MOST {
            parts.push("…".to_owned());
        }
        parts.join(", ")
    }

    fn word(&self, split: usize) -> &'static str {
        let shape = &self.outline.exits[split].shape;
        shape.split_word().unwrap_or("split")
    }

    /// The splits that any of the stacks has on top of `base`.
    fn splits_above(&self, ids: &[FrameId], base: FrameId) -> Vec<usize> {
        let above = |&id| self.frames().above(id, base).map(|frame| frame.split);
        let mut splits: Vec<usize> = ids.iter().flat_map(above).collect();
        splits.sort_unstable();
        splits.dedup();
        splits
    }

    /// The splits around an exit in doubt, and doubtful ones themselves: what they lack may be what
    /// that exit was to lead to.
    fn shaky(&self) -> Vec<bool> {
        let mut is_shaky = vec![false; self.outline.len()];
        for (at, exit) in self.outline.exits.iter().enumerate() {
            if !exit.is_doubtful {
                continue;
            }
            is_shaky[at] = true;
            let around = self.nesting.around[at].unwrap_or(Frames::ROOT);
            for frame in self.frames().above(around, Frames::ROOT) {
                is_shaky[frame.split] = true;
            }
        }
        is_shaky
    }
}

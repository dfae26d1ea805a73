//! Admission: who is launched next.
//!
//! Waiting tasks stand in one lane for each step, because tasks of a step reserve the same. A lane
//! holds ranges, so a million waiting children are one entry. Every task has a *turn*, counted up
//! as tasks become ready; the smallest turn that fits is launched. A task keeps its turn over
//! retries. The members of a gang are one entry, launched as a whole; a member that is tried again
//! is launched alone, while the others are under way or done. Tasks that fit may overtake one that doesn't, [`MAX_OVERTAKEN`] times; then everything
//! waits until it fits.

use std::collections::VecDeque;

use pave_graph::{Graph, Resources, StepIndex};

use crate::Options;
use crate::plan::Plan;
use crate::resources::Kind;
use crate::tree::Span;

/// How many tasks may overtake a waiting one.
pub(crate) const MAX_OVERTAKEN: usize = 64;

/// Waiting tasks, and what the running ones reserve.
#[derive(Debug)]
pub(crate) struct Queue {
    lanes: Vec<Lane>,
    next_turn: u64,
    /// Turns of launched tasks that are above the smallest waiting turn, ascending. The task with
    /// the smallest turn has been overtaken by all of these, any other by those above its own.
    overtakers: Vec<u64>,
    workers: usize,
    used: Resources,
}

/// The waiting tasks of one step.
#[derive(Debug)]
struct Lane {
    need: Resources,
    /// Whether each entry is a gang, launched as a whole.
    together: bool,
    entries: VecDeque<Entry>,
}

/// Tasks `first .. first + count` with turns `turn .. turn + count`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    turn: u64,
    first: u32,
    count: u32,
}

impl Queue {
    /// An empty queue for the steps of a graph.
    pub(crate) fn new(graph: &Graph, plan: &Plan) -> Self {
        let lanes = graph.iter().map(|(index, step)| Lane {
            need: step.resources,
            together: plan.step(index).together,
            entries: VecDeque::new(),
        });
        Self {
            lanes: lanes.collect(),
            next_turn: 0,
            overtakers: Vec::new(),
            workers: 0,
            used: Resources::default(),
        }
    }

    /// Puts tasks at the end.
    pub(crate) fn push(&mut self, span: Span) {
        let turn = self.next_turn;
        self.next_turn += u64::from(span.count);
        let lane = &mut self.lanes[usize::from(span.step.0)];
        if !lane.together
            && let Some(last) = lane.entries.back_mut()
            && last.turn + u64::from(last.count) == turn
            && last.first + last.count == span.first
        {
            last.count += span.count;
            return;
        }
        lane.entries.push_back(Entry {
            turn,
            first: span.first,
            count: span.count,
        });
    }

    /// Puts a task back at its old turn.
    pub(crate) fn put_back(&mut self, step: StepIndex, task: u32, turn: u64) {
        let entries = &mut self.lanes[usize::from(step.0)].entries;
        let at = entries.partition_point(|entry| entry.turn < turn);
        entries.insert(
            at,
            Entry {
                turn,
                first: task,
                count: 1,
            },
        );
    }

    /// The tasks to launch next: one, or a whole gang. `None` if nothing waits or nothing may.
    pub(crate) fn next(&self, options: &Options) -> Option<Span> {
        let head = self.smallest_turn()?;
        let room = MAX_OVERTAKEN.saturating_sub(self.overtakers.len());
        let mut best: Option<(u64, Span)> = None;
        for (at, lane) in self.lanes.iter().enumerate() {
            let Some(entry) = lane.entries.front() else {
                continue;
            };
            let count = if lane.together { entry.count } else { 1 };
            let in_turn = entry.turn == head || count as usize <= room;
            let better = best.is_none_or(|(turn, _)| entry.turn < turn);
            if better && in_turn && self.admits(lane.need, count, options) {
                let step = StepIndex(u16::try_from(at).unwrap_or(u16::MAX));
                let first = entry.first;
                best = Some((entry.turn, Span { step, first, count }));
            }
        }
        best.map(|(_, span)| span)
    }

    /// Takes a task out, wherever it stands, and returns its turn.
    pub(crate) fn take(&mut self, step: StepIndex, task: u32) -> Option<u64> {
        let entries = &mut self.lanes.get_mut(usize::from(step.0))?.entries;
        let holds = |entry: &Entry| (entry.first..entry.first + entry.count).contains(&task);
        let at = entries.iter().position(holds)?;
        let entry = entries[at];
        let offset = task - entry.first;
        let turn = entry.turn + u64::from(offset);
        let rest = Entry {
            turn: turn + 1,
            first: task + 1,
            count: entry.count - offset - 1,
        };
        match (offset, rest.count) {
            (0, 0) => {
                entries.remove(at);
            }
            (0, _) => entries[at] = rest,
            _ => {
                entries[at].count = offset;
                if rest.count > 0 {
                    entries.insert(at + 1, rest);
                }
            }
        }
        Some(turn)
    }

    /// Reserves for an attempt that starts at `turn`, and notes whom it overtakes.
    pub(crate) fn reserve(&mut self, step: StepIndex, turn: u64) {
        let need = self.need(step);
        self.workers += 1;
        self.used.cpu_milli = self.used.cpu_milli.saturating_add(need.cpu_milli);
        self.used.memory_mib = self.used.memory_mib.saturating_add(need.memory_mib);
        self.used.gpu = self.used.gpu.saturating_add(need.gpu);
        match self.smallest_turn() {
            None => self.overtakers.clear(),
            Some(head) => {
                if turn > head {
                    let at = self.overtakers.partition_point(|other| *other < turn);
                    self.overtakers.insert(at, turn);
                }
                self.overtakers.retain(|other| *other > head);
            }
        }
    }

    /// Frees what an attempt reserved.
    pub(crate) fn release(&mut self, step: StepIndex) {
        let need = self.need(step);
        self.workers = self.workers.saturating_sub(1);
        self.used.cpu_milli = self.used.cpu_milli.saturating_sub(need.cpu_milli);
        self.used.memory_mib = self.used.memory_mib.saturating_sub(need.memory_mib);
        self.used.gpu = self.used.gpu.saturating_sub(need.gpu);
    }

    /// What running attempts reserve.
    pub(crate) fn used(&self) -> Resources {
        self.used
    }

    /// Waiting tasks with their turns, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        let entries = self.lanes.iter().flat_map(|lane| &lane.entries);
        entries.flat_map(|entry| {
            (0..entry.count).map(|at| (entry.turn + u64::from(at), entry.first + at))
        })
    }

    /// The first task in line.
    pub(crate) fn head(&self) -> Option<u32> {
        let heads = self.lanes.iter().filter_map(|lane| lane.entries.front());
        heads
            .min_by_key(|entry| entry.turn)
            .map(|entry| entry.first)
    }

    fn smallest_turn(&self) -> Option<u64> {
        let heads = self.lanes.iter().filter_map(|lane| lane.entries.front());
        heads.map(|entry| entry.turn).min()
    }

    fn admits(&self, need: Resources, count: u32, options: &Options) -> bool {
        let workers = self.workers.saturating_add(count as usize);
        workers <= options.max_workers.max(1)
            && Kind::ALL.into_iter().all(|kind| {
                let (need, used) = (kind.need(&need), kind.need(&self.used));
                kind.fits(need, u64::from(count), used, kind.capacity(options))
            })
    }

    fn need(&self, step: StepIndex) -> Resources {
        self.lanes
            .get(usize::from(step.0))
            .map_or_else(Resources::default, |lane| lane.need)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;

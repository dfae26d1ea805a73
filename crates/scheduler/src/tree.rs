//! Where tasks sit: numbers, places, what they continue, and what follows when one has succeeded.
//!
//! A *scope* is one fan-out that happened (or the run itself, scope 0). A *block* is a range of
//! task numbers of one step in one scope: all items of a certain step as one block, or a single
//! task behind a switch. So a foreach of a million costs one scope, one block and a byte per task.

use std::collections::HashMap;

use pave_graph::{Graph, StepIndex, Transition};
use pave_model::TaskNumber;

use crate::joins::Column;
use crate::plan::{Level, Plan};
use crate::tally::{Phase, Tally};
use crate::{Frame, Place, Verdict};

/// Most tasks of one run. A byte each is set aside at a fan-out, so this bounds what one careless
/// `foreach` can take.
pub(crate) const MAX_TASKS: u64 = 1 << 27;

/// Tasks `first .. first + count` of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) step: StepIndex,
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Span {
    /// The first `count` tasks, and the rest.
    pub(crate) fn split(self, count: u32) -> (Self, Self) {
        let count = count.min(self.count);
        let front = Self { count, ..self };
        let rest = Self {
            first: self.first + count,
            count: self.count - count,
            ..self
        };
        (front, rest)
    }
}

/// One fan-out, or the run itself.
#[derive(Debug)]
struct Scope {
    /// The scope that the fan-out's task is in, and its item there.
    outer: u32,
    item: u32,
    /// The task and step that fanned out; of scope 0, `_parameters`.
    task: u32,
    split: StepIndex,
    count: u32,
    /// Of the join that closes it: who has arrived, and how many are missing.
    arrived: Column,
    missing: u32,
}

/// A range of tasks.
#[derive(Debug)]
struct Block {
    first: u32,
    count: u32,
    scope: u32,
    /// Item of the first task; 0 where the block holds all items of the scope.
    item: u32,
    iteration: u32,
    parents: Parents,
    step: StepIndex,
}

/// What the tasks of a block continue.
#[derive(Clone, Copy, Debug)]
enum Parents {
    /// Nothing: the start.
    None,
    /// All the same task.
    One(u32),
    /// Each the task of the same item, in the block that begins here.
    Aligned(u32),
    /// A join of branches: `Tree::branches`.
    Branches,
    /// A join of items: `Tree::gathered`.
    Items,
}

/// Where one task is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) step: StepIndex,
    pub(crate) iteration: u32,
    pub(crate) item: u32,
    scope: u32,
    block: usize,
}

/// All tasks of a run.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) tally: Tally,
    blocks: Vec<Block>,
    scopes: Vec<Scope>,
    /// The block of a certain step in a scope.
    certain: HashMap<(StepIndex, u32), usize>,
    /// Joins of branches: who has arrived, by the join's block, a column for each branch.
    branches: HashMap<usize, Vec<Column>>,
    /// Joins of branches behind a switch: their block, by step, scope and item.
    lone_joins: HashMap<(StepIndex, u32, u32), usize>,
    /// Joins of items: the scope that the task closes.
    gathered: HashMap<u32, u32>,
    /// Whether the end step's task has succeeded.
    pub(crate) ended: bool,
}

impl Tree {
    /// A run with no task but `_parameters`.
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            tally: Tally::new(steps),
            blocks: Vec::new(),
            scopes: Vec::new(),
            certain: HashMap::new(),
            branches: HashMap::new(),
            lone_joins: HashMap::new(),
            gathered: HashMap::new(),
            ended: false,
        }
    }

    /// Brings the start task into the world.
    pub(crate) fn plant(&mut self, graph: &Graph, plan: &Plan) -> Option<Span> {
        graph.steps.get(usize::from(graph.start.0))?;
        self.open_scope(Scope {
            outer: 0,
            item: 0,
            task: 0,
            split: graph.start,
            count: 1,
            arrived: Column::default(),
            missing: 1,
        });
        for step in plan.root() {
            self.tally.expect(*step, 1);
        }
        let block = self.block(plan, graph.start, (0, 0), Parents::None);
        self.bear(plan, block, 0)
    }

    /// Where a task is; `None` for numbers never given and for `_parameters`.
    pub(crate) fn spot(&self, task: u32) -> Option<Spot> {
        let block = self
            .blocks
            .partition_point(|block| block.first <= task)
            .checked_sub(1)?;
        let found = &self.blocks[block];
        let offset = task - found.first;
        (offset < found.count).then(|| Spot {
            step: found.step,
            iteration: found.iteration,
            item: found.item + offset,
            scope: found.scope,
            block,
        })
    }

    /// The place of a task.
    pub(crate) fn place(&self, plan: &Plan, spot: Spot) -> Place {
        let levels = &plan.step(spot.step).levels;
        let mut indices = vec![0; levels.len()];
        let (mut scope, mut item) = (spot.scope, spot.item);
        for (index, level) in indices.iter_mut().zip(levels).rev() {
            match level {
                Level::Branch(branch) => *index = *branch,
                Level::Item(_) => {
                    *index = item;
                    let around = self.scope(scope);
                    (scope, item) = (around.outer, around.item);
                }
            }
        }
        Place {
            indices,
            iteration: spot.iteration,
        }
    }

    /// The fan-outs around a task, outermost first.
    pub(crate) fn frames(&self, spot: Spot) -> Vec<Frame> {
        let mut frames = Vec::new();
        let (mut scope, mut item) = (spot.scope, spot.item);
        while scope != 0 {
            let around = self.scope(scope);
            frames.push(Frame {
                split: around.split,
                task: TaskNumber(around.task),
                index: u64::from(item),
                count: u64::from(around.count),
            });
            (scope, item) = (around.outer, around.item);
        }
        frames.reverse();
        frames
    }

    /// The tasks that a task continues, in order.
    pub(crate) fn parents(&self, spot: Spot) -> Vec<TaskNumber> {
        let block = &self.blocks[spot.block];
        let offset = spot.item - block.item;
        match block.parents {
            Parents::None => Vec::new(),
            Parents::One(task) => vec![TaskNumber(task)],
            Parents::Aligned(first) => vec![TaskNumber(first + offset)],
            Parents::Branches => self
                .branches
                .get(&spot.block)
                .into_iter()
                .flatten()
                .filter_map(|column| column.get(offset).map(TaskNumber))
                .collect(),
            Parents::Items => {
                let Some(scope) = self.gathered.get(&(block.first + offset)) else {
                    return Vec::new();
                };
                let scope = self.scope(*scope);
                let mut parents = Vec::with_capacity(scope.count as usize);
                let arrived = (0..scope.count).filter_map(|item| scope.arrived.get(item));
                parents.extend(arrived.map(TaskNumber));
                parents
            }
        }
    }

    /// Whether every task that a task continues was cloned. True for the start.
    pub(crate) fn continues_clones(&self, spot: Spot) -> bool {
        let cloned = |task: u32| self.tally.phase(task) == Phase::Cloned;
        match self.blocks[spot.block].parents {
            Parents::One(task) => cloned(task),
            Parents::Aligned(first) => cloned(first + spot.item),
            _ => self.parents(spot).iter().all(|task| cloned(task.0)),
        }
    }

    /// How many numbers a verdict of the task at `spot` takes up.
    pub(crate) fn numbers_needed(
        &self,
        graph: &Graph,
        plan: &Plan,
        spot: Spot,
        verdict: &Verdict,
    ) -> u64 {
        if let Some(splits) = verdict.splits {
            return splits;
        }
        let needed = |next: &StepIndex| {
            let scope = match graph.step(*next).closes {
                Some(split) if !is_branching(graph, split) => self.scope(spot.scope).outer,
                _ => spot.scope,
            };
            match plan.step(*next).certain {
                true if self.certain.contains_key(&(*next, scope)) => 0,
                true => u64::from(self.scope(scope).count),
                false => 1,
            }
        };
        verdict.next.iter().map(needed).sum()
    }

    /// Follows the verdict of a task that has just succeeded or been cloned. Returns the tasks
    /// that can be taken up now.
    pub(crate) fn follow(
        &mut self,
        graph: &Graph,
        plan: &Plan,
        task: u32,
        verdict: &Verdict,
    ) -> Vec<Span> {
        let Some(spot) = self.spot(task) else {
            return Vec::new();
        };
        match &graph.step(spot.step).transition {
            Transition::End => {
                self.ended = true;
                Vec::new()
            }
            Transition::Foreach { child, .. } | Transition::Gang { child } => {
                let count = verdict
                    .splits
                    .map_or(0, |splits| u32::try_from(splits).unwrap_or(u32::MAX));
                vec![self.fan_out(plan, spot, (task, *child), count)]
            }
            _ => verdict
                .next
                .iter()
                .filter_map(|next| self.arrive(graph, plan, (task, spot), *next))
                .collect(),
        }
    }

    /// Opens the scope of a fan-out and brings its children into the world, as one range.
    fn fan_out(&mut self, plan: &Plan, spot: Spot, link: (u32, StepIndex), count: u32) -> Span {
        let (task, child) = link;
        let scope = self.open_scope(Scope {
            outer: spot.scope,
            item: spot.item,
            task,
            split: spot.step,
            count,
            arrived: Column::default(),
            missing: count,
        });
        for step in &plan.step(spot.step).body {
            self.tally.expect(*step, u64::from(count));
        }
        let certain = plan.step(child).certain;
        let block = self.push_block(child, scope, (0, count), Parents::One(task));
        if certain {
            self.certain.insert((child, scope), block);
        } else {
            self.tally.expect(child, u64::from(count));
        }
        let first = self.blocks[block].first;
        self.tally.bear(first, count, child);
        Span {
            step: child,
            first,
            count,
        }
    }

    /// A task hands over to `next`: a join, the next pass of a loop, or an ordinary step.
    fn arrive(
        &mut self,
        graph: &Graph,
        plan: &Plan,
        from: (u32, Spot),
        next: StepIndex,
    ) -> Option<Span> {
        let (task, spot) = from;
        match graph.step(next).closes {
            Some(split) if is_branching(graph, split) => {
                let branches = graph.step(split).transition.targets().len();
                return self.join_branch(plan, from, next, branches);
            }
            Some(_) => return self.join_item(plan, from, next),
            None => {}
        }
        let parents = if plan.step(next).certain {
            Parents::Aligned(self.blocks[spot.block].first)
        } else {
            Parents::One(task)
        };
        let block = self.block(plan, next, (spot.scope, spot.item), parents);
        if next == spot.step {
            self.blocks[block].iteration = spot.iteration.saturating_add(1);
        }
        self.bear(plan, block, spot.item)
    }

    /// A branch arrives at its join; the join follows once all branches have.
    fn join_branch(
        &mut self,
        plan: &Plan,
        from: (u32, Spot),
        join: StepIndex,
        branches: usize,
    ) -> Option<Span> {
        let (task, spot) = from;
        let Some(Level::Branch(branch)) = plan.step(spot.step).levels.last() else {
            return None;
        };
        let key = (join, spot.scope, spot.item);
        let block = match self.lone_joins.get(&key) {
            Some(block) => *block,
            None => self.block(plan, join, (spot.scope, spot.item), Parents::Branches),
        };
        let Block { count, item, .. } = self.blocks[block];
        let aligned = self.aligned(plan, from, count);
        let columns = self
            .branches
            .entry(block)
            .or_insert_with(|| vec![Column::default(); branches]);
        columns
            .get_mut(*branch as usize)?
            .arrive(spot.item - item, count, task, aligned);
        let tally = &self.tally;
        let complete = columns.iter().all(|column| {
            let task = column.get(spot.item - item);
            task.is_some_and(|task| tally.phase(task).is_done())
        });
        if complete {
            self.lone_joins.remove(&key);
            return self.bear(plan, block, spot.item);
        }
        if !plan.step(join).certain {
            self.lone_joins.insert(key, block);
        }
        None
    }

    /// An item arrives at its join; the join follows once all items have.
    fn join_item(&mut self, plan: &Plan, from: (u32, Spot), join: StepIndex) -> Option<Span> {
        let (task, spot) = from;
        if spot.scope == 0 {
            return None;
        }
        let count = self.scope(spot.scope).count;
        let aligned = self.aligned(plan, from, count);
        let scope = &mut self.scopes[spot.scope as usize];
        scope.arrived.arrive(spot.item, count, task, aligned);
        scope.missing = scope.missing.checked_sub(1)?;
        if scope.missing > 0 {
            return None;
        }
        let at = (scope.outer, scope.item);
        let block = self.block(plan, join, at, Parents::Items);
        let span = self.bear(plan, block, at.1)?;
        self.gathered.insert(span.first, spot.scope);
        Some(span)
    }

    /// Where the range begins that holds the task of every item which meets at a join of `count`
    /// items, if there is one.
    fn aligned(&self, plan: &Plan, from: (u32, Spot), count: u32) -> Option<u32> {
        let (task, spot) = from;
        if plan.step(spot.step).certain {
            return Some(self.blocks[spot.block].first);
        }
        (count == 1).then_some(task)
    }

    fn scope(&self, scope: u32) -> &Scope {
        &self.scopes[scope as usize]
    }

    fn open_scope(&mut self, scope: Scope) -> u32 {
        let index = u32::try_from(self.scopes.len()).expect("MAX_TASKS bounds the fan-outs");
        self.scopes.push(scope);
        index
    }

    /// The block that holds the task of a step at an item: for a certain step the block of the
    /// whole scope, made when it is first needed; else a new one of its own.
    fn block(&mut self, plan: &Plan, step: StepIndex, at: (u32, u32), parents: Parents) -> usize {
        let (scope, item) = at;
        if !plan.step(step).certain {
            return self.push_block(step, scope, (item, 1), parents);
        }
        if let Some(block) = self.certain.get(&(step, scope)) {
            return *block;
        }
        let count = self.scope(scope).count;
        let block = self.push_block(step, scope, (0, count), parents);
        self.certain.insert((step, scope), block);
        block
    }

    fn push_block(
        &mut self,
        step: StepIndex,
        scope: u32,
        items: (u32, u32),
        parents: Parents,
    ) -> usize {
        let (item, count) = items;
        self.blocks.push(Block {
            first: self.tally.set_aside(count),
            count,
            scope,
            item,
            iteration: 0,
            parents,
            step,
        });
        self.blocks.len() - 1
    }

    /// Brings the task of a block at an item into the world. `None` if it is there already, which
    /// only a graph whose branches meet without a join can bring about.
    fn bear(&mut self, plan: &Plan, block: usize, item: u32) -> Option<Span> {
        let block = &self.blocks[block];
        let first = block.first + (item - block.item);
        if self.tally.phase(first) != Phase::Unborn {
            return None;
        }
        self.tally.bear(first, 1, block.step);
        if !plan.step(block.step).certain {
            self.tally.expect(block.step, 1);
        }
        Some(Span {
            step: block.step,
            first,
            count: 1,
        })
    }
}

/// Whether a split is a static one.
fn is_branching(graph: &Graph, split: StepIndex) -> bool {
    matches!(graph.step(split).transition, Transition::Split(_))
}

//! A foreach of a million tasks: how long it takes and what it costs in memory.

#![expect(clippy::print_stdout, reason = "the figures are half of the point")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pave_graph::{Graph, StepIndex};
use pave_model::{AttemptNumber, Millis, RunState, TaskNumber};
use pave_scheduler::{Effect, Event, Input, Options, Origin, OriginTask, Outcome, Scheduler};
use pave_testkit::{GraphBuilder, Random, text};

/// The system's allocator, with a count of the bytes that are in use and of the most there were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(in_use, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Held by a test while it measures, so that tests don't count each other's bytes.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Items of the large foreach.
const ITEMS: u64 = 1_000_000;

/// Items where the body has several steps.
const FEWER: u64 = 250_000;

/// What a run of many tasks cost.
struct Cost {
    tasks: u64,
    tasks_per_second: f64,
    /// Bytes that the scheduler held at its end.
    kept: usize,
    /// Most bytes that were in use at any time, the driver's own few and all outcomes included.
    peak: usize,
}

impl Cost {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn tell(&self, what: &str) {
        let tasks = self.tasks as f64;
        println!(
            "{what}: {} tasks, {:.0} tasks/s, {:.1} bytes per task kept, {:.1} at the peak",
            self.tasks,
            self.tasks_per_second,
            self.kept as f64 / tasks,
            self.peak as f64 / tasks,
        );
    }

    fn assert_below(&self, bytes_per_task: u64) {
        let most = usize::try_from(self.tasks * bytes_per_task).expect("small");
        assert!(self.kept < most, "{} bytes kept", self.kept);
        assert!(self.peak < most, "{} bytes at the peak", self.peak);
    }
}

/// Runs a flow to its end, answering in random order, with `items` items in its one foreach.
fn run(graph: Graph, items: u64, origin: Option<Origin>) -> Cost {
    let graph = Arc::new(graph);
    let options = Options {
        max_workers: 64,
        max_num_splits: items,
        ..text::generous_options()
    };
    let mut random = Random::new(1);
    let mut open: VecDeque<(TaskNumber, AttemptNumber, StepIndex)> = VecDeque::new();
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let started = Instant::now();
    let mut scheduler = Scheduler::new(graph.clone(), options, origin, None);
    let mut input = Input::Start;
    let mut finished = None;
    while finished.is_none() {
        let outcome = scheduler.step(Millis(0), input);
        finished = finish_of(&outcome);
        let mut more = false;
        for effect in &outcome.effects {
            match effect {
                Effect::Launch {
                    task,
                    attempt,
                    step,
                    ..
                } => open.push_back((*task, *attempt, *step)),
                Effect::SetTimer { .. } => more = true,
                Effect::Stop { .. } => {}
            }
        }
        if more || open.is_empty() {
            input = Input::Elapsed(pave_scheduler::Timer::Cloning);
            continue;
        }
        let at = usize::try_from(random.below(open.len() as u64)).expect("small");
        let (task, attempt, step) = open.swap_remove_back(at).expect("within");
        input = Input::Succeeded {
            task,
            attempt,
            verdict: choose(&graph, &mut random, (step, items)),
        };
    }
    assert_eq!(finished, Some(RunState::Succeeded));
    let seconds = started.elapsed().as_secs_f64();
    let tasks = scheduler.task_count();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let tasks_per_second = tasks as f64 / seconds;
    Cost {
        tasks,
        tasks_per_second,
        kept: IN_USE.load(Ordering::Relaxed) - before,
        peak: PEAK.load(Ordering::Relaxed) - before,
    }
}

fn finish_of(outcome: &Outcome) -> Option<RunState> {
    outcome.events.iter().find_map(|event| match event {
        Event::RunFinished { state } => Some(*state),
        _ => None,
    })
}

/// Takes one of a switch's cases.
fn choose(graph: &Graph, random: &mut Random, of: (StepIndex, u64)) -> pave_scheduler::Verdict {
    let (step, items) = of;
    let mut verdict = text::declared(graph, step, Some(items));
    let targets = graph.step(step).transition.targets();
    if verdict.splits.is_none() && verdict.next.len() < targets.len() {
        verdict.next = vec![*random.pick(&targets)];
    }
    verdict
}

#[test]
fn a_million_tasks_cost_a_few_bytes_each() {
    let _turn = TURN.lock();
    let graph = GraphBuilder::new()
        .foreach("start", "fit")
        .linear("fit", "gather")
        .join("gather")
        .linear("gather", "end")
        .build();
    let cost = run(graph, ITEMS, None);
    cost.tell("foreach of one step");
    assert_eq!(cost.tasks, ITEMS + 3);
    cost.assert_below(8);
}

#[test]
fn a_body_of_branches_costs_no_more() {
    let _turn = TURN.lock();
    let graph = GraphBuilder::new()
        .foreach("start", "fit")
        .split("fit", &["a", "b"])
        .linear("a", "meet")
        .linear("b", "meet")
        .join("meet")
        .linear("meet", "gather")
        .join("gather")
        .linear("gather", "end")
        .build();
    let cost = run(graph, FEWER, None);
    cost.tell("foreach of four steps with branches");
    assert_eq!(cost.tasks, 4 * FEWER + 3);
    cost.assert_below(24);
}

#[test]
fn a_body_with_a_switch_costs_less_than_64_bytes_each() {
    let _turn = TURN.lock();
    let graph = GraphBuilder::new()
        .foreach("start", "choose")
        .switch("choose", &["a", "b"])
        .linear("a", "after")
        .linear("b", "after")
        .linear("after", "gather")
        .join("gather")
        .linear("gather", "end")
        .build();
    let cost = run(graph, FEWER, None);
    cost.tell("foreach of three steps with a switch");
    assert_eq!(cost.tasks, 3 * FEWER + 3);
    cost.assert_below(64);
}

#[test]
fn a_million_tasks_are_cloned_without_holding_all_events_at_once() {
    let _turn = TURN.lock();
    let graph = GraphBuilder::new()
        .foreach("start", "fit")
        .linear("fit", "gather")
        .join("gather")
        .linear("gather", "end")
        .build();
    let mut origin = Origin::default();
    let place = |indices: &[u32]| pave_scheduler::Place {
        indices: indices.to_vec(),
        iteration: 0,
    };
    let mut add = |name: &str, indices: &[u32], task: u32| {
        let step = graph.find(name).expect("it is in the graph");
        let task = OriginTask {
            task: TaskNumber(task),
            verdict: text::declared(&graph, step, Some(ITEMS)),
        };
        origin.tasks.insert((step, place(indices)), task);
    };
    add("start", &[], 1);
    for item in 0..u32::try_from(ITEMS).expect("small") {
        add("fit", &[item], item + 2);
    }
    let cost = run(graph, ITEMS, Some(origin));
    cost.tell("resumed foreach of one step");
    assert_eq!(cost.tasks, ITEMS + 3);
    cost.assert_below(16);
}

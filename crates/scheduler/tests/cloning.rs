//! Cloning in portions: a large run is resumed without one outcome that holds it all.

use std::sync::Arc;

use pave_graph::Graph;
use pave_model::{Millis, TaskNumber};
use pave_scheduler::{
    Effect, Event, Input, Options, Origin, OriginTask, Outcome, Place, Scheduler, Timer,
};
use pave_testkit::{GraphBuilder, text};

const ITEMS: u64 = 25_000;

fn graph() -> Arc<Graph> {
    let builder = GraphBuilder::new()
        .foreach("start", "fit")
        .linear("fit", "gather");
    Arc::new(builder.join("gather").linear("gather", "end").build())
}

fn options() -> Options {
    Options {
        max_workers: 3,
        max_num_splits: ITEMS,
        ..text::generous_options()
    }
}

/// The start and every second item succeeded.
fn origin(graph: &Graph) -> Origin {
    let mut origin = Origin::default();
    let mut add = |name: &str, indices: Vec<u32>, task: u32| {
        let step = graph.find(name).expect("it is in the graph");
        let place = Place {
            indices,
            iteration: 0,
        };
        let task = OriginTask {
            task: TaskNumber(task),
            verdict: text::declared(graph, step, Some(ITEMS)),
        };
        origin.tasks.insert((step, place), task);
    };
    add("start", vec![], 1);
    for item in (0..u32::try_from(ITEMS).expect("small")).step_by(2) {
        add("fit", vec![item], item + 2);
    }
    origin
}

fn clones(outcome: &Outcome) -> usize {
    let is_clone = |event: &&Event| matches!(event, Event::TaskCloned { .. });
    outcome.events.iter().filter(is_clone).count()
}

fn go_on() -> Effect {
    Effect::SetTimer {
        timer: Timer::Cloning,
        after_ms: 0,
    }
}

#[test]
fn a_large_run_is_cloned_in_portions_and_only_then_launched() {
    let graph = graph();
    let mut scheduler = Scheduler::new(graph.clone(), options(), Some(origin(&graph)), None);
    let first = scheduler.step(Millis(0), Input::Start);
    assert_eq!(clones(&first), 10_000);
    assert_eq!(first.effects, [go_on()]);
    let second = scheduler.step(Millis(0), Input::Elapsed(Timer::Cloning));
    assert_eq!(clones(&second), 12_501 - 10_000);
    let launched: Vec<TaskNumber> = scheduler.under_way().map(|it| it.task).collect();
    assert_eq!(
        launched,
        [3, 5, 7].map(TaskNumber),
        "the items that had failed"
    );
    assert_eq!(second.effects.len(), 3);
}

#[test]
fn a_crash_between_portions_loses_none() {
    let graph = graph();
    let origin = Some(origin(&graph));
    let mut live = Scheduler::new(graph.clone(), options(), origin.clone(), None);
    let first = live.step(Millis(0), Input::Start);
    let recovered = Scheduler::recover(graph, options(), origin, None, first.events);
    let (mut recovered, effects) = recovered.unwrap();
    assert_eq!(effects, [go_on()]);
    assert_eq!(recovered.snapshot(), live.snapshot());
    let go_on = Input::Elapsed(Timer::Cloning);
    let expected = live.step(Millis(0), go_on.clone());
    assert_eq!(recovered.step(Millis(0), go_on), expected);
}

#[test]
fn an_interrupt_is_heard_between_portions() {
    let graph = graph();
    let mut scheduler = Scheduler::new(graph.clone(), options(), Some(origin(&graph)), None);
    scheduler.step(Millis(0), Input::Start);
    let outcome = scheduler.step(Millis(0), Input::Interrupt);
    assert_eq!(clones(&outcome), 0);
    assert!(scheduler.run_state().is_finished());
}

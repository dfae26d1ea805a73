use std::collections::BTreeMap;

use pave_graph::{Step, Transition};
use proptest::prelude::*;

use super::*;

fn options(workers: usize, cpu_milli: u64) -> Options {
    Options {
        max_workers: workers,
        max_num_splits: 100,
        cpu_milli,
        memory_mib: 0,
        gpu: 0,
        grace_ms: 0,
        max_lost: 0,
    }
}

/// A queue with a lane for each reservation; `gang` makes the second lane one of gangs.
fn queue(cpus: &[u64], gang: bool) -> Queue {
    let mut steps: Vec<Step> = cpus
        .iter()
        .map(|cpu| Step {
            resources: Resources {
                cpu_milli: *cpu,
                ..Resources::default()
            },
            ..Step::default()
        })
        .collect();
    if gang {
        let child = StepIndex(1);
        steps[0].transition = Transition::Gang { child };
    }
    let graph = Graph {
        steps,
        ..Graph::default()
    };
    let plan = Plan::new(&graph);
    Queue::new(&graph, &plan)
}

fn span(step: u16, first: u32, count: u32) -> Span {
    Span {
        step: StepIndex(step),
        first,
        count,
    }
}

fn launch(queue: &mut Queue, options: &Options) -> Option<Span> {
    let next = queue.next(options)?;
    for task in next.first..next.first + next.count {
        let turn = queue.take(next.step, task).unwrap();
        queue.reserve(next.step, turn);
    }
    Some(next)
}

#[test]
fn a_million_waiting_tasks_are_one_entry() {
    let mut queue = queue(&[0], false);
    queue.push(span(0, 1, 500_000));
    queue.push(span(0, 500_001, 500_000));
    assert_eq!(queue.lanes[0].entries.len(), 1);
}

#[test]
fn a_large_task_is_overtaken_by_at_most_64_small_ones() {
    let options = options(100, 4000);
    let mut queue = queue(&[4000, 1000], false);
    queue.push(span(1, 1, 1));
    assert_eq!(launch(&mut queue, &options), Some(span(1, 1, 1)));
    queue.push(span(0, 2, 1));
    queue.push(span(1, 3, 1000));
    let mut overtook = 0;
    while let Some(next) = launch(&mut queue, &options) {
        assert_eq!(next.step, StepIndex(1), "the large one doesn't fit");
        queue.release(StepIndex(1));
        overtook += 1;
    }
    assert_eq!(overtook, MAX_OVERTAKEN);
    queue.release(StepIndex(1));
    assert_eq!(launch(&mut queue, &options), Some(span(0, 2, 1)));
    queue.release(StepIndex(0));
    assert_eq!(launch(&mut queue, &options), Some(span(1, 67, 1)));
}

#[test]
fn a_gang_waits_until_all_of_it_fits() {
    let options = options(3, 4000);
    let mut queue = queue(&[0, 1000], true);
    queue.push(span(0, 1, 1));
    queue.push(span(1, 2, 3));
    assert_eq!(launch(&mut queue, &options), Some(span(0, 1, 1)));
    assert_eq!(launch(&mut queue, &options), None);
    queue.release(StepIndex(0));
    assert_eq!(launch(&mut queue, &options), Some(span(1, 2, 3)));
}

#[test]
fn two_gangs_in_a_row_stay_two() {
    let options = options(3, 4000);
    let mut queue = queue(&[0, 0], true);
    queue.push(span(1, 1, 2));
    queue.push(span(1, 3, 2));
    assert_eq!(launch(&mut queue, &options), Some(span(1, 1, 2)));
    assert_eq!(launch(&mut queue, &options), None);
}

#[test]
fn a_task_taken_from_the_middle_leaves_the_others_in_order() {
    let options = options(1, 0);
    let mut queue = queue(&[0], false);
    queue.push(span(0, 1, 4));
    assert_eq!(queue.take(StepIndex(0), 3), Some(2));
    assert_eq!(queue.take(StepIndex(0), 3), None);
    queue.put_back(StepIndex(0), 3, 2);
    let mut order = Vec::new();
    while let Some(next) = launch(&mut queue, &options) {
        order.push(next.first);
        queue.release(next.step);
    }
    assert_eq!(order, [1, 2, 3, 4]);
}

#[derive(Clone, Debug)]
enum Deed {
    Push(u16, u32),
    Finish(usize),
    Retry(usize),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        (0..4u16, 1..40u32).prop_map(|(step, count)| Deed::Push(step, count)),
        any::<usize>().prop_map(Deed::Finish),
        any::<usize>().prop_map(Deed::Finish),
        any::<usize>().prop_map(Deed::Retry),
    ];
    prop::collection::vec(deed, 1..300)
}

proptest! {
    #[test]
    fn nobody_starves_and_nothing_is_reserved_twice(
        deeds in deeds(),
        workers in 1..6usize,
        cpus in prop::collection::vec(0..4u64, 4),
        retries in any::<bool>(),
    ) {
        // A task that is tried again brings its old turn, so that nobody can count exactly.
        let cpus: Vec<u64> = cpus.into_iter().map(|cpu| cpu * 1000).collect();
        let options = options(workers, 4000);
        let mut queue = queue(&cpus, false);
        let mut running: Vec<(u16, u32)> = Vec::new();
        // Waiting tasks in the order of their turns, with how often each was overtaken.
        let mut waiting: BTreeMap<u32, (u16, usize)> = BTreeMap::new();
        let mut next_task = 1;
        for deed in deeds {
            match deed {
                Deed::Push(step, count) => {
                    queue.push(span(step, next_task, count));
                    waiting.extend((next_task..next_task + count).map(|task| (task, (step, 0))));
                    next_task += count;
                }
                Deed::Finish(_) | Deed::Retry(_) if running.is_empty() => {}
                Deed::Finish(at) | Deed::Retry(at) if !retries || matches!(deed, Deed::Finish(_)) => {
                    let (step, _) = running.swap_remove(at % running.len());
                    queue.release(StepIndex(step));
                }
                Deed::Finish(at) | Deed::Retry(at) => {
                    let (step, task) = running.swap_remove(at % running.len());
                    queue.release(StepIndex(step));
                    // Task numbers are turns here, but counted from 1.
                    queue.put_back(StepIndex(step), task, u64::from(task) - 1);
                    waiting.insert(task, (step, 0));
                }
            }
            loop {
                let used: u64 = running.iter().map(|(step, _)| cpus[usize::from(*step)]).sum();
                let fits = |step: u16| {
                    let need = cpus[usize::from(step)];
                    running.len() < workers && (need == 0 || used + need <= 4000)
                };
                let mut in_order = waiting.iter();
                let first = in_order.find(|(_, (step, _))| fits(*step)).map(|(task, _)| *task);
                let Some(next) = launch(&mut queue, &options) else {
                    // Waiting is right only if nothing fits, or somebody was overtaken enough.
                    let full = waiting.values().any(|(_, overtaken)| *overtaken == MAX_OVERTAKEN);
                    prop_assert!(first.is_none() || full || retries, "{first:?} fits and waits");
                    break;
                };
                prop_assert_eq!(Some(next.first), first, "not the first that fits");
                prop_assert!(waiting.remove(&next.first).is_some());
                for (_, (_, overtaken)) in waiting.range_mut(..next.first) {
                    *overtaken += 1;
                    prop_assert!(*overtaken <= MAX_OVERTAKEN);
                }
                running.push((next.step.0, next.first));
            }
            let used: u64 = running.iter().map(|(step, _)| cpus[usize::from(*step)]).sum();
            prop_assert!(running.len() <= workers && used <= 4000);
            prop_assert_eq!(used, queue.used().cpu_milli);
        }
    }
}

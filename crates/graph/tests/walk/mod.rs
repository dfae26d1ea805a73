//! Runs a graph with tokens and checks that each join gets all of its inputs and the end is reached
//! once: an answer to "can this run?" that shares nothing with validation.

use std::collections::HashMap;

use pave_graph::{Graph, StepIndex, Transition};

/// Children of each foreach and gang.
const CHILDREN: usize = 2;
/// More tasks than this are not walked: deep nesting multiplies.
const MOST_TASKS: usize = 20_000;

/// For each split around a task, the splitting task and the branch.
type Place = Vec<(usize, usize)>;

/// A task to come.
#[derive(Clone)]
struct Token {
    step: StepIndex,
    place: Place,
}

/// Checks what the scheduler relies on.
pub(crate) fn check(graph: &Graph) {
    check_order(graph);
    for seed in 0..4 {
        run(graph, seed);
    }
}

fn check_order(graph: &Graph) {
    for (from, step) in graph.iter() {
        let is_switch = matches!(step.transition, Transition::Switch { .. });
        for to in step.transition.targets() {
            assert!(
                to > from || (to == from && is_switch),
                "{} leads back",
                step.name
            );
        }
        assert_eq!(
            step.transition == Transition::End,
            from == graph.end,
            "{}",
            step.name
        );
    }
    let mut joins: Vec<StepIndex> = graph.steps.iter().filter_map(|step| step.closes).collect();
    let splits: Vec<StepIndex> = graph
        .iter()
        .filter(|(_, step)| {
            use Transition::{Foreach, Gang, Split};
            matches!(step.transition, Split(_) | Foreach { .. } | Gang { .. })
        })
        .map(|(index, _)| index)
        .collect();
    joins.sort_unstable();
    assert_eq!(joins, splits, "every split has one join");
}

fn run(graph: &Graph, seed: usize) {
    let mut tokens = vec![Token {
        step: graph.start,
        place: Vec::new(),
    }];
    let mut waiting: HashMap<(StepIndex, Place, usize), usize> = HashMap::new();
    let (mut tasks, mut ends) = (0, 0);
    while let Some(Token { step: at, place }) = tokens.pop() {
        tasks += 1;
        if tasks > MOST_TASKS {
            return;
        }
        let step = graph.step(at);
        assert_eq!(place.len(), step.open.len(), "{}", step.name);
        let mut arrive = |to: StepIndex, mut place: Place| {
            let Some(split) = graph.step(to).closes else {
                tokens.push(Token { step: to, place });
                return;
            };
            let (task, _) = place.pop().expect("a join is inside of its split");
            let count = match &graph.step(split).transition {
                Transition::Split(steps) => steps.len(),
                _ => CHILDREN,
            };
            let arrived = waiting.entry((to, place.clone(), task)).or_default();
            *arrived += 1;
            if *arrived == count {
                waiting.remove(&(to, place.clone(), task));
                tokens.push(Token { step: to, place });
            }
        };
        let inside = |branch: usize| [&place[..], &[(tasks, branch)]].concat();
        match &step.transition {
            Transition::End => ends += 1,
            Transition::Linear(to) => arrive(*to, place.clone()),
            Transition::Split(steps) => {
                for (branch, to) in steps.iter().enumerate() {
                    arrive(*to, inside(branch));
                }
            }
            Transition::Foreach { child, .. } | Transition::Gang { child } => {
                for branch in 0..CHILDREN {
                    arrive(*child, inside(branch));
                }
            }
            Transition::Switch { cases, .. } => {
                // Passes a self-loop sometimes, in different runs at different times, but not forever.
                let choice = (tasks * 7 + seed) % cases.len();
                let mut ways = cases.iter().cycle().skip(choice).map(|(_, to)| *to);
                let way = ways.find(|to| *to != at || (tasks + seed).is_multiple_of(3));
                arrive(way.expect("a case leads on"), place.clone());
            }
        }
    }
    assert_eq!(ends, 1, "the end is reached once");
    assert!(waiting.is_empty(), "a join waits forever");
}

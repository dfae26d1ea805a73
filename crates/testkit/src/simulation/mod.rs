//! Whole runs under seeds: random flows, a random executor, and crashes between any two effects.
//!
//! [`simulate`] drives one flow under one seed: a run, and then a run that resumes it. The driver
//! does what a runtime does, at its worst: it crashes before the events are stored, after, and
//! between any two effects; answers come late, twice, or of attempts given up long ago.
//! After every input the books are checked (`ledger.rs`), and what is recovered from the stored
//! events is compared with the state reached live.

mod executor;
mod flow;
mod ledger;
mod world;

use std::sync::Arc;

use pave_graph::StepIndex;
use pave_model::RunState;
use pave_scheduler::Origin;

pub use executor::{Answer, Assignment, FakeExecutor, Habits};
pub use flow::{random_graph, random_options};
pub use ledger::{Broken, Ledger};
pub use world::World;

use crate::Random;

/// What the runs of a simulation came to, to see that they were worth it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs that were interrupted.
    pub interrupted: u64,
    /// Attempts of all runs.
    pub attempts: u64,
    /// Tasks of all runs that were done or cloned.
    pub done: u64,
    /// Tasks of all runs that were cloned.
    pub cloned: u64,
    /// Crashes of all runs.
    pub crashes: u64,
}

/// Drives a random flow under `seed`: a run, and one or two that resume it.
///
/// # Errors
/// The rule that was broken, with the last lines of what happened.
pub fn simulate(seed: u64) -> Result<Report, Broken> {
    let mut random = Random::new(seed);
    let graph = Arc::new(random_graph(&mut random));
    let mut report = Report::default();
    let mut origin: Option<Origin> = None;
    for round in 0..=random.between(1, 2) {
        let rerun = (round > 0 && random.chance(40)).then(|| {
            let step = random.below(graph.steps.len() as u64);
            StepIndex(u16::try_from(step).unwrap_or(0))
        });
        let habits = random_habits(&mut random, round);
        let options = random_options(&mut random);
        let resumed = origin.take();
        let executor = FakeExecutor::new(habits, &options);
        let mut world = World::new(graph.clone(), options, (resumed, rerun), executor);
        let state = world.run(&mut random)?;
        match state {
            RunState::Succeeded => report.succeeded += 1,
            RunState::Failed => report.failed += 1,
            _ => report.interrupted += 1,
        }
        report.attempts += world.ledger().attempts() as u64;
        report.done += world.ledger().done() as u64;
        report.cloned += world.cloned();
        report.crashes += world.crashes();
        origin = Some(world.ledger().origin());
    }
    Ok(report)
}

/// A quarter of the executors is well-behaved, so that runs succeed too; later rounds, which
/// resume, are calmer.
fn random_habits(random: &mut Random, round: u64) -> Habits {
    let scale = match random.below(4) {
        0 => 0,
        1 => 1,
        _ => 3 / (round + 1),
    };
    Habits {
        raises: scale * random.below(6),
        dies: scale * random.below(4),
        loses: scale * random.below(4),
        hangs: scale * random.below(4),
        errs: scale * random.below(3),
        repeats: random.below(30),
        suspects: scale * random.below(3),
        loops: random.below(70),
        drags: random.below(10),
    }
}

//! What holds whatever comes in.

use std::sync::Arc;

use pave_graph::{Graph, StepIndex};
use pave_model::{AttemptNumber, Millis, TaskNumber};
use pave_scheduler::{
    Event, Input, LostReason, Options, Origin, OriginTask, Outcome, Place, Scheduler, Timer,
    Verdict,
};
use pave_testkit::simulation::{random_graph, random_options};
use pave_testkit::{Random, text};
use proptest::prelude::*;

/// An input that fits a small flow more often than not. What a success leads to is `None` where
/// it is to be what the step's source declares.
#[derive(Clone, Debug)]
enum Say {
    Input(Input),
    Succeeds(TaskNumber, AttemptNumber, u64),
}

fn task() -> impl Strategy<Value = TaskNumber> {
    prop_oneof![9 => 0..14u32, 1 => any::<u32>()].prop_map(TaskNumber)
}

fn attempt() -> impl Strategy<Value = AttemptNumber> {
    prop_oneof![9 => 0..3u32, 1 => any::<u32>()].prop_map(AttemptNumber)
}

fn splits() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0..5u64, 1 => any::<u64>()]
}

fn timer() -> impl Strategy<Value = Timer> {
    prop_oneof![
        task().prop_map(Timer::Retry),
        (task(), attempt()).prop_map(|(task, attempt)| Timer::Timeout(task, attempt)),
        Just(Timer::Grace),
        Just(Timer::Cloning),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let step = prop_oneof![9 => 0..8u16, 1 => any::<u16>()].prop_map(StepIndex);
    let next = prop::collection::vec(step, 0..4);
    (next, prop::option::of(splits())).prop_map(|(next, splits)| Verdict { next, splits })
}

fn say() -> impl Strategy<Value = Say> {
    let succeeds = (task(), attempt(), splits());
    let misled = (task(), attempt(), verdict());
    let failed = (task(), attempt(), any::<bool>());
    let lost = (task(), attempt(), any::<bool>());
    prop_oneof![
        1 => Just(Say::Input(Input::Start)),
        1 => Just(Say::Input(Input::Interrupt)),
        30 => succeeds.prop_map(|(task, attempt, splits)| Say::Succeeds(task, attempt, splits)),
        2 => misled.prop_map(|(task, attempt, verdict)| Say::Input(Input::Succeeded {
            task, attempt, verdict,
        })),
        4 => failed.prop_map(|(task, attempt, died)| Say::Input(Input::Failed {
            task, attempt, died,
        })),
        4 => lost.prop_map(|(task, attempt, stopped)| Say::Input(Input::Lost {
            task,
            attempt,
            reason: if stopped { LostReason::Stopped } else { LostReason::Worker },
        })),
        4 => timer().prop_map(|timer| Say::Input(Input::Elapsed(timer))),
    ]
}

/// A run, fed with what is said.
struct Fed {
    graph: Arc<Graph>,
    options: Options,
    origin: Option<Origin>,
    scheduler: Scheduler,
    stored: Vec<Event>,
}

impl Fed {
    fn new(seed: u64, origin: Option<Origin>) -> Self {
        let mut random = Random::new(seed);
        let graph = Arc::new(random_graph(&mut random));
        let options = random_options(&mut random);
        Self {
            scheduler: Scheduler::new(graph.clone(), options.clone(), origin.clone(), None),
            graph,
            options,
            origin,
            stored: Vec::new(),
        }
    }

    fn say(&mut self, say: Say) -> Outcome {
        let input = match say {
            Say::Input(input) => input,
            Say::Succeeds(task, attempt, splits) => {
                let step = self.scheduler.step_of(task);
                let verdict = step.map(|step| text::declared(&self.graph, step, Some(splits)));
                Input::Succeeded {
                    task,
                    attempt,
                    verdict: verdict.unwrap_or_default(),
                }
            }
        };
        let outcome = self.scheduler.step(Millis(0), input);
        self.stored.extend(outcome.events.iter().cloned());
        outcome
    }

    fn recover(&self, events: Vec<Event>) -> Result<Scheduler, pave_scheduler::RecoverError> {
        let (graph, options) = (self.graph.clone(), self.options.clone());
        Scheduler::recover(graph, options, self.origin.clone(), None, events)
            .map(|(scheduler, _)| scheduler)
    }
}

/// Something to clone at random places.
fn origin() -> impl Strategy<Value = Option<Origin>> {
    let place = (prop::collection::vec(0..3u32, 0..3), 0..2u32);
    let task = (0..8u16, place, any::<u32>(), verdict());
    let tasks = prop::collection::vec(task, 0..20).prop_map(|tasks| Origin {
        tasks: tasks
            .into_iter()
            .map(|(step, (indices, iteration), task, verdict)| {
                let place = Place { indices, iteration };
                let task = TaskNumber(task);
                ((StepIndex(step), place), OriginTask { task, verdict })
            })
            .collect(),
    });
    prop::option::of(tasks)
}

proptest! {
    #[test]
    fn no_input_makes_it_panic_and_recovery_always_agrees(
        seed in any::<u64>(),
        origin in origin(),
        says in prop::collection::vec(say(), 1..80),
    ) {
        let mut run = Fed::new(seed, origin);
        run.say(Say::Input(Input::Start));
        for say in says {
            let before = run.scheduler.snapshot();
            let outcome = run.say(say);
            let after = run.scheduler.snapshot();
            if outcome.events.is_empty() {
                prop_assert_eq!(&before, &after, "changed without an event");
            } else {
                let recovered = run.recover(run.stored.clone()).unwrap().snapshot();
                prop_assert_eq!(&recovered, &after);
            }
            let counts = run.scheduler.progress();
            prop_assert!(counts.iter().all(|counts| counts.expected >= counts.total()));
        }
    }

    #[test]
    fn equal_inputs_come_to_equal_outcomes(
        seed in any::<u64>(),
        says in prop::collection::vec(say(), 1..40),
    ) {
        let (mut one, mut two) = (Fed::new(seed, None), Fed::new(seed, None));
        for say in says {
            prop_assert_eq!(one.say(say.clone()), two.say(say));
        }
    }

    #[test]
    fn events_that_do_not_follow_are_refused_not_believed(
        seed in any::<u64>(),
        says in prop::collection::vec(say(), 1..60),
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut run = Fed::new(seed, None);
        run.say(Say::Input(Input::Start));
        for say in says {
            run.say(say);
        }
        let mut events = run.stored.clone();
        let cut = cut.index(events.len());
        let event = events.remove(cut);
        let without = run.recover(events.clone());
        events.insert(at.index(events.len() + 1), event);
        // Whether it is refused depends on what was moved; that nothing panics does not.
        if let Ok(recovered) = run.recover(events) {
            drop(recovered.snapshot());
        }
        let is_start = cut == 0;
        prop_assert!(!is_start || run.stored.len() == 1 || without.is_err());
    }
}

#[test]
fn an_event_of_another_flow_is_refused_by_its_number() {
    let run = Fed::new(1, None);
    let events = vec![
        Event::RunStarted,
        Event::TaskSucceeded {
            task: TaskNumber(1),
            attempt: AttemptNumber(0),
            verdict: Verdict::default(),
        },
    ];
    let error = run.recover(events).unwrap_err();
    assert_eq!(error.number, 2);
    assert_eq!(error.code(), pave_model::Code::M006);
}

//! What must hold of every run, judged from its events and effects alone.
//!
//! The ledger knows the graph and the rules, and nothing of how the scheduler works inside: it
//! finds parents, followers and clones by places, not by numbers.

mod checks;
mod places;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pave_graph::{Graph, Resources, StepIndex};
use pave_model::{RunState, TaskNumber};
use pave_scheduler::{AfterFailure, Event, Options, Origin, OriginTask, Outcome, Place, Verdict};

use places::iteration_of;

use crate::text::tell_event;

/// Most fallback attempts of a task.
const MAX_FALLBACKS: u32 = 3;

/// A rule that was broken, in words.
pub type Broken = String;

/// The books of one run.
#[derive(Debug)]
pub struct Ledger {
    graph: Arc<Graph>,
    options: Options,
    origin: Option<Origin>,
    rerun: HashSet<StepIndex>,
    tasks: HashMap<TaskNumber, Entry>,
    places: HashMap<(StepIndex, Place), TaskNumber>,
    /// Done tasks by where they lead: the step, the indices of the done task, the iteration.
    leads: HashMap<(StepIndex, Place), TaskNumber>,
    launched: HashSet<(TaskNumber, u32)>,
    used: Resources,
    under_way: usize,
    begun: bool,
    stopping: bool,
    finished: Option<RunState>,
}

/// What is known of a task.
#[derive(Clone, Debug)]
struct Entry {
    step: StepIndex,
    place: Place,
    attempts: u32,
    open: Option<u32>,
    done: Option<Verdict>,
    cloned: bool,
    failed: bool,
    interrupted: bool,
    retried: u32,
    lost: u32,
    fallbacks: u32,
}

impl Ledger {
    /// Empty books.
    #[must_use]
    pub fn new(
        graph: Arc<Graph>,
        options: Options,
        origin: Option<Origin>,
        rerun: Option<StepIndex>,
    ) -> Self {
        Self {
            rerun: behind(&graph, rerun),
            graph,
            options,
            origin,
            tasks: HashMap::new(),
            places: HashMap::new(),
            leads: HashMap::new(),
            launched: HashSet::new(),
            used: Resources::default(),
            under_way: 0,
            begun: false,
            stopping: false,
            finished: None,
        }
    }

    /// Enters an outcome whose events were stored.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn enter(&mut self, outcome: &Outcome) -> Result<(), Broken> {
        for event in &outcome.events {
            self.enter_event(event)
                .map_err(|broken| format!("{}: {broken}", tell_event(&self.graph, event)))?;
        }
        self.check_gangs(outcome)?;
        for effect in &outcome.effects {
            self.check_effect(effect)?;
        }
        self.check_launches(outcome)
    }

    /// How the run ended, once it has.
    #[must_use]
    pub fn finished(&self) -> Option<RunState> {
        self.finished
    }

    /// Number of tasks that were executed or cloned.
    #[must_use]
    pub fn done(&self) -> usize {
        self.tasks
            .values()
            .filter(|task| task.done.is_some())
            .count()
    }

    /// Number of attempts.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.launched.len()
    }

    /// What a run that resumes this one may clone.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let done = self.tasks.iter().filter_map(|(task, entry)| {
            let verdict = entry.done.clone()?;
            let task = OriginTask {
                task: *task,
                verdict,
            };
            Some(((entry.step, entry.place.clone()), task))
        });
        Origin {
            tasks: done.collect(),
        }
    }

    /// Checks the books of a run that has ended. `interrupted` says that somebody asked for it.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn close(&self, interrupted: bool) -> Result<(), Broken> {
        let state = self.finished.ok_or("the run has not finished")?;
        ensure(self.under_way == 0, || "attempts are left under way".into())?;
        ensure(self.used == Resources::default(), || {
            "reservations are left".into()
        })?;
        match state {
            RunState::Succeeded => self.check_complete(),
            RunState::Failed => ensure(self.tasks.values().any(|task| task.failed), || {
                "the run failed, but no task did".into()
            }),
            RunState::Interrupted => ensure(interrupted, || "nobody interrupted the run".into()),
            RunState::Running => Err("the run finished as running".into()),
        }
    }

    fn enter_event(&mut self, event: &Event) -> Result<(), Broken> {
        ensure(self.finished.is_none(), || "the run is over".into())?;
        match event {
            Event::RunStarted => {
                ensure(!self.begun, || "begun twice".into())?;
                self.begun = true;
                Ok(())
            }
            Event::AttemptStarted {
                task,
                step,
                place,
                attempt,
            } => self.enter_start(*task, *step, place, attempt.0),
            Event::TaskCloned {
                task,
                step,
                place,
                origin,
                verdict,
            } => self.enter_clone(*task, (*step, place), *origin, verdict),
            Event::TaskSucceeded {
                task,
                attempt,
                verdict,
            } => {
                self.close_attempt(*task, attempt.0)?;
                self.finish(*task, verdict)
            }
            Event::AttemptFailed {
                task,
                attempt,
                then,
            } => self.enter_failure(*task, attempt.0, *then, false),
            Event::AttemptLost {
                task,
                attempt,
                then,
            } => self.enter_failure(*task, attempt.0, *then, true),
            Event::RunStopping { .. } => {
                ensure(!self.stopping, || "stopping twice".into())?;
                self.stopping = true;
                Ok(())
            }
            Event::RunFinished { state } => {
                self.finished = Some(*state);
                Ok(())
            }
        }
    }

    fn enter_start(
        &mut self,
        task: TaskNumber,
        step: StepIndex,
        place: &Place,
        attempt: u32,
    ) -> Result<(), Broken> {
        ensure(!self.stopping, || "launched while the run stops".into())?;
        self.introduce(task, step, place)?;
        if attempt == 0 {
            self.check_not_clonable(step, place)?;
        }
        let Some(entry) = self.tasks.get_mut(&task) else {
            return Err("unknown".into());
        };
        ensure(entry.open.is_none(), || "two attempts at once".into())?;
        ensure(entry.done.is_none() && !entry.failed, || {
            "finished before".into()
        })?;
        ensure(entry.attempts == attempt, || {
            format!("expected attempt {}", entry.attempts)
        })?;
        entry.open = Some(attempt);
        entry.attempts += 1;
        self.launched.insert((task, attempt));
        let need = self.graph.step(step).resources;
        self.under_way += 1;
        self.used.cpu_milli += need.cpu_milli;
        self.used.memory_mib += need.memory_mib;
        self.used.gpu += need.gpu;
        let (used, options) = (self.used, &self.options);
        ensure(self.under_way <= options.max_workers, || {
            "more attempts than workers".into()
        })?;
        let fits = used.cpu_milli <= options.cpu_milli
            && used.memory_mib <= options.memory_mib
            && used.gpu <= options.gpu;
        ensure(fits, || format!("reserved {used:?}, more than there is"))
    }

    fn enter_clone(
        &mut self,
        task: TaskNumber,
        spot: (StepIndex, &Place),
        origin: TaskNumber,
        verdict: &Verdict,
    ) -> Result<(), Broken> {
        ensure(!self.stopping, || "cloned while the run stops".into())?;
        let (step, place) = spot;
        let fresh = !self.tasks.contains_key(&task);
        ensure(fresh, || "executed or cloned before".into())?;
        self.introduce(task, step, place)?;
        let found = self.find_origin(step, place);
        let same = found.is_some_and(|found| found.task == origin && found.verdict == *verdict);
        ensure(same, || "not what the origin has at this place".into())?;
        ensure(!self.rerun.contains(&step), || {
            "its step is executed anew".into()
        })?;
        for parent in self.parents(step, place)? {
            let cloned = self.tasks.get(&parent).is_some_and(|parent| parent.cloned);
            ensure(cloned, || {
                format!("it continues {parent}, which was executed")
            })?;
        }
        if let Some(entry) = self.tasks.get_mut(&task) {
            entry.cloned = true;
        }
        self.finish(task, verdict)
    }

    fn enter_failure(
        &mut self,
        task: TaskNumber,
        attempt: u32,
        then: AfterFailure,
        lost: bool,
    ) -> Result<(), Broken> {
        self.close_attempt(task, attempt)?;
        let (stopping, max_lost) = (self.stopping, self.options.max_lost);
        let Some(entry) = self.tasks.get_mut(&task) else {
            return Err("unknown".into());
        };
        let step = self.graph.step(entry.step);
        let again = matches!(then, AfterFailure::Retry { .. } | AfterFailure::Fallback);
        ensure(!(again && stopping), || {
            "tried again while the run stops".into()
        })?;
        match then {
            _ if again && lost => entry.lost += 1,
            AfterFailure::Retry { .. } => entry.retried += 1,
            AfterFailure::Fallback => entry.fallbacks += 1,
            AfterFailure::TaskFailed => {
                let exhausted = match lost {
                    true => entry.lost == max_lost,
                    false => entry.retried == step.retry.times,
                };
                ensure(exhausted, || "failed with tries left".into())?;
                entry.failed = true;
            }
            AfterFailure::TaskInterrupted => {
                ensure(stopping, || "interrupted, but the run does not stop".into())?;
                entry.interrupted = true;
            }
        }
        ensure(entry.lost <= max_lost, || "lost too often".into())?;
        ensure(entry.retried <= step.retry.times, || {
            "retried too often".into()
        })?;
        let most = if step.catch.is_some() {
            MAX_FALLBACKS
        } else {
            0
        };
        ensure(entry.fallbacks <= most, || "too many fallbacks".into())
    }

    fn close_attempt(&mut self, task: TaskNumber, attempt: u32) -> Result<(), Broken> {
        let Some(entry) = self.tasks.get_mut(&task) else {
            return Err("unknown".into());
        };
        ensure(entry.open == Some(attempt), || {
            "not the attempt under way".into()
        })?;
        entry.open = None;
        let need = self.graph.step(entry.step).resources;
        self.under_way -= 1;
        self.used.cpu_milli -= need.cpu_milli;
        self.used.memory_mib -= need.memory_mib;
        self.used.gpu -= need.gpu;
        Ok(())
    }

    fn finish(&mut self, task: TaskNumber, verdict: &Verdict) -> Result<(), Broken> {
        let Some(entry) = self.tasks.get_mut(&task) else {
            return Err("unknown".into());
        };
        ensure(entry.done.is_none(), || "done twice".into())?;
        entry.done = Some(verdict.clone());
        let entry = entry.clone();
        ensure(self.may_lead(entry.step, verdict), || {
            "leads where its step doesn't".into()
        })?;
        for next in &verdict.next {
            let place = Place {
                indices: entry.place.indices.clone(),
                iteration: iteration_of(&entry, *next),
            };
            let before = self.leads.insert((*next, place), task);
            ensure(before.is_none(), || {
                "two tasks lead to the same place".into()
            })?;
        }
        Ok(())
    }

    /// Notes a task with its place; a task stays at its place, and a place has one task.
    fn introduce(
        &mut self,
        task: TaskNumber,
        step: StepIndex,
        place: &Place,
    ) -> Result<(), Broken> {
        if let Some(entry) = self.tasks.get(&task) {
            let same = entry.step == step && entry.place == *place;
            return ensure(same, || "moved to another place".into());
        }
        let depth = self.graph.step(step).open.len();
        ensure(place.indices.len() == depth, || {
            "an index for each open split".into()
        })?;
        let before = self.places.insert((step, place.clone()), task);
        ensure(before.is_none(), || format!("{before:?} is at that place"))?;
        self.tasks.insert(
            task,
            Entry {
                step,
                place: place.clone(),
                attempts: 0,
                open: None,
                done: None,
                cloned: false,
                failed: false,
                interrupted: false,
                retried: 0,
                lost: 0,
                fallbacks: 0,
            },
        );
        self.parents(step, place).map(|_| ())
    }

    fn find_origin(&self, step: StepIndex, place: &Place) -> Option<&OriginTask> {
        self.origin.as_ref()?.tasks.get(&(step, place.clone()))
    }
}

/// A step and everything behind it.
fn behind(graph: &Graph, step: Option<StepIndex>) -> HashSet<StepIndex> {
    let mut found = HashSet::new();
    let mut open: Vec<StepIndex> = step.into_iter().collect();
    while let Some(step) = open.pop() {
        if found.insert(step) {
            open.extend(graph.step(step).transition.targets());
        }
    }
    found
}

fn ensure(holds: bool, broken: impl FnOnce() -> Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken()) }
}

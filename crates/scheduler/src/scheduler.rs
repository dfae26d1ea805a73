//! The machine: what each input comes to.
//!
//! States of a run and what they do with inputs. "Current" is the attempt that is under way for
//! its task; answers of any other attempt are late or duplicate, and ignored in every state.
//!
//! | input | `New` | `Running` | `Stopping` | `Finished` |
//! |---|---|---|---|---|
//! | `Start` | → `Running` | looks for what can be launched | – | – |
//! | `Succeeded`, current | – | task succeeds, followers wait | task succeeds, nothing follows | – |
//! | the same, refused | – | as `Failed` with `died` | as `Failed` with `died` | – |
//! | `Failed`, current | – | retry, fallback, or task fails → `Stopping` | task fails, or is interrupted if tries are left or it was told to stop | – |
//! | `Lost`, current | – | retry, or task fails → `Stopping` | task interrupted | – |
//! | `Elapsed(Retry)` | – | task waits for its turn | – | – |
//! | `Elapsed(Timeout)`, current | – | attempt told to stop | attempt told to stop | – |
//! | `Elapsed(Grace)` | – | – | all told to stop | – |
//! | `Elapsed(Cloning)` | – | goes on cloning | – | – |
//! | `Interrupt` | → `Finished` | → `Stopping` | all told to stop | – |
//!
//! After every input the run *settles*: `Running` clones what can be cloned, then launches what
//! fits, and is `Finished` once the end step has succeeded; `Stopping` is `Finished` once nothing
//! is under way. States of a task: `Waiting` → `Running` → (`Waiting` →) `Succeeded`, `Failed` or
//! `Interrupted`; or `Waiting` → `Cloned`.
//!
//! State changes in `apply.rs` alone, by events, so that what is stored tells all. What isn't
//! stored, because forgetting it is safe: whether a retry's pause is over, whether an attempt was
//! told to stop, when it was launched.

use std::collections::VecDeque;
use std::sync::Arc;

use pave_graph::{Graph, StepIndex};
use pave_model::{AttemptNumber, Millis, RunState, TaskNumber};

use crate::attempts::{Attempts, Running, Stopped};
use crate::plan::Plan;
use crate::queue::Queue;
use crate::resume::Resume;
use crate::tree::{Span, Tree};
use crate::verdict::Limits;
use crate::{
    AfterFailure, Effect, Event, Input, LostReason, Options, Origin, Outcome, Refused, StopReason,
    Timer, Verdict,
};

/// How long an attempt may go on after its time is up, before it is stopped from outside.
const TIMEOUT_BACKSTOP_MS: u64 = 10_000;

/// How many tasks one outcome clones before it lets other inputs in.
const CLONES_PER_STEP: u32 = 10_000;

/// A run, moved forward by inputs.
///
/// Deterministic: the same inputs in the same order give the same outcomes. Never blocks, never
/// panics, whatever comes in.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) graph: Arc<Graph>,
    pub(crate) plan: Plan,
    pub(crate) options: Options,
    pub(crate) resume: Resume,
    pub(crate) run: Run,
    pub(crate) tree: Tree,
    /// Tasks that became ready and were not looked at yet: they are cloned, or join the queue.
    pub(crate) fresh: VecDeque<Span>,
    pub(crate) queue: Queue,
    pub(crate) attempts: Attempts,
}

/// Where the run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    New,
    Running,
    Stopping(RunState),
    Finished(RunState),
}

impl Scheduler {
    /// A run that has not begun.
    ///
    /// `origin` is what a resumed run may take over; `rerun` the step that is executed anew
    /// together with everything behind it. See `resume.rs` for what exactly is cloned.
    #[must_use]
    pub fn new(
        graph: Arc<Graph>,
        options: Options,
        origin: Option<Origin>,
        rerun: Option<StepIndex>,
    ) -> Self {
        let plan = Plan::new(&graph);
        Self {
            resume: Resume::new(&graph, origin, rerun),
            run: Run::New,
            tree: Tree::new(graph.steps.len()),
            fresh: VecDeque::new(),
            queue: Queue::new(&graph, &plan),
            attempts: Attempts::default(),
            graph,
            plan,
            options,
        }
    }

    /// Moves the run forward by one input and returns what must happen next: the events are to be
    /// stored, together, before any of the effects is performed.
    ///
    /// Late, duplicate and unknown answers come to nothing. `Start` given again is safe too: it
    /// only looks whether something can be launched.
    pub fn step(&mut self, now: Millis, input: Input) -> Outcome {
        let mut out = Outcome::default();
        match input {
            Input::Start => self.start(&mut out),
            Input::Succeeded {
                task,
                attempt,
                verdict,
            } => self.succeed(task, attempt, verdict, &mut out),
            Input::Failed {
                task,
                attempt,
                died,
            } => self.fail(task, attempt, died, &mut out),
            Input::Lost {
                task,
                attempt,
                reason,
            } => self.lose(task, attempt, reason, &mut out),
            Input::Elapsed(timer) => self.elapse(timer, &mut out),
            Input::Interrupt => self.interrupt(&mut out),
        }
        self.settle(now, &mut out);
        out
    }

    /// Applies an event that was decided on, and puts it down.
    fn emit(&mut self, event: Event, out: &mut Outcome) {
        debug_assert_eq!(self.verify(&event), Ok(()), "decided on {event:?}");
        self.apply(&event);
        out.events.push(event);
    }

    fn start(&mut self, out: &mut Outcome) {
        if self.run == Run::New {
            self.emit(Event::RunStarted, out);
        }
    }

    fn succeed(
        &mut self,
        task: TaskNumber,
        attempt: AttemptNumber,
        verdict: Verdict,
        out: &mut Outcome,
    ) {
        if self.attempts.current(task.0, attempt).is_none() {
            return;
        }
        let Some(spot) = self.tree.spot(task.0) else {
            return;
        };
        match self.limits().check(&self.tree, spot, &verdict) {
            Ok(()) => self.emit(
                Event::TaskSucceeded {
                    task,
                    attempt,
                    verdict,
                },
                out,
            ),
            Err((code, reason)) => {
                self.fail(task, attempt, true, out);
                out.refused.push(Refused {
                    task,
                    attempt,
                    code,
                    reason,
                });
            }
        }
    }

    fn fail(&mut self, task: TaskNumber, attempt: AttemptNumber, died: bool, out: &mut Outcome) {
        let Some(running) = self.attempts.current(task.0, attempt) else {
            return;
        };
        let step = self.graph.step(running.step);
        let then = self.attempts.tries(task.0).after_failure(step, died);
        let then = self.as_run_allows(then, running);
        self.emit(
            Event::AttemptFailed {
                task,
                attempt,
                then,
            },
            out,
        );
        self.react(task, then, out);
    }

    fn lose(
        &mut self,
        task: TaskNumber,
        attempt: AttemptNumber,
        reason: LostReason,
        out: &mut Outcome,
    ) {
        let Some(running) = self.attempts.current(task.0, attempt) else {
            return;
        };
        if reason == LostReason::Stopped && running.stopped == Stopped::ByTimeout {
            return self.fail(task, attempt, true, out);
        }
        let then = match self.run {
            Run::Stopping(_) => AfterFailure::TaskInterrupted,
            _ => self
                .attempts
                .tries(task.0)
                .after_loss(self.options.max_lost),
        };
        self.emit(
            Event::AttemptLost {
                task,
                attempt,
                then,
            },
            out,
        );
        self.react(task, then, out);
    }

    /// A run that stops tries nothing again, and blames no task that it stopped itself.
    fn as_run_allows(&self, then: AfterFailure, running: Running) -> AfterFailure {
        match (self.run, then) {
            (Run::Stopping(_), AfterFailure::TaskFailed) if running.stopped != Stopped::WithRun => {
                then
            }
            (Run::Stopping(_), _) => AfterFailure::TaskInterrupted,
            _ => then,
        }
    }

    /// Does what an ended attempt asks for besides its event.
    fn react(&mut self, task: TaskNumber, then: AfterFailure, out: &mut Outcome) {
        match then {
            AfterFailure::Retry { pause_ms } if pause_ms > 0 => {
                out.effects.push(Effect::SetTimer {
                    timer: Timer::Retry(task),
                    after_ms: pause_ms,
                });
            }
            AfterFailure::TaskFailed if self.run == Run::Running => {
                self.stop(RunState::Failed, Some(task), out);
            }
            _ => {}
        }
    }

    fn elapse(&mut self, timer: Timer, out: &mut Outcome) {
        match timer {
            Timer::Retry(task) if self.run == Run::Running => {
                if let Some(paused) = self.attempts.paused.remove(&task.0) {
                    self.queue.put_back(paused.step, task.0, paused.turn);
                }
            }
            Timer::Timeout(task, attempt) if self.attempts.current(task.0, attempt).is_some() => {
                self.order_stop(task, StopReason::Timeout, out);
            }
            Timer::Grace if matches!(self.run, Run::Stopping(_)) => self.stop_all(out),
            // Cloning goes on as the run settles. Anything else is late.
            _ => {}
        }
    }

    fn interrupt(&mut self, out: &mut Outcome) {
        match self.run {
            Run::New | Run::Running => self.stop(RunState::Interrupted, None, out),
            Run::Stopping(_) => self.stop_all(out),
            Run::Finished(_) => {}
        }
    }

    /// Takes up nothing more, and gives what is under way the grace.
    fn stop(&mut self, state: RunState, cause: Option<TaskNumber>, out: &mut Outcome) {
        self.emit(Event::RunStopping { state, cause }, out);
        if self.attempts.running.is_empty() {
            return;
        }
        if self.options.grace_ms == 0 {
            return self.stop_all(out);
        }
        out.effects.push(Effect::SetTimer {
            timer: Timer::Grace,
            after_ms: self.options.grace_ms,
        });
    }

    fn stop_all(&mut self, out: &mut Outcome) {
        let tasks: Vec<u32> = self.attempts.running.keys().copied().collect();
        for task in tasks {
            self.order_stop(TaskNumber(task), StopReason::RunStopping, out);
        }
    }

    /// Tells an attempt to stop, unless it was told so for this reason.
    fn order_stop(&mut self, task: TaskNumber, reason: StopReason, out: &mut Outcome) {
        let Some(running) = self.attempts.running.get_mut(&task.0) else {
            return;
        };
        let stopped = match reason {
            StopReason::Timeout => Stopped::ByTimeout,
            StopReason::RunStopping => Stopped::WithRun,
        };
        if running.stopped == stopped || running.stopped == Stopped::WithRun {
            return;
        }
        running.stopped = stopped;
        out.effects.push(Effect::Stop {
            task,
            attempt: running.attempt,
            reason,
        });
    }

    /// Clones, launches and finishes as far as it goes.
    fn settle(&mut self, now: Millis, out: &mut Outcome) {
        if self.run == Run::Running {
            self.take_up(out);
            if !self.fresh.is_empty() {
                return;
            }
            self.launch(now, out);
            if !self.attempts.is_idle() {
                return;
            }
            if self.tree.ended {
                let state = RunState::Succeeded;
                return self.emit(Event::RunFinished { state }, out);
            }
            // Nothing is under way and nothing fits: better an end than waiting for ever.
            self.stop(RunState::Failed, self.queue.head().map(TaskNumber), out);
        }
        if let Run::Stopping(state) = self.run
            && self.attempts.running.is_empty()
        {
            let state = match self.tree.ended {
                true => RunState::Succeeded,
                false => state,
            };
            self.emit(Event::RunFinished { state }, out);
        }
    }

    /// Clones fresh tasks or moves them to the queue, in order.
    fn take_up(&mut self, out: &mut Outcome) {
        let mut cloned = 0;
        loop {
            self.queue_executed();
            let Some(span) = self.fresh.front().copied() else {
                return;
            };
            if cloned >= CLONES_PER_STEP {
                out.effects.push(Effect::SetTimer {
                    timer: Timer::Cloning,
                    after_ms: 0,
                });
                return;
            }
            let together = self.plan.step(span.step).together;
            let count = if together { span.count } else { 1 };
            for task in span.first..span.first + count {
                self.clone_task(task, out);
            }
            cloned += count;
        }
    }

    fn clone_task(&mut self, task: u32, out: &mut Outcome) {
        let found = self.resume.find(&self.tree, &self.limits(), task).cloned();
        let (Some(origin), Some(spot)) = (found, self.tree.spot(task)) else {
            return self.queue_fresh(1);
        };
        let event = Event::TaskCloned {
            task: TaskNumber(task),
            step: spot.step,
            place: self.tree.place(&self.plan, spot),
            origin: origin.task,
            verdict: origin.verdict,
        };
        self.emit(event, out);
    }

    /// Launches whatever fits.
    fn launch(&mut self, now: Millis, out: &mut Outcome) {
        while let Some(span) = self.queue.next(&self.options) {
            for task in span.first..span.first + span.count {
                self.launch_one(now, task, out);
            }
        }
    }

    fn launch_one(&mut self, now: Millis, number: u32, out: &mut Outcome) {
        let Some(spot) = self.tree.spot(number) else {
            return;
        };
        let task = TaskNumber(number);
        let tries = self.attempts.tries(number);
        let attempt = AttemptNumber(tries.attempts);
        let place = self.tree.place(&self.plan, spot);
        let event = Event::AttemptStarted {
            task,
            step: spot.step,
            place: place.clone(),
            attempt,
        };
        self.emit(event, out);
        if let Some(running) = self.attempts.running.get_mut(&number) {
            running.since = Some(now);
        }
        let step = self.graph.step(spot.step);
        out.effects.push(Effect::Launch {
            task,
            attempt,
            step: spot.step,
            place,
            parents: self.tree.parents(spot),
            frames: self.tree.frames(spot),
            is_last_attempt: tries.is_last(step),
            is_fallback: tries.fallbacks > 0,
        });
        if let Some(effect) = self.timeout(task, attempt, spot.step) {
            out.effects.push(effect);
        }
    }

    /// The timer that stands behind a step's timeout, if it has one.
    pub(crate) fn timeout(
        &self,
        task: TaskNumber,
        attempt: AttemptNumber,
        step: StepIndex,
    ) -> Option<Effect> {
        let seconds = self.graph.step(step).timeout_seconds?;
        Some(Effect::SetTimer {
            timer: Timer::Timeout(task, attempt),
            after_ms: seconds
                .saturating_mul(1000)
                .saturating_add(TIMEOUT_BACKSTOP_MS),
        })
    }

    pub(crate) fn limits(&self) -> Limits<'_> {
        Limits {
            graph: &self.graph,
            plan: &self.plan,
            options: &self.options,
        }
    }
}

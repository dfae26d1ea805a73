//! The driver: what a runtime does around the scheduler, with accidents.

use std::collections::VecDeque;
use std::sync::Arc;

use pave_graph::{Graph, StepIndex};
use pave_model::{Millis, RunState, TaskState};
use pave_scheduler::{Effect, Event, Input, Options, Origin, Outcome, Scheduler, Snapshot, Timer};

use super::executor::{Answer, Assignment, FakeExecutor};
use super::ledger::{Broken, Ledger};
use crate::text::{tell_effect, tell_event};
use crate::{Clock, Random};

/// Most inputs of one run: a run that takes more goes round in circles.
const MOST_INPUTS: u64 = 50_000;

/// By how much a timer may be late, in milliseconds.
const MOST_LATE: u64 = 2_000;

/// Within how many milliseconds an attempt that is told to stop has stopped.
const SLOWEST_STOP: u64 = 1_000;

/// Lines of history that a broken rule is told with.
const HISTORY: usize = 60;

/// One run and everything around it.
#[derive(Debug)]
pub struct World {
    graph: Arc<Graph>,
    options: Options,
    origin: Option<Origin>,
    rerun: Option<StepIndex>,
    scheduler: Scheduler,
    stored: Vec<Event>,
    /// The state after the last stored outcome.
    reached: Snapshot,
    ledger: Ledger,
    executor: FakeExecutor,
    clock: Clock<Happening>,
    /// Goes up when the runtime dies; its timers die with it.
    life: u32,
    crashes_left: u64,
    crashes: u64,
    interrupted: bool,
    /// Since when the run stops, or when it was last recovered while it did.
    stopping_since: Option<Millis>,
    history: VecDeque<String>,
}

/// What the clock brings.
#[derive(Clone, Debug)]
enum Happening {
    Answer(Answer),
    Timer(Timer, u32),
    Interrupt,
}

/// The runtime died in the middle of something.
struct Crash;

impl World {
    /// A run that has not begun, of `graph`, perhaps resuming another (its origin and the step to
    /// execute anew).
    #[must_use]
    pub fn new(
        graph: Arc<Graph>,
        options: Options,
        resumes: (Option<Origin>, Option<StepIndex>),
        executor: FakeExecutor,
    ) -> Self {
        let (origin, rerun) = resumes;
        let scheduler = Scheduler::new(graph.clone(), options.clone(), origin.clone(), rerun);
        Self {
            reached: scheduler.snapshot(),
            scheduler,
            ledger: Ledger::new(graph.clone(), options.clone(), origin.clone(), rerun),
            graph,
            options,
            origin,
            rerun,
            stored: Vec::new(),
            executor,
            clock: Clock::default(),
            life: 0,
            crashes_left: 0,
            crashes: 0,
            interrupted: false,
            stopping_since: None,
            history: VecDeque::new(),
        }
    }

    /// The books of the run.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How often the runtime died.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.crashes
    }

    /// Number of cloned tasks.
    #[must_use]
    pub fn cloned(&self) -> u64 {
        self.scheduler
            .progress()
            .iter()
            .map(|counts| counts.cloned)
            .sum()
    }

    /// Drives the run to its end and beyond, to where nothing is left to happen.
    ///
    /// # Errors
    /// The rule that was broken, with the last lines of what happened.
    pub fn run(&mut self, random: &mut Random) -> Result<RunState, Broken> {
        self.drive(random).map_err(|broken| {
            let history: Vec<&str> = self.history.iter().map(String::as_str).collect();
            format!("{broken}\n  {}", history.join("\n  "))
        })
    }

    fn drive(&mut self, random: &mut Random) -> Result<RunState, Broken> {
        if random.chance(60) {
            self.crashes_left = random.below(8);
        }
        self.plan_interrupts(random);
        self.input(random, vec![Input::Start])?;
        let mut inputs = 0;
        while let Some(happening) = self.clock.advance() {
            inputs += 1;
            if inputs > MOST_INPUTS {
                return Err("the run goes round in circles".into());
            }
            let mut batch: Vec<Input> = self.hear(happening).into_iter().collect();
            while !batch.is_empty() && random.chance(20) {
                let Some(next) = self.clock.advance_within(20) else {
                    break;
                };
                batch.extend(self.hear(next));
            }
            self.input(random, batch)?;
        }
        self.ledger.close(self.interrupted)?;
        self.check_view()?;
        self.ledger.finished().ok_or_else(|| "no end".into())
    }

    fn plan_interrupts(&mut self, random: &mut Random) {
        if !random.chance(12) {
            return;
        }
        let first = random.below(4_000);
        self.clock.set(first, Happening::Interrupt);
        if random.chance(50) {
            self.clock
                .set(first + random.below(500), Happening::Interrupt);
        }
    }

    /// What the runtime is told by a happening; nothing if it died with a process or the runtime.
    fn hear(&mut self, happening: Happening) -> Option<Input> {
        match happening {
            Happening::Timer(timer, life) => (life == self.life).then_some(Input::Elapsed(timer)),
            Happening::Answer(answer) => self.executor.says(&answer).then_some(answer.input),
            Happening::Interrupt => {
                self.interrupted |= self.ledger.finished().is_none();
                Some(Input::Interrupt)
            }
        }
    }

    /// One turn of the runtime: step with all that was heard, store, perform. After a crash,
    /// recovers and goes on.
    fn input(&mut self, random: &mut Random, batch: Vec<Input>) -> Result<(), Broken> {
        let finished = self.ledger.finished().is_some();
        let mut outcome = Outcome::default();
        for input in batch {
            self.note(format!("at {}: {input:?}", self.clock.now()));
            let step = self.scheduler.step(self.clock.now(), input);
            outcome.events.extend(step.events);
            outcome.effects.extend(step.effects);
            outcome.refused.extend(step.refused);
        }
        if finished && outcome != Outcome::default() {
            return Err("something came of an input after the end".into());
        }
        let mut done = self.turn(random, &outcome)?;
        while let Err(Crash) = done {
            done = self.recover(random)?;
        }
        Ok(())
    }

    /// Stores the events of an outcome and performs its effects.
    fn turn(
        &mut self,
        random: &mut Random,
        outcome: &Outcome,
    ) -> Result<Result<(), Crash>, Broken> {
        let eventful = !outcome.events.is_empty();
        if eventful && self.accident(random) {
            self.note("crash before the events are stored".into());
            return Ok(Err(Crash));
        }
        for event in &outcome.events {
            self.note(format!("* {}", tell_event(&self.graph, event)));
        }
        self.stored.extend(outcome.events.iter().cloned());
        self.ledger.enter(outcome)?;
        if eventful {
            self.reached = self.scheduler.snapshot();
            self.check_stopping(outcome)?;
        }
        if eventful && (self.stored.len() < 100 || random.chance(10)) {
            self.compare_recovered()?;
        }
        Ok(self.perform(random, &outcome.effects))
    }

    fn perform(&mut self, random: &mut Random, effects: &[Effect]) -> Result<(), Crash> {
        for effect in effects {
            if self.accident(random) {
                self.note("crash between effects".into());
                return Err(Crash);
            }
            self.note(format!("- {}", tell_effect(&self.graph, effect)));
            self.perform_one(random, effect);
        }
        if !effects.is_empty() && self.accident(random) {
            self.note("crash after effects".into());
            return Err(Crash);
        }
        Ok(())
    }

    fn perform_one(&mut self, random: &mut Random, effect: &Effect) {
        match effect {
            Effect::Launch {
                task,
                attempt,
                step,
                is_last_attempt,
                is_fallback,
                ..
            } => {
                let assignment = Assignment {
                    task: *task,
                    attempt: *attempt,
                    step: *step,
                    is_last_attempt: *is_last_attempt,
                    is_fallback: *is_fallback,
                };
                let answers = self.executor.launch(&self.graph, random, assignment);
                self.expect(answers);
            }
            Effect::Stop {
                task,
                attempt,
                reason,
            } => {
                let answers = self.executor.stop(random, *task, *attempt, *reason);
                self.expect(answers);
            }
            Effect::SetTimer { timer, after_ms } => {
                let late = if random.chance(10) {
                    random.below(MOST_LATE)
                } else {
                    0
                };
                let timer = Happening::Timer(*timer, self.life);
                self.clock.set(after_ms + late, timer.clone());
                if random.chance(5) {
                    self.clock.set(after_ms + late + random.below(1_000), timer);
                }
            }
        }
    }

    fn expect(&mut self, answers: impl IntoIterator<Item = Answer>) {
        for answer in answers {
            self.clock.set(answer.after_ms, Happening::Answer(answer));
        }
    }

    /// What a new runtime does. It may crash too.
    fn recover(&mut self, random: &mut Random) -> Result<Result<(), Crash>, Broken> {
        self.life += 1;
        self.stopping_since = self.stopping_since.map(|_| self.clock.now());
        if random.chance(50) {
            self.note("the processes die with the runtime".into());
            self.executor.die();
        }
        let (scheduler, effects) = self.recovered()?;
        self.scheduler = scheduler;
        let reached = self.scheduler.snapshot();
        if reached != self.reached {
            return Err(difference(&reached, &self.reached));
        }
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Launch { .. }))
        {
            return Err("an attempt is launched again after a crash".into());
        }
        if let Err(crash) = self.perform(random, &effects) {
            return Ok(Err(crash));
        }
        let under_way: Vec<_> = self.scheduler.under_way().collect();
        for it in under_way {
            let answer = self.executor.reattach(random, it.task, it.attempt);
            self.expect(answer);
        }
        self.note("recovered".into());
        let outcome = self.scheduler.step(self.clock.now(), Input::Start);
        self.turn(random, &outcome)
    }

    fn recovered(&self) -> Result<(Scheduler, Vec<Effect>), Broken> {
        Scheduler::recover(
            self.graph.clone(),
            self.options.clone(),
            self.origin.clone(),
            self.rerun,
            self.stored.iter().cloned(),
        )
        .map_err(|error| error.to_string())
    }

    fn compare_recovered(&self) -> Result<(), Broken> {
        let recovered = self.recovered()?.0.snapshot();
        let live = &self.reached;
        match recovered == *live {
            true => Ok(()),
            false => Err(difference(&recovered, live)),
        }
    }

    /// What the scheduler tells of itself agrees with the books.
    fn check_view(&self) -> Result<(), Broken> {
        let done: u64 = self
            .scheduler
            .progress()
            .iter()
            .map(|counts| counts.done())
            .sum();
        if done != self.ledger.done() as u64 {
            return Err(format!(
                "{done} tasks done, by the books {}",
                self.ledger.done()
            ));
        }
        let finished = self.ledger.finished();
        if finished != Some(self.scheduler.run_state()) {
            return Err(format!("the run is {}", self.scheduler.run_state()));
        }
        for (counts, step) in self.scheduler.progress().iter().zip(&self.graph.steps) {
            if counts.expected < counts.total() || counts.running > 0 {
                return Err(format!("counts of `{}` are off: {counts:?}", step.name));
            }
            if finished == Some(RunState::Succeeded) && counts.queued > 0 {
                return Err(format!("tasks of `{}` are left: {counts:?}", step.name));
            }
        }
        let mut left = self.scheduler.between_attempts().into_iter();
        let state = |task| self.scheduler.task_state(task);
        match left.find(|task| state(*task) != Some(TaskState::Interrupted)) {
            Some(task) => Err(format!("task {task} is left between attempts")),
            None => Ok(()),
        }
    }

    /// A run that stops ends with the grace, whatever its attempts are at.
    fn check_stopping(&mut self, outcome: &Outcome) -> Result<(), Broken> {
        let now = self.clock.now();
        for event in &outcome.events {
            match (event, self.stopping_since) {
                (Event::RunStopping { .. }, _) => self.stopping_since = Some(now),
                (Event::RunFinished { .. }, Some(since)) => {
                    let most = self.options.grace_ms + MOST_LATE + SLOWEST_STOP;
                    let took = now.0.abs_diff(since.0);
                    if took > most {
                        return Err(format!("it took {took} ms to stop, with {most} allowed"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn accident(&mut self, random: &mut Random) -> bool {
        if self.crashes_left == 0 || !random.chance(8) {
            return false;
        }
        self.crashes_left -= 1;
        self.crashes += 1;
        true
    }

    fn note(&mut self, line: String) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(line);
    }
}

/// What is otherwise in a recovered state.
fn difference(recovered: &Snapshot, live: &Snapshot) -> Broken {
    let tell = |snapshot: &Snapshot| {
        let text = format!("{snapshot:?}");
        text.replace("TaskNumber", "")
            .replace("StepIndex", "")
            .replace("), (", "),\n(")
    };
    let (recovered, live) = (tell(recovered), tell(live));
    let pairs = recovered.lines().zip(live.lines());
    let other = pairs.filter(|(recovered, live)| recovered != live);
    let lines: Vec<String> = other
        .map(|(recovered, live)| format!("  recovered {recovered}\n  live      {live}"))
        .collect();
    format!("recovered otherwise:\n{}", lines.join("\n"))
}

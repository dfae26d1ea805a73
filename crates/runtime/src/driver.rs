//! The loop. One turn: take in what happened, let the scheduler judge it, store what it says,
//! then do what it asks for.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pave_exec::{Capacity, ExecEvent, Executor, Output, Session};
use pave_logs::{LogWriter, Stream};
use pave_metadata::{Metadata, RunRecord};
use pave_model::TaskNumber;
use pave_protocol::FailureKind;
use pave_scheduler::{Effect, Input, Options, Outcome, Scheduler, Timer};

use crate::clock::now;
use crate::crash::crash_point;
use crate::launch::{Launch, Launcher};
use crate::lines::Lines;
use crate::origin::OriginTasks;
use crate::records::{Facts, Live, failure};
use crate::turn::Turn;
use crate::{
    FailedTask, FlowDocument, Limits, Notice, Observer, ResumeFrom, RunReport, RuntimeError,
    Signals,
};

/// How often the observer is called while nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// How often an attempt that was lost through no fault of the user's code is tried again.
const MAX_LOST: u32 = 3;

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The flow.
    pub document: FlowDocument,
    /// JSON object: parameter values as given, already of the right type.
    pub given: String,
    /// Limits.
    pub limits: Limits,
    /// Who runs it.
    pub user: String,
    /// The active namespace inside tasks.
    pub namespace: String,
    /// User tags.
    pub tags: Vec<String>,
    /// System tags.
    pub system_tags: Vec<String>,
    /// The store's folder, absolute.
    pub store: PathBuf,
    /// The run to go on from.
    pub resume: Option<ResumeFrom>,
}

/// Drives one run.
pub struct Driver<'a> {
    pub(crate) metadata: &'a dyn Metadata,
    pub(crate) request: RunRequest,
    pub(crate) run: RunRecord,
    pub(crate) scheduler: Scheduler,
    pub(crate) live: HashMap<TaskNumber, Live>,
    pub(crate) facts: HashMap<TaskNumber, Facts>,
    pub(crate) launcher: Launcher,
    pub(crate) origin: OriginTasks,
    pub(crate) next_event: u64,
    pub(crate) failed: Option<FailedTask>,
    executor: &'a mut dyn Executor,
    log: LogWriter,
    sessions: HashMap<Session, TaskNumber>,
    next_session: Session,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    began: Instant,
}

/// The limits as the scheduler takes them.
pub(crate) fn options(limits: &Limits) -> Options {
    let capacity = Capacity::of_this_machine();
    Options {
        max_workers: limits.max_workers,
        max_num_splits: limits.max_num_splits,
        cpu_milli: capacity.cpu_milli,
        memory_mib: capacity.memory_mib,
        gpu: capacity.gpu,
        grace_ms: limits.grace_ms,
        max_lost: MAX_LOST,
    }
}

impl<'a> Driver<'a> {
    /// Creates the run: from here on it has a number and is in the store.
    ///
    /// # Errors
    /// If a step asks for more than the machine has, a parameter can't be computed, or the store
    /// refuses.
    pub fn create(
        metadata: &'a dyn Metadata,
        executor: &'a mut dyn Executor,
        request: RunRequest,
    ) -> Result<Self, RuntimeError> {
        let began = Instant::now();
        let prepared = crate::begin::begin(metadata, executor, &request)?;
        let log = LogWriter::open(&request.store, &prepared.run.flow, prepared.run.number)?;
        Ok(Self {
            metadata,
            request,
            run: prepared.run,
            scheduler: prepared.scheduler,
            live: HashMap::new(),
            facts: HashMap::new(),
            launcher: prepared.launcher,
            origin: prepared.origin,
            next_event: 1,
            failed: None,
            executor,
            log,
            sessions: HashMap::new(),
            next_session: 1,
            timers: BinaryHeap::new(),
            began,
        })
    }

    /// The run, as it was created.
    #[must_use]
    pub fn record(&self) -> &RunRecord {
        &self.run
    }

    /// Drives the run to its end.
    ///
    /// # Errors
    /// If the store, the log or the executor fails. Whatever was committed by then stays, nothing
    /// else does, and no task goes on.
    pub fn drive(
        mut self,
        signals: &mut Signals,
        observer: &mut dyn Observer,
    ) -> Result<RunReport, RuntimeError> {
        observer.notice(&Notice::RunStarted(&self.run));
        let done = self.work(signals, observer);
        self.executor.shutdown();
        done?;
        crash_point("before the final sync");
        self.log.sync()?;
        self.metadata.sync()?;
        let report = RunReport {
            run: self.run,
            failed: self.failed,
            elapsed: self.began.elapsed(),
        };
        observer.notice(&Notice::RunFinished(&report));
        Ok(report)
    }

    fn work(
        &mut self,
        signals: &mut Signals,
        observer: &mut dyn Observer,
    ) -> Result<(), RuntimeError> {
        self.turn(vec![Input::Start], observer)?;
        while !self.scheduler.run_state().is_finished() {
            let limit = self.time_to_next_timer().min(TICK);
            let events = self.executor.wait(limit, Some(signals.descriptor()))?;
            let mut inputs = Vec::new();
            for event in events {
                inputs.extend(self.take_in(event, observer)?);
            }
            inputs.extend(self.due_timers().into_iter().map(Input::Elapsed));
            inputs.extend((0..signals.take()).map(|_| Input::Interrupt));
            if !inputs.is_empty() {
                self.turn(inputs, observer)?;
            }
            observer.tick(&self.scheduler);
        }
        Ok(())
    }

    fn turn(
        &mut self,
        inputs: Vec<Input>,
        observer: &mut dyn Observer,
    ) -> Result<(), RuntimeError> {
        let at = now();
        let mut outcome = Outcome::default();
        for input in inputs {
            let step = self.scheduler.step(at, input);
            outcome.events.extend(step.events);
            outcome.effects.extend(step.effects);
            outcome.refused.extend(step.refused);
        }
        self.note_refused(std::mem::take(&mut outcome.refused));
        let mut turn = Turn::new(self, at);
        turn.record(&outcome)?;
        turn.commit()?.tell(observer);
        for effect in outcome.effects {
            self.perform(effect)?;
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> Result<(), RuntimeError> {
        match effect {
            Effect::SetTimer { timer, after_ms } => {
                let due = Instant::now() + Duration::from_millis(after_ms);
                self.timers.push(Reverse((due, timer)));
            }
            Effect::Stop {
                task,
                attempt,
                reason,
            } => {
                let live = self
                    .live
                    .get_mut(&task)
                    .filter(|it| it.attempt.attempt == attempt);
                if let Some(live) = live {
                    live.stopped.get_or_insert(reason);
                    self.executor.stop(live.session);
                }
            }
            Effect::Launch {
                task,
                attempt,
                step,
                parents,
                frames,
                is_last_attempt,
                is_fallback,
                ..
            } => {
                let Some(live) = self.live.get_mut(&task) else {
                    return Ok(());
                };
                let session = self.next_session;
                self.next_session += 1;
                live.session = session;
                let step = self.request.document.graph.step(step).clone();
                live.base = Some(self.launcher.base_of(&step, &parents));
                let fallback = is_fallback.then(|| {
                    let last = self
                        .facts
                        .get(&task)
                        .and_then(|facts| facts.failure.clone());
                    last.unwrap_or_else(|| failure(FailureKind::Killed, "the process died".into()))
                });
                let launch = Launch {
                    task,
                    attempt: attempt.0,
                    step: &step,
                    parents: &parents,
                    frames: &frames,
                    is_last_attempt,
                    fallback,
                };
                let spec = self
                    .launcher
                    .spec(self.metadata, &self.run, &self.request, &launch)?;
                self.sessions.insert(session, task);
                crash_point("before a launch");
                self.executor.launch(session, spec);
                crash_point("after a launch");
            }
        }
        Ok(())
    }

    /// What an event means to the scheduler, if anything.
    fn take_in(
        &mut self,
        event: ExecEvent,
        observer: &mut dyn Observer,
    ) -> Result<Option<Input>, RuntimeError> {
        match event {
            ExecEvent::Started { session, pid } => {
                if let Some(live) = self.live_of(session) {
                    live.attempt.pid = pid;
                    let (task, attempt) = (&live.name, live.attempt.attempt);
                    observer.notice(&Notice::AttemptStarted { task, attempt, pid });
                }
                Ok(None)
            }
            ExecEvent::Printed {
                session,
                output,
                bytes,
            } => {
                self.print(session, output, &bytes, observer)?;
                Ok(None)
            }
            ExecEvent::Finished { session, finished } => Ok(self
                .close(session, observer)
                .map(|task| self.judge(task, *finished))),
            ExecEvent::Ended { session, end } => Ok(self
                .close(session, observer)
                .map(|task| self.judge_end(task, &end))),
        }
    }

    fn live_of(&mut self, session: Session) -> Option<&mut Live> {
        let task = self.sessions.get(&session)?;
        self.live
            .get_mut(task)
            .filter(|live| live.session == session)
    }

    fn print(
        &mut self,
        session: Session,
        output: Output,
        bytes: &[u8],
        observer: &mut dyn Observer,
    ) -> Result<(), RuntimeError> {
        let most = self.request.limits.max_log_bytes;
        let Some(task) = self.sessions.get(&session) else {
            return Ok(());
        };
        let Some(live) = self.live.get_mut(task) else {
            return Ok(());
        };
        let (stream, slot) = match output {
            Output::Stdout => (Stream::Stdout, 0),
            Output::Stderr => (Stream::Stderr, 1),
        };
        let before = live.logged[slot];
        live.logged[slot] = before.saturating_add(bytes.len() as u64);
        let kept = usize::try_from(most.saturating_sub(before)).unwrap_or(usize::MAX);
        let (task, attempt, at) = (live.record.task, live.attempt.attempt, now());
        let kept = &bytes[..kept.min(bytes.len())];
        if !kept.is_empty() {
            crash_point("before a log record");
            self.log.append(task, attempt, stream, at, kept)?;
        }
        let mut cut = String::new();
        if before <= most && live.logged[slot] > most {
            cut = format!("\n[log cut here: more than {most} bytes; see --max-log-size]\n");
            self.log.append(task, attempt, stream, at, cut.as_bytes())?;
        }
        let (name, pid) = (&live.name, live.attempt.pid);
        for part in [kept, cut.as_bytes()] {
            live.lines.push(output, part, |text| {
                observer.notice(&Notice::Line {
                    task: name,
                    pid,
                    output,
                    text,
                });
            });
        }
        Ok(())
    }

    /// Ends a session: tells what was printed without a line end. Its task, if it still counts.
    fn close(&mut self, session: Session, observer: &mut dyn Observer) -> Option<TaskNumber> {
        let task = self.sessions.remove(&session)?;
        let live = self
            .live
            .get_mut(&task)
            .filter(|live| live.session == session)?;
        let mut lines: Lines = std::mem::take(&mut live.lines);
        let (name, pid) = (&live.name, live.attempt.pid);
        lines.finish(|output, text| {
            observer.notice(&Notice::Line {
                task: name,
                pid,
                output,
                text,
            });
        });
        Some(task)
    }

    fn time_to_next_timer(&self) -> Duration {
        let next = self.timers.peek();
        next.map_or(TICK, |Reverse((due, _))| {
            due.saturating_duration_since(Instant::now())
        })
    }

    fn due_timers(&mut self) -> Vec<Timer> {
        let mut due = Vec::new();
        while let Some(Reverse((at, timer))) = self.timers.peek() {
            if *at > Instant::now() {
                break;
            }
            due.push(*timer);
            self.timers.pop();
        }
        due
    }
}

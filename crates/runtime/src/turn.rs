//! One turn's events as one commit, and what to tell people once it is durable.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pave_metadata::{Commit, ManifestRecord, RunChange};
use pave_model::{AttemptNumber, AttemptState, Millis, RunState, TaskNumber, TaskState};
use pave_protocol::{Failure, FailureKind};
use pave_scheduler::{AfterFailure, Effect, Event, Outcome};

use crate::crash::crash_point;
use crate::driver::Driver;
use crate::records::{Facts, Live, failure, new_attempt, new_task, pack, states_after};
use crate::{FailedTask, Notice, Observer, RuntimeError, TaskName};

/// A turn in the making.
pub(crate) struct Turn<'d, 'a> {
    driver: &'d mut Driver<'a>,
    at: Millis,
    commit: Commit,
    /// Tasks whose manifest the store still has to give a key.
    stored: Vec<(TaskNumber, ManifestOf)>,
    told: Vec<Told>,
}

/// Which key a task's manifest gets.
enum ManifestOf {
    /// That of the commit's manifest at this position.
    Placed(usize),
    /// A key that exists.
    Key(i64),
}

/// A notice that waits for its commit.
enum Told {
    Cloned(String, u64),
    Succeeded(TaskName, Duration, Option<Failure>, Option<u64>),
    Failed(TaskName, AttemptNumber, Failure, AfterFailure),
    Stopping(RunState, usize, Duration),
}

/// Notices whose facts are durable.
pub(crate) struct Durable(Vec<Told>);

impl<'d, 'a> Turn<'d, 'a> {
    pub(crate) fn new(driver: &'d mut Driver<'a>, at: Millis) -> Self {
        let commit = Commit {
            token: driver.run.owner.token,
            first_event: driver.next_event,
            ..Commit::default()
        };
        Self {
            driver,
            at,
            commit,
            stored: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Takes in what the scheduler said.
    pub(crate) fn record(&mut self, outcome: &Outcome) -> Result<(), RuntimeError> {
        let mut parents: HashMap<TaskNumber, &[TaskNumber]> = HashMap::new();
        for effect in &outcome.effects {
            if let Effect::Launch {
                task, parents: of, ..
            } = effect
            {
                parents.insert(*task, of);
            }
        }
        for event in &outcome.events {
            self.commit.events.push(pack(event));
            let of = |task: &TaskNumber| parents.get(task).copied().unwrap_or_default();
            self.event(event, of)?;
        }
        Ok(())
    }

    fn event<'p>(
        &mut self,
        event: &Event,
        parents: impl Fn(&TaskNumber) -> &'p [TaskNumber],
    ) -> Result<(), RuntimeError> {
        match event {
            Event::RunStarted => {}
            Event::AttemptStarted {
                task,
                step,
                place,
                attempt,
            } => {
                let name = self.driver.request.document.graph.step(*step).name.clone();
                let row = || new_task(*task, &name, place, parents(task), self.at);
                let mut record = self
                    .driver
                    .live
                    .remove(task)
                    .map_or_else(row, |before| before.record);
                record.state = TaskState::Running;
                record.attempt = Some(*attempt);
                self.begin(*task, *attempt, record);
            }
            Event::TaskSucceeded { task, attempt, .. } => self.succeed(*task, *attempt)?,
            Event::TaskCloned {
                task,
                step,
                place,
                origin,
                ..
            } => {
                self.clone_task(*task, *step, place, *origin);
            }
            Event::AttemptFailed {
                task,
                attempt,
                then,
            } => {
                self.fail(*task, *attempt, false, *then)?;
            }
            Event::AttemptLost {
                task,
                attempt,
                then,
            } => {
                self.fail(*task, *attempt, true, *then)?;
            }
            Event::RunStopping { state, .. } => {
                let running = self
                    .driver
                    .live
                    .values()
                    .filter(|it| it.record.state == TaskState::Running);
                let grace = Duration::from_millis(self.driver.request.limits.grace_ms);
                self.told
                    .push(Told::Stopping(*state, running.count(), grace));
            }
            Event::RunFinished { state } => self.finish_run(*state),
        }
        Ok(())
    }

    fn begin(
        &mut self,
        task: TaskNumber,
        attempt: AttemptNumber,
        record: pave_metadata::TaskRecord,
    ) {
        let row = new_attempt(task, attempt, self.at);
        self.commit.tasks.push(record.clone());
        self.commit.attempts.push(row.clone());
        let name = TaskName {
            run: self.driver.run.number.0,
            step: record.step.0.clone(),
            task,
        };
        let live = Live {
            name,
            record,
            attempt: row,
            session: 0,
            lines: crate::lines::Lines::default(),
            launched: Instant::now(),
            base: None,
            stopped: None,
            logged: [0, 0],
        };
        self.driver.live.insert(task, live);
    }

    fn succeed(&mut self, task: TaskNumber, attempt: AttemptNumber) -> Result<(), RuntimeError> {
        let facts = self.driver.facts.remove(&task).unwrap_or_default();
        let Some(mut live) = self.driver.live.remove(&task) else {
            return Ok(());
        };
        let manifest = self.manifest(&live, facts.manifest)?;
        let placed = manifest.unwrap_or(self.driver.launcher.parameters_id);
        self.stored.push((task, key_of(placed)));
        live.attempt.state = AttemptState::Succeeded;
        live.attempt.finished_at = Some(self.at);
        live.attempt.manifest = Some(placed);
        live.attempt.failure = facts.failure.as_ref().map(pack).unwrap_or_default();
        live.record.state = TaskState::Succeeded;
        live.record.finished_at = Some(self.at);
        live.record.manifest = Some(placed);
        live.record.attempt = Some(attempt);
        live.record.taken = pack(&facts.taken);
        let elapsed = live.launched.elapsed();
        self.told.push(Told::Succeeded(
            live.name,
            elapsed,
            facts.failure,
            facts.taken.splits,
        ));
        self.commit.tasks.push(live.record);
        self.commit.attempts.push(live.attempt);
        Ok(())
    }

    fn fail(
        &mut self,
        task: TaskNumber,
        attempt: AttemptNumber,
        lost: bool,
        then: AfterFailure,
    ) -> Result<(), RuntimeError> {
        let facts = self.driver.facts.remove(&task).unwrap_or_default();
        let Some(mut live) = self.driver.live.remove(&task) else {
            return Ok(());
        };
        let why = facts.failure.clone().unwrap_or_else(|| {
            let words = "it did not take the transition that its source declares".to_owned();
            failure(FailureKind::WrongTransition, words)
        });
        let manifest = self.manifest(&live, facts.manifest)?;
        let (attempt_state, task_state) = states_after(lost, then);
        live.attempt.state = attempt_state;
        live.attempt.finished_at = Some(self.at);
        live.attempt.manifest = manifest;
        live.attempt.failure = pack(&why);
        live.record.state = task_state;
        live.record.finished_at = task_state.is_finished().then_some(self.at);
        self.commit.tasks.push(live.record.clone());
        self.commit.attempts.push(live.attempt.clone());
        if then == AfterFailure::TaskFailed && self.driver.failed.is_none() {
            let name = live.name.clone();
            self.driver.failed = Some(FailedTask {
                name,
                attempt,
                failure: why.clone(),
            });
        }
        self.told
            .push(Told::Failed(live.name.clone(), attempt, why.clone(), then));
        if !task_state.is_finished() {
            // A fallback attempt tells what the last real one died of.
            self.driver.facts.insert(
                task,
                Facts {
                    failure: Some(why),
                    ..Facts::default()
                },
            );
            self.driver.live.insert(task, live);
        }
        Ok(())
    }

    /// Adds what an attempt left to the commit; its key or placeholder.
    fn manifest(&mut self, live: &Live, own: Option<Vec<u8>>) -> Result<Option<i64>, RuntimeError> {
        let Some(own) = own else { return Ok(None) };
        let driver = &mut *self.driver;
        let stored = driver
            .launcher
            .manifests
            .pack(driver.metadata, live.base, own)?;
        let placeholder = -1 - i64::try_from(self.commit.manifests.len()).expect("few per turn");
        let (base, bytes) = stored;
        self.commit.manifests.push(ManifestRecord {
            id: placeholder,
            base,
            bytes,
        });
        Ok(Some(placeholder))
    }

    fn clone_task(
        &mut self,
        task: TaskNumber,
        step: pave_graph::StepIndex,
        place: &pave_scheduler::Place,
        origin: TaskNumber,
    ) {
        let name = self.driver.request.document.graph.step(step).name.clone();
        let parents = self.driver.scheduler.parents_of(task);
        let mut record = new_task(task, &name, place, &parents, self.at);
        if let Some(before) = self.driver.origin.records.get(&origin) {
            record.manifest = before.manifest;
            record.taken = before.taken.clone();
        }
        record.state = TaskState::Succeeded;
        record.finished_at = Some(self.at);
        record.origin = Some(origin);
        let key = record
            .manifest
            .unwrap_or(self.driver.launcher.parameters_id);
        self.stored.push((task, ManifestOf::Key(key)));
        self.driver.launcher.ledger.set(task, step, key);
        self.commit.tasks.push(record);
        match self.told.last_mut() {
            Some(Told::Cloned(last, count)) if *last == name => *count += 1,
            _ => self.told.push(Told::Cloned(name, 1)),
        }
    }

    fn finish_run(&mut self, state: RunState) {
        // Tasks that waited for another attempt won't get it.
        for (_, live) in std::mem::take(&mut self.driver.live) {
            let mut record = live.record;
            record.state = TaskState::Interrupted;
            record.finished_at = Some(self.at);
            self.commit.tasks.push(record);
        }
        let error = match (&self.driver.failed, state) {
            (Some(failed), RunState::Failed) => serde_json::json!({
                "code": "R001",
                "task": failed.name.to_string(),
                "attempt": failed.attempt.0,
                "exception": failed.failure.exception,
                "message": failed.failure.message,
            })
            .to_string(),
            (_, RunState::Interrupted) => {
                serde_json::json!({"code": "R002", "message": "interrupted"}).to_string()
            }
            _ => String::new(),
        };
        self.driver.run.state = state;
        self.driver.run.finished_at = Some(self.at);
        self.driver.run.error.clone_from(&error);
        self.commit.run = RunChange {
            state: Some(state),
            finished_at: Some(self.at),
            error: Some(error),
        };
    }

    /// Makes the turn durable.
    pub(crate) fn commit(self) -> Result<Durable, RuntimeError> {
        let nothing = self.commit.events.is_empty();
        if nothing {
            return Ok(Durable(self.told));
        }
        let driver = self.driver;
        crash_point("before a commit");
        let keys = driver.metadata.commit(driver.run.id, &self.commit)?;
        crash_point("after a commit");
        driver.next_event += self.commit.events.len() as u64;
        for (task, manifest) in self.stored {
            let key = match manifest {
                ManifestOf::Placed(at) => keys[at],
                ManifestOf::Key(key) => key,
            };
            if let Some(step) = driver.scheduler.step_of(task) {
                driver.launcher.ledger.set(task, step, key);
            }
        }
        Ok(Durable(self.told))
    }
}

impl Durable {
    pub(crate) fn tell(self, observer: &mut dyn Observer) {
        for told in &self.0 {
            let notice = match told {
                Told::Cloned(step, count) => Notice::Cloned {
                    step,
                    count: *count,
                },
                Told::Succeeded(task, elapsed, caught, splits) => Notice::TaskSucceeded {
                    task,
                    elapsed: *elapsed,
                    caught: caught.as_ref(),
                    splits: *splits,
                },
                Told::Failed(task, attempt, failure, then) => Notice::AttemptFailed {
                    task,
                    attempt: *attempt,
                    failure,
                    then: *then,
                },
                Told::Stopping(state, running, grace) => Notice::Stopping {
                    state: *state,
                    running: *running,
                    grace: *grace,
                },
            };
            observer.notice(&notice);
        }
    }
}

fn key_of(key: i64) -> ManifestOf {
    // Placeholders count down from -1, real keys are positive.
    match usize::try_from(-1 - key) {
        Ok(at) if key < 0 => ManifestOf::Placed(at),
        _ => ManifestOf::Key(key),
    }
}

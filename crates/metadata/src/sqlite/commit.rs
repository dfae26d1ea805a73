//! One turn of a runtime, made durable: a handful of rows, each table's end touched once.

use pave_model::{RunId, StepName};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::Coded;
use super::fault::Fault;
use crate::error::no_such_run;
use crate::keys::{Keys, contradiction, fence};
use crate::{AttemptRecord, Commit, ManifestRecord, RunChange, TaskRecord};

/// Applies a commit within the caller's transaction.
pub(super) fn apply(change: &Connection, run: RunId, commit: &Commit) -> Result<Vec<i64>, Fault> {
    let (token, events) = standing(change, run)?;
    fence(run, commit, token, events)?;
    insert_events(change, run, commit)?;
    let keys = insert_manifests(change, &commit.manifests)?;
    put_tasks(change, run, &commit.tasks, keys)?;
    put_attempts(change, run, &commit.attempts, keys)?;
    change_run(change, run, &commit.run)?;
    Ok(keys.all())
}

/// The stored token and number of events.
fn standing(change: &Connection, run: RunId) -> Result<(u64, u64), Fault> {
    let mut statement = change.prepare_cached(
        "SELECT token, (SELECT coalesce(max(seq), 0) FROM events WHERE run = ?1)
         FROM runs WHERE id = ?1",
    )?;
    let standing = statement
        .query_one([run.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    standing.ok_or_else(|| no_such_run(run).into())
}

fn insert_events(change: &Connection, run: RunId, commit: &Commit) -> Result<(), Fault> {
    let mut statement =
        change.prepare_cached("INSERT INTO events (run, seq, bytes) VALUES (?1, ?2, ?3)")?;
    for (seq, event) in (commit.first_event..).zip(&commit.events) {
        statement.execute(params![run.0, seq, event])?;
    }
    Ok(())
}

fn insert_manifests(change: &Connection, manifests: &[ManifestRecord]) -> Result<Keys, Fault> {
    if manifests.is_empty() {
        return Ok(Keys::give(0, manifests)?);
    }
    let first = change
        .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM manifests")?
        .query_one([], |row| row.get(0))?;
    let keys = Keys::give(first, manifests)?;
    let mut statement =
        change.prepare_cached("INSERT INTO manifests (id, base, bytes) VALUES (?1, ?2, ?3)")?;
    for (id, manifest) in (first..).zip(manifests) {
        statement.execute(params![id, keys.resolve(manifest.base)?, manifest.bytes])?;
    }
    Ok(keys)
}

fn put_tasks(
    change: &Connection,
    run: RunId,
    tasks: &[TaskRecord],
    keys: Keys,
) -> Result<(), Fault> {
    if tasks.is_empty() {
        return Ok(());
    }
    let mut steps = Steps::new(change, run);
    let mut statement = change.prepare_cached(
        "INSERT INTO tasks (run, task, step, state, attempt, created_at, finished_at, manifest,
                            origin, place, parents, taken)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (run, task) DO UPDATE SET
             state = excluded.state, attempt = excluded.attempt, created_at = excluded.created_at,
             finished_at = excluded.finished_at, manifest = excluded.manifest,
             origin = excluded.origin, place = excluded.place, parents = excluded.parents,
             taken = excluded.taken
         WHERE step = excluded.step",
    )?;
    for task in tasks {
        let changed = statement.execute(params![
            run.0,
            task.task.0,
            steps.position(&task.step)?,
            task.state.code(),
            task.attempt.map(|attempt| attempt.0),
            task.created_at.0,
            task.finished_at.map(|at| at.0),
            keys.resolve(task.manifest)?,
            task.origin.map(|origin| origin.0),
            task.place,
            task.parents,
            task.taken,
        ])?;
        if changed == 0 {
            let (task, step) = (task.task, &task.step);
            return Err(contradiction(format!("task {task} cannot move to step {step}")).into());
        }
    }
    Ok(())
}

fn put_attempts(
    change: &Connection,
    run: RunId,
    attempts: &[AttemptRecord],
    keys: Keys,
) -> Result<(), Fault> {
    let mut statement = change.prepare_cached(
        "INSERT INTO attempts (run, task, attempt, state, started_at, finished_at, pid, manifest,
                               failure)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (run, task, attempt) DO UPDATE SET
             state = excluded.state, started_at = excluded.started_at,
             finished_at = excluded.finished_at, pid = excluded.pid, manifest = excluded.manifest,
             failure = excluded.failure",
    )?;
    for attempt in attempts {
        statement.execute(params![
            run.0,
            attempt.task.0,
            attempt.attempt.0,
            attempt.state.code(),
            attempt.started_at.0,
            attempt.finished_at.map(|at| at.0),
            attempt.pid,
            keys.resolve(attempt.manifest)?,
            attempt.failure,
        ])?;
    }
    Ok(())
}

fn change_run(change: &Connection, run: RunId, wanted: &RunChange) -> Result<(), Fault> {
    if *wanted == RunChange::default() {
        return Ok(());
    }
    let mut statement = change.prepare_cached(
        "UPDATE runs SET state = coalesce(?2, state), finished_at = coalesce(?3, finished_at),
                         error = coalesce(?4, error)
         WHERE id = ?1",
    )?;
    statement.execute(params![
        run.0,
        wanted.state.map(Coded::code),
        wanted.finished_at.map(|at| at.0),
        wanted.error.clone().map_or(Value::Null, Value::Text),
    ])?;
    Ok(())
}

/// The positions of a run's steps, those that this commit asked for remembered.
struct Steps<'a> {
    change: &'a Connection,
    run: RunId,
    known: Vec<(&'a StepName, i64)>,
}

impl<'a> Steps<'a> {
    fn new(change: &'a Connection, run: RunId) -> Self {
        Self {
            change,
            run,
            known: Vec::new(),
        }
    }

    /// The position of a step; one that is new to the run gets the next.
    fn position(&mut self, step: &'a StepName) -> rusqlite::Result<i64> {
        // Searched from the end: neighbours in a commit mostly share their step.
        let known = self.known.iter().rev().find(|(name, _)| *name == step);
        if let Some((_, position)) = known {
            return Ok(*position);
        }
        let stored = self
            .change
            .prepare_cached("SELECT position FROM steps WHERE run = ?1 AND name = ?2")?
            .query_one(params![self.run.0, step.0], |row| row.get(0))
            .optional()?;
        let position = match stored {
            Some(position) => position,
            None => self
                .change
                .prepare_cached(
                    "INSERT INTO steps (run, position, name)
                     SELECT ?1, count(*), ?2 FROM steps WHERE run = ?1 RETURNING position",
                )?
                .query_one(params![self.run.0, step.0], |row| row.get(0))?,
        };
        self.known.push((step, position));
        Ok(position)
    }
}

//! What a run did: events, tasks, attempts, manifests. Reading only.

use pave_model::{AttemptNumber, Millis, RunId, StepName, TaskNumber, TaskState};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::codes::{self, json, maybe};
use super::runs::limit;
use crate::{AttemptRecord, ManifestRecord, TaskFilter, TaskRecord};

/// The columns that [`record`] reads.
const COLUMNS: &str = "task, step, place, state, attempt, created_at, finished_at, manifest, \
                       origin, taken, parents";

pub(super) const EVENTS: &str =
    "SELECT seq, bytes FROM events WHERE run = ?1 AND seq >= ?2 ORDER BY seq";
pub(super) const STEPS: &str = "SELECT name FROM steps WHERE run = ?1 ORDER BY position";
pub(super) const COUNT: &str = "SELECT step, state FROM tasks WHERE run = ?1";
pub(super) const ATTEMPTS: &str =
    "SELECT task, attempt, state, started_at, finished_at, pid, manifest, failure FROM attempts
     WHERE run = ?1 ORDER BY task, attempt";
pub(super) const ATTEMPTS_OF_TASK: &str =
    "SELECT task, attempt, state, started_at, finished_at, pid, manifest, failure FROM attempts
     WHERE run = ?1 AND task = ?2 ORDER BY attempt";
/// `UNION` drops what was found already, so that it ends whatever the bases say.
pub(super) const MANIFESTS: &str = "WITH RECURSIVE wanted (id) AS (
         SELECT value FROM json_each(?1)
         UNION
         SELECT m.base FROM wanted w JOIN manifests m ON m.id = w.id WHERE m.base IS NOT NULL
     )
     SELECT m.id, m.base, m.bytes FROM wanted w JOIN manifests m ON m.id = w.id";

/// The events of a run from a number on.
pub(super) fn events(
    moment: &Connection,
    run: RunId,
    from: u64,
) -> rusqlite::Result<Vec<(u64, Vec<u8>)>> {
    let mut statement = moment.prepare_cached(EVENTS)?;
    // A number beyond SQL's integers is beyond every event.
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let rows = statement.query_map([run.0, from], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// The steps of a run in the order in which they were reached.
pub(super) fn list_steps(moment: &Connection, run: RunId) -> rusqlite::Result<Vec<StepName>> {
    let mut statement = moment.prepare_cached(STEPS)?;
    let names = statement.query_map([run.0], |row| row.get(0).map(StepName))?;
    names.collect()
}

/// The tasks of a run that match.
pub(super) fn list(
    moment: &Connection,
    run: RunId,
    filter: &TaskFilter,
) -> rusqlite::Result<Vec<TaskRecord>> {
    // The names are joined here: once for a step, not once for a task.
    let steps = list_steps(moment, run)?;
    let step = match &filter.step {
        None => None,
        Some(name) => match steps.iter().position(|step| step == name) {
            Some(position) => Some(position as i64),
            None => return Ok(Vec::new()),
        },
    };
    let (query, values) = list_query(run, step, filter);
    let mut statement = moment.prepare_cached(&query)?;
    let rows = statement.query_map(params_from_iter(values), |row| record(row, &steps))?;
    rows.collect()
}

/// The query behind [`list`]: one range of the table, or of the index by step.
pub(super) fn list_query(
    run: RunId,
    step: Option<i64>,
    filter: &TaskFilter,
) -> (String, Vec<Value>) {
    let mut query = format!("SELECT {COLUMNS} FROM tasks ");
    let mut values = vec![Value::Integer(run.0)];
    if let Some(step) = step {
        // Left to itself, SQLite walks all tasks of the run: bad for the one task of `end`.
        query.push_str("INDEXED BY tasks_by_step WHERE run = ? AND step = ?");
        values.push(Value::Integer(step));
    } else {
        query.push_str("WHERE run = ?");
    }
    let (beyond, order) = match filter.newest_first {
        false => (">", "ASC"),
        true => ("<", "DESC"),
    };
    if let Some(after) = filter.after {
        query.push_str(&format!(" AND task {beyond} ?"));
        values.push(Value::Integer(after.0.into()));
    }
    if !filter.states.is_empty() {
        query.push_str(&format!(" AND state IN ({})", codes::list(&filter.states)));
    }
    query.push_str(&format!(" ORDER BY task {order} LIMIT ?"));
    values.push(limit(filter.limit));
    (query, values)
}

/// One task.
pub(super) fn find(
    moment: &Connection,
    run: RunId,
    task: TaskNumber,
) -> rusqlite::Result<Option<TaskRecord>> {
    let steps = list_steps(moment, run)?;
    let mut statement = moment.prepare_cached(&find_query())?;
    statement
        .query_one(params![run.0, task.0], |row| record(row, &steps))
        .optional()
}

/// The query behind [`find`].
pub(super) fn find_query() -> String {
    format!("SELECT {COLUMNS} FROM tasks WHERE run = ?1 AND task = ?2")
}

/// How many tasks of each step stand where.
pub(super) fn count(
    moment: &Connection,
    run: RunId,
) -> rusqlite::Result<Vec<(StepName, TaskState, u64)>> {
    let steps = list_steps(moment, run)?;
    let mut counts = vec![[0_u64; TaskState::ALL.len()]; steps.len()];
    // Counting here is faster than a group by, which sorts.
    let mut statement = moment.prepare_cached(COUNT)?;
    let mut rows = statement.query([run.0])?;
    while let Some(row) = rows.next()? {
        let state: TaskState = codes::state(row, 1)?;
        let step: usize = row.get(0)?;
        let of_step = counts.get_mut(step).ok_or_else(|| unknown_step(step))?;
        of_step[state as usize] += 1;
    }
    Ok(steps
        .into_iter()
        .zip(counts)
        .flat_map(|(step, counts)| {
            let states = TaskState::ALL.iter().copied().zip(counts);
            states.map(move |(state, count)| (step.clone(), state, count))
        })
        .filter(|(_, _, count)| *count > 0)
        .collect())
}

/// The attempts of one task, or of all.
pub(super) fn list_attempts(
    moment: &Connection,
    run: RunId,
    task: Option<TaskNumber>,
) -> rusqlite::Result<Vec<AttemptRecord>> {
    let (query, values) = match task {
        None => (ATTEMPTS, vec![run.0]),
        Some(task) => (ATTEMPTS_OF_TASK, vec![run.0, task.0.into()]),
    };
    let mut statement = moment.prepare_cached(query)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(AttemptRecord {
            task: TaskNumber(row.get(0)?),
            attempt: AttemptNumber(row.get(1)?),
            state: codes::state(row, 2)?,
            started_at: Millis(row.get(3)?),
            finished_at: maybe(row, 4, Millis)?,
            pid: row.get(5)?,
            manifest: row.get(6)?,
            failure: row.get(7)?,
        })
    })?;
    rows.collect()
}

/// The manifests with these keys and those that they add to.
pub(super) fn manifests(moment: &Connection, ids: &[i64]) -> rusqlite::Result<Vec<ManifestRecord>> {
    let mut statement = moment.prepare_cached(MANIFESTS)?;
    let rows = statement.query_map([json(ids.iter().copied())], |row| {
        Ok(ManifestRecord {
            id: row.get(0)?,
            base: row.get(1)?,
            bytes: row.get(2)?,
        })
    })?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable_by_key(|manifest| manifest.id);
    Ok(found)
}

fn record(row: &Row<'_>, steps: &[StepName]) -> rusqlite::Result<TaskRecord> {
    let step: usize = row.get(1)?;
    Ok(TaskRecord {
        task: TaskNumber(row.get(0)?),
        step: steps.get(step).ok_or_else(|| unknown_step(step))?.clone(),
        place: row.get(2)?,
        state: codes::state(row, 3)?,
        attempt: maybe(row, 4, AttemptNumber)?,
        created_at: Millis(row.get(5)?),
        finished_at: maybe(row, 6, Millis)?,
        manifest: row.get(7)?,
        origin: maybe(row, 8, TaskNumber)?,
        taken: row.get(9)?,
        parents: row.get(10)?,
    })
}

/// A task names a step that the run doesn't have: the database is damaged.
fn unknown_step(position: usize) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(1, position as i64)
}

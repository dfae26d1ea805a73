//! Flows and runs.

use pave_model::{FlowName, Millis, RunId, RunNumber};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::codes::{self, Coded, maybe};
use super::fault::Fault;
use super::tags;
use crate::error::no_such_run;
use crate::tags::Tags;
use crate::{NewRun, Owner, RunFilter, RunRecord};

/// The columns that [`record`] reads.
const COLUMNS: &str = "r.id, f.name, r.number, r.user, r.state, r.created_at, r.finished_at,
    r.origin, r.token, r.host, r.pid, r.started, s.spec, r.parameters, r.file, r.error";

/// Creates a run; its number is the flow's next, whoever else creates one.
pub(super) fn create(change: &Connection, new: &NewRun) -> Result<RunRecord, Fault> {
    let tags = Tags::first(&new.tags, &new.system_tags)?;
    let (flow, number): (i64, u64) = change
        .prepare_cached(
            "INSERT INTO flows (name, last_run) VALUES (?1, 1)
             ON CONFLICT (name) DO UPDATE SET last_run = last_run + 1
             RETURNING id, last_run",
        )?
        .query_one([&new.flow.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let spec = put_spec(change, flow, &new.flow_spec)?;
    // The key is known once the row is in.
    let mut record = new.record(RunId(0), RunNumber(number), &tags);
    change
        .prepare_cached(
            "INSERT INTO runs (flow, number, state, token, created_at, origin, spec, pid, host,
                               started, user, file, parameters, error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, '')",
        )?
        .execute(params![
            flow,
            number,
            record.state.code(),
            record.owner.token,
            record.created_at.0,
            record.origin.map(|origin| origin.0),
            spec,
            record.owner.pid,
            record.owner.host,
            record.owner.started,
            record.user,
            record.file,
            record.parameters,
        ])?;
    record.id = RunId(change.last_insert_rowid());
    tags::insert(change, record.id, &tags)?;
    Ok(record)
}

/// The key of a flow's description: that of its newest run, unless it has changed.
fn put_spec(change: &Connection, flow: i64, spec: &str) -> Result<i64, Fault> {
    let same = change
        .prepare_cached(
            "SELECT id FROM flow_specs
             WHERE id = (SELECT spec FROM runs WHERE flow = ?1 ORDER BY id DESC LIMIT 1)
               AND spec = ?2",
        )?
        .query_one(params![flow, spec], |row| row.get(0))
        .optional()?;
    if let Some(same) = same {
        return Ok(same);
    }
    change
        .prepare_cached("INSERT INTO flow_specs (spec) VALUES (?1)")?
        .execute([spec])?;
    Ok(change.last_insert_rowid())
}

/// Stores a new owner under the next token.
pub(super) fn take_over(change: &Connection, run: RunId, owner: &Owner) -> Result<u64, Fault> {
    change
        .prepare_cached(
            "UPDATE runs SET token = token + 1, pid = ?2, host = ?3, started = ?4
             WHERE id = ?1 RETURNING token",
        )?
        .query_one(
            params![run.0, owner.pid, owner.host, owner.started],
            |row| row.get(0),
        )
        .optional()?
        .ok_or_else(|| no_such_run(run).into())
}

/// The flows with a run that has all tags.
pub(super) fn list_flows(moment: &Connection, with: &[String]) -> rusqlite::Result<Vec<FlowName>> {
    let mut statement = moment.prepare_cached(&flows_query(with.len()))?;
    let names = statement.query_map(params_from_iter(with), |row| row.get(0).map(FlowName))?;
    names.collect()
}

/// The query behind [`list_flows`], for so many tags.
pub(super) fn flows_query(tags: usize) -> String {
    format!(
        "SELECT f.name FROM flows f
         WHERE EXISTS (SELECT 1 FROM runs r WHERE r.flow = f.id{})
         ORDER BY f.name",
        HAS_TAG.repeat(tags)
    )
}

const HAS_TAG: &str = " AND EXISTS (SELECT 1 FROM run_tags x WHERE x.run = r.id AND x.tag = ?)";

/// One run by its number.
pub(super) fn find(
    moment: &Connection,
    flow: &FlowName,
    number: RunNumber,
) -> rusqlite::Result<Option<RunRecord>> {
    let mut statement = moment.prepare_cached(&find_query())?;
    let found = statement
        .query_one(params![flow.0, number.0], record)
        .optional()?;
    let with_tags = tagged(moment, found.into_iter().collect())?;
    Ok(with_tags.into_iter().next())
}

/// The query behind [`find`].
pub(super) fn find_query() -> String {
    format!(
        "SELECT {COLUMNS} FROM flows f, runs r, flow_specs s
         WHERE f.name = ?1 AND r.flow = f.id AND r.number = ?2 AND s.id = r.spec"
    )
}

/// The runs that match, newest first.
pub(super) fn list(moment: &Connection, filter: &RunFilter) -> rusqlite::Result<Vec<RunRecord>> {
    let (query, values) = list_query(filter);
    let mut statement = moment.prepare_cached(&query)?;
    let rows = statement.query_map(params_from_iter(values), record)?;
    tagged(moment, rows.collect::<Result<_, _>>()?)
}

/// The query behind [`list`]. It walks runs from the newest to the oldest, those of the flow or, if
/// none is given, those of the first tag, so that a limit ends it early; the joins are written in
/// this order for that reason.
pub(super) fn list_query(filter: &RunFilter) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = Vec::new();
    let mut tags = filter.tags.iter().cloned();
    let (from, key) = if let Some(flow) = &filter.flow {
        values.push(Value::Text(flow.0.clone()));
        let flow = "r.flow = (SELECT id FROM flows WHERE name = ?)";
        (
            format!(
                "runs r CROSS JOIN flows f ON f.id = r.flow CROSS JOIN flow_specs s ON s.id = r.spec WHERE {flow}"
            ),
            "r.id",
        )
    } else if let Some(tag) = tags.next() {
        values.push(Value::Text(tag));
        ("run_tags t CROSS JOIN runs r ON r.id = t.run CROSS JOIN flows f ON f.id = r.flow CROSS JOIN flow_specs s ON s.id = r.spec WHERE t.tag = ?".to_owned(), "t.run")
    } else {
        ("runs r CROSS JOIN flows f ON f.id = r.flow CROSS JOIN flow_specs s ON s.id = r.spec WHERE 1".to_owned(), "r.id")
    };
    let mut query = format!("SELECT {COLUMNS} FROM {from}");
    let mut and = |condition: &str, value: Option<Value>| {
        query.push_str(condition);
        values.extend(value);
    };
    for tag in tags {
        and(HAS_TAG, Some(Value::Text(tag)));
    }
    if !filter.states.is_empty() {
        and(
            &format!(" AND r.state IN ({})", codes::list(&filter.states)),
            None,
        );
    }
    if let Some(user) = &filter.user {
        and(" AND r.user = ?", Some(Value::Text(user.clone())));
    }
    if let Some(since) = filter.since {
        and(" AND r.created_at >= ?", Some(Value::Integer(since.0)));
    }
    if let Some(before) = filter.before {
        and(&format!(" AND {key} < ?"), Some(Value::Integer(before.0)));
    }
    and(
        &format!(" ORDER BY {key} DESC LIMIT ?"),
        Some(limit(filter.limit)),
    );
    (query, values)
}

/// A limit as SQL takes it.
pub(super) fn limit(limit: usize) -> Value {
    Value::Integer(match limit {
        0 => -1,
        limit => i64::try_from(limit).unwrap_or(-1),
    })
}

/// The records with their tags.
fn tagged(moment: &Connection, mut records: Vec<RunRecord>) -> rusqlite::Result<Vec<RunRecord>> {
    if records.is_empty() {
        return Ok(records);
    }
    let mut tags = tags::of(moment, records.iter().map(|record| record.id))?;
    for record in &mut records {
        let of_run = tags.remove(&record.id).unwrap_or_default();
        record.tags = of_run.user.into_iter().collect();
        record.system_tags = of_run.system.into_iter().collect();
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        id: RunId(row.get(0)?),
        flow: FlowName(row.get(1)?),
        number: RunNumber(row.get(2)?),
        user: row.get(3)?,
        state: codes::state(row, 4)?,
        created_at: Millis(row.get(5)?),
        finished_at: maybe(row, 6, Millis)?,
        origin: maybe(row, 7, RunNumber)?,
        owner: Owner {
            token: row.get(8)?,
            host: row.get(9)?,
            pid: row.get(10)?,
            started: row.get(11)?,
        },
        tags: Vec::new(),
        system_tags: Vec::new(),
        flow_spec: row.get(12)?,
        parameters: row.get(13)?,
        file: row.get(14)?,
        error: row.get(15)?,
    })
}

//! Tags of runs: rows of their own, so that runs are found by them.

use std::collections::BTreeMap;

use pave_model::RunId;
use rusqlite::{Connection, params};

use super::codes::json;
use super::fault::Fault;
use crate::error::no_such_run;
use crate::tags::Tags;

/// The tags of some runs.
pub(super) fn of(
    moment: &Connection,
    runs: impl Iterator<Item = RunId>,
) -> rusqlite::Result<BTreeMap<RunId, Tags>> {
    let mut statement = moment.prepare_cached(TAGS_OF_RUNS)?;
    let mut rows = statement.query([json(runs.map(|run| run.0))])?;
    let mut tags: BTreeMap<RunId, Tags> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let of_run = tags.entry(RunId(row.get(0)?)).or_default();
        if row.get(2)? {
            of_run.system.insert(row.get(1)?);
        } else {
            of_run.user.insert(row.get(1)?);
        }
    }
    Ok(tags)
}

pub(super) const TAGS_OF_RUNS: &str =
    "SELECT run, tag, system FROM run_tags WHERE run IN (SELECT value FROM json_each(?1))";

/// Stores the tags that a new run begins with.
pub(super) fn insert(change: &Connection, run: RunId, tags: &Tags) -> rusqlite::Result<()> {
    let mut statement =
        change.prepare_cached("INSERT INTO run_tags (run, tag, system) VALUES (?1, ?2, ?3)")?;
    for tag in &tags.user {
        statement.execute(params![run.0, tag, false])?;
    }
    for tag in &tags.system {
        statement.execute(params![run.0, tag, true])?;
    }
    Ok(())
}

/// Changes a run's user tags, and returns them all.
pub(super) fn change(
    change: &Connection,
    run: RunId,
    add: &[String],
    remove: &[String],
) -> Result<Vec<String>, Fault> {
    let exists = change
        .prepare_cached("SELECT 1 FROM runs WHERE id = ?1")?
        .exists([run.0])?;
    if !exists {
        return Err(no_such_run(run).into());
    }
    let before = of(change, std::iter::once(run))?
        .remove(&run)
        .unwrap_or_default();
    let after = before.changed(add, remove)?;
    let mut delete = change.prepare_cached("DELETE FROM run_tags WHERE run = ?1 AND tag = ?2")?;
    for tag in before.user.difference(&after.user) {
        delete.execute(params![run.0, tag])?;
    }
    let new = Tags {
        user: after.user.difference(&before.user).cloned().collect(),
        ..Tags::default()
    };
    insert(change, run, &new)?;
    Ok(after.user())
}

//! Every list is one range of a table or of an index: tested against SQLite's own plans.

use pave_model::{Millis, RunId, RunState, TaskNumber, TaskState};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{open, runs, tags, tasks};
use crate::{RunFilter, TaskFilter};

/// A query with its values, and what must occur in its plan.
type Case = ((String, Vec<Value>), &'static str);

/// Tables that a query may walk whole: its own arguments, and the few flows.
const SMALL: [&str; 4] = ["wanted", "w", "json_each", "f"];

#[test]
fn lists_of_runs_search_an_index_and_never_sort() {
    let by = |flow: bool, tags: usize| {
        runs::list_query(&RunFilter {
            flow: flow.then(|| "Flow".into()),
            tags: vec!["x".to_owned(); tags],
            states: vec![RunState::Failed],
            user: Some("ada".to_owned()),
            since: Some(Millis(1)),
            before: Some(RunId(1)),
            limit: 5,
        })
    };
    check(vec![
        (
            by(true, 2),
            "SEARCH r USING INDEX runs_by_flow (flow=? AND rowid<?)",
        ),
        (
            by(false, 2),
            "SEARCH t USING INDEX run_tags_by_tag (tag=? AND run<?)",
        ),
        (by(false, 0), "SEARCH r USING INTEGER PRIMARY KEY (rowid<?)"),
        (
            query(&runs::find_query(), 2),
            "SEARCH r USING INDEX sqlite_autoindex_runs_1 (flow=? AND number=?)",
        ),
        (
            query(&runs::flows_query(2), 2),
            "SEARCH r USING INDEX runs_by_flow (flow=?)",
        ),
        (
            query(tags::TAGS_OF_RUNS, 1),
            "SEARCH run_tags USING PRIMARY KEY (run=?)",
        ),
    ]);
}

#[test]
fn lists_of_a_run_search_an_index_and_never_sort() {
    let plain = TaskFilter::default();
    let every = TaskFilter {
        states: vec![TaskState::Failed],
        after: Some(TaskNumber(1)),
        limit: 5,
        ..TaskFilter::default()
    };
    let newest = TaskFilter {
        newest_first: true,
        ..every.clone()
    };
    let mut cases = vec![
        (
            query(tasks::EVENTS, 2),
            "SEARCH events USING PRIMARY KEY (run=? AND seq>?)",
        ),
        (
            query(tasks::STEPS, 1),
            "SEARCH steps USING PRIMARY KEY (run=?)",
        ),
        (
            query(tasks::COUNT, 1),
            "SEARCH tasks USING PRIMARY KEY (run=?)",
        ),
        (
            query(tasks::ATTEMPTS, 1),
            "SEARCH attempts USING PRIMARY KEY (run=?)",
        ),
        (
            query(tasks::ATTEMPTS_OF_TASK, 2),
            "SEARCH attempts USING PRIMARY KEY (run=? AND task=?)",
        ),
        (
            query(tasks::MANIFESTS, 1),
            "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)",
        ),
        (
            query(&tasks::find_query(), 2),
            "SEARCH tasks USING PRIMARY KEY (run=? AND task=?)",
        ),
    ];
    for filter in [&plain, &every, &newest] {
        cases.push((
            tasks::list_query(RunId(1), None, filter),
            "SEARCH tasks USING PRIMARY KEY (run=?",
        ));
        cases.push((
            tasks::list_query(RunId(1), Some(1), filter),
            "SEARCH tasks USING INDEX tasks_by_step (run=? AND step=?",
        ));
    }
    check(cases);
}

/// A query that takes so many integers.
fn query(text: &str, values: usize) -> (String, Vec<Value>) {
    (text.to_owned(), vec![Value::Integer(1); values])
}

fn check(cases: Vec<Case>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.db");
    let connection = open::open(&path, true, open::MIGRATIONS)
        .unwrap()
        .connection;
    for ((query, values), expected) in cases {
        let plan = plan(&connection, &query, values);
        // An index that covers the query is as good, and a check that ends at the first row too.
        let text = plan
            .join("\n")
            .replace("COVERING INDEX", "INDEX")
            .replace(" EXISTS ", " ");
        assert!(text.contains(expected), "{query}\n{text}");
        assert!(!text.contains("TEMP B-TREE"), "{query}\n{text}");
        for line in &plan {
            let walked = line
                .strip_prefix("SCAN ")
                .map(|rest| rest.split(' ').next());
            if let Some(table) = walked.flatten() {
                assert!(SMALL.contains(&table), "{query}\n{text}");
            }
        }
    }
}

/// What SQLite plans for a query, a line each.
fn plan(connection: &Connection, query: &str, values: Vec<Value>) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
        .unwrap();
    let lines = statement
        .query_map(params_from_iter(values), |row| row.get(3))
        .unwrap();
    lines.collect::<Result<_, _>>().unwrap()
}

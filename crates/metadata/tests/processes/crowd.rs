//! Several processes at one store at once, from its creation on.

use std::io::{BufRead, Read, Write, stdin};
use std::path::Path;
use std::process::{Child, Stdio};

use pave_metadata::{Metadata, RunFilter, SqliteMetadata};

use crate::script;

const PROCESSES: usize = 4;
const RUNS: usize = 15;
const COMMITS: u64 = 20;

/// One of the crowd: waits for the word, opens the store, creates runs and drives them.
pub(crate) fn play(folder: &Path) {
    println!("\nready");
    stdin().lock().read_line(&mut String::new()).unwrap();
    let store = SqliteMetadata::open(folder).unwrap();
    for _ in 0..RUNS {
        let run = store.create_run(&script::new_run()).unwrap();
        let mut last = None;
        for n in 1..=COMMITS {
            let keys = store.commit(run.id, &script::commit(1, n, last)).unwrap();
            last = keys.last().copied();
        }
        store
            .change_tags(run.id, &["done".to_owned()], &[])
            .unwrap();
    }
    store.sync().unwrap();
}

#[test]
fn processes_that_create_a_store_and_runs_at_once_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut crowd: Vec<Child> = (0..PROCESSES)
        .map(|_| {
            crate::command("crowd", folder.path(), &[])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in &mut crowd {
        wait_until_ready(child);
    }
    for child in &mut crowd {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    // A reader among them sees numbers without gaps, and no half of a commit.
    let store = SqliteMetadata::open(folder.path()).unwrap();
    let all = RunFilter::default();
    loop {
        let runs = store.list_runs(&all).unwrap();
        let numbers: Vec<u64> = runs.iter().rev().map(|run| run.number.0).collect();
        assert_eq!(numbers, (1..=runs.len() as u64).collect::<Vec<_>>());
        let finished: Vec<bool> = crowd
            .iter_mut()
            .map(|child| child.try_wait().unwrap().is_some())
            .collect();
        if finished.iter().all(|is_finished| *is_finished) {
            break;
        }
    }
    for child in crowd {
        crate::assert_succeeded(&child.wait_with_output().unwrap());
    }
    let runs = store.list_runs(&all).unwrap();
    assert_eq!(runs.len(), PROCESSES * RUNS);
    for run in &runs {
        assert_eq!(script::check(&store, run).0, COMMITS);
        assert_eq!(run.tags, ["done"]);
    }
    drop(store);
    script::check_integrity(folder.path());
}

/// Reads a child's output up to the line `ready`; byte by byte, so that the rest stays in the pipe.
fn wait_until_ready(child: &mut Child) {
    let output = child.stdout.as_mut().unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\nready\n") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
}

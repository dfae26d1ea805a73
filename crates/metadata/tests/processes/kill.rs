//! Writers that are killed at any instant: what they were told is stored is stored, whole commits
//! and nothing between.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use pave_metadata::{Metadata, Owner, SqliteMetadata};

use crate::script;

/// How often the writer is killed.
const ROUNDS: usize = 16;

/// The writer: takes the run over and commits until it is killed, and says so after each commit.
pub(crate) fn play(folder: &Path) {
    let (store, run) = script::drive(folder);
    let (stored, mut last) = script::check(&store, &run);
    let token = store.take_over(run.id, &Owner::current(0)).unwrap();
    for n in stored + 1.. {
        let keys = store
            .commit(run.id, &script::commit(token, n, last))
            .unwrap();
        last = keys.last().copied();
        println!("\nstored {n}");
    }
}

#[test]
fn a_killed_writer_leaves_the_commits_it_was_told_of_and_no_part_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..ROUNDS {
        let told = run_and_kill(folder.path(), 1 + round * 7 % 40);
        // As the next process finds it, with the dead one's log still there.
        let store = SqliteMetadata::open_existing(folder.path()).unwrap();
        let run = script::first(&store).unwrap();
        assert_eq!(run.owner.is_alive(), Some(false));
        assert_eq!(run.state_now(), pave_model::RunState::Interrupted);
        let (stored, _) = script::check(&store, &run);
        assert!(
            stored >= told,
            "round {round}: told of {told}, stored {stored}"
        );
        assert!(
            stored > total,
            "round {round}: goes on where the last one was killed"
        );
        total = stored;
        drop(store);
        script::check_integrity(folder.path());
    }
    let owner = script::drive(folder.path()).1.owner;
    assert_eq!(owner.token, 1 + ROUNDS as u64);
}

#[test]
fn a_process_killed_while_it_creates_the_store_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..30_u64 {
        let place = folder.path().join(round.to_string());
        let mut child = crate::command("writer", &place, &[])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let file = place.join("metadata.db");
        while !file.exists() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the writer ended by itself"
            );
        }
        // A little later in each round, so that all of the creation is hit.
        for _ in 0..round * 10 {
            std::hint::black_box(file.metadata().is_ok());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (store, run) = script::drive(&place);
        script::check(&store, &run);
        let next = store.create_run(&script::new_run()).unwrap();
        assert_eq!(next.number.0, run.number.0 + 1);
        drop(store);
        script::check_integrity(&place);
    }
}

#[test]
fn a_power_cut_loses_commits_from_the_end_only() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run) = script::drive(folder.path());
    let mut last = None;
    for n in 1..=40 {
        last = store
            .commit(run.id, &script::commit(1, n, last))
            .unwrap()
            .pop();
        if n == 10 {
            store.sync().unwrap();
        }
    }
    let synced = std::fs::read(folder.path().join("metadata.db")).unwrap();
    let log = std::fs::read(folder.path().join("metadata.db-wal")).unwrap();
    let after_cut = |database: &[u8], log: &[u8]| {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("metadata.db"), database).unwrap();
        std::fs::write(place.path().join("metadata.db-wal"), log).unwrap();
        let (store, run) = script::drive(place.path());
        let (stored, _) = script::check(&store, &run);
        drop(store);
        script::check_integrity(place.path());
        stored
    };
    // What reached the disk of the log: a start of it, or all but a block somewhere.
    let mut before = 10;
    for kept in (0..log.len()).step_by(15_001).chain([log.len()]) {
        let stored = after_cut(&synced, &log[..kept]);
        assert!(
            stored >= before,
            "{stored} of {kept} bytes, {before} of fewer"
        );
        before = stored;
    }
    assert_eq!(before, 40);
    for lost in (4096..log.len()).step_by(50_000) {
        let mut log = log.clone();
        let end = log.len().min(lost + 512);
        log[lost..end].fill(0xA5);
        assert!(
            (10..40).contains(&after_cut(&synced, &log)),
            "without the block at {lost}"
        );
    }
    // Nothing of the database reached it: a store begins anew.
    assert_eq!(after_cut(b"", &log), 0);
}

/// Kills a writer after it has told of so many commits; the number of the last it told of.
fn run_and_kill(folder: &Path, commits: usize) -> u64 {
    let mut child = crate::command("writer", folder, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let told = |line: &str| line.strip_prefix("stored ").and_then(|n| n.parse().ok());
    let mut last = 0;
    let mut heard = 0;
    let mut line = String::new();
    while heard < commits {
        line.clear();
        assert!(
            output.read_line(&mut line).unwrap() > 0,
            "the writer ended by itself"
        );
        if let Some(n) = told(line.trim_end()) {
            (last, heard) = (n, heard + 1);
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    // The last line may be cut.
    for line in rest
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        last = told(line.trim_end()).unwrap_or(last);
    }
    last
}

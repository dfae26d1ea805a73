//! How fast the SQLite store commits and reads.
//!
//! `cargo run --release -p pave-metadata --example commits [FOLDER]` (a temporary one by default).

#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pave_metadata::{
    AttemptRecord, Commit, ManifestRecord, Metadata, NewRun, RunChange, RunRecord, SqliteMetadata,
    TaskFilter, TaskRecord,
};
use pave_model::{AttemptNumber, AttemptState, Millis, RunState, TaskNumber, TaskState};

/// Commits of one task each.
const SMALL: u32 = 20_000;
/// Tasks of the bulk measurement, and how many go into one commit.
const BULK: u32 = 200_000;
const AT_ONCE: u32 = 1_000;
/// Tasks that are read back.
const READ: u32 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args()
        .nth(1)
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let began = Instant::now();
    let store = SqliteMetadata::open(&folder)?;
    println!("create the store        {:>10.2?}", began.elapsed());
    let began = Instant::now();
    drop(SqliteMetadata::open(&folder)?);
    println!("open it again           {:>10.2?}", began.elapsed());
    small(&store, &folder)?;
    bulk(&store, &folder)?;
    read(&store)
}

/// One event, one task, one attempt, one manifest in each commit.
fn small(store: &SqliteMetadata, folder: &Path) -> Result<(), Box<dyn Error>> {
    let run = run(store)?;
    let mut times = Vec::with_capacity(SMALL as usize);
    for task in 1..=SMALL {
        let commit = commit(u64::from(task), task..task + 1, true);
        let began = Instant::now();
        store.commit(run.id, &commit)?;
        times.push(began.elapsed());
    }
    let began = Instant::now();
    finish(store, &run, u64::from(SMALL) + 1)?;
    let synced = began.elapsed();
    let total: Duration = times.iter().sum();
    times.sort();
    let at = |share: f64| times[(f64::from(SMALL - 1) * share) as usize];
    println!(
        "commit of one task      {:>10.2?} median, {:.2?} 99 %, {:.2?} worst",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!(
        "                        {:>10.0} commits/s",
        f64::from(SMALL) / total.as_secs_f64()
    );
    println!("finish and sync         {synced:>10.2?}");
    sizes(folder)
}

/// Many tasks in each commit, inserted queued, then replaced as succeeded with all that comes with it.
fn bulk(store: &SqliteMetadata, folder: &Path) -> Result<(), Box<dyn Error>> {
    let run = run(store)?;
    let mut event = 1;
    for (what, rows, is_done) in [("queued task", 2, false), ("task done", 4, true)] {
        let mut busy = Duration::ZERO;
        for first in (1..=BULK).step_by(AT_ONCE as usize) {
            let commit = commit(event, first..first + AT_ONCE, is_done);
            event += u64::from(AT_ONCE);
            let began = Instant::now();
            store.commit(run.id, &commit)?;
            busy += began.elapsed();
        }
        let tasks = f64::from(BULK) / busy.as_secs_f64();
        println!(
            "{what:<12} ({AT_ONCE} each){tasks:>10.0} tasks/s, {:.0} rows/s",
            tasks * f64::from(rows)
        );
    }
    finish(store, &run, event)?;
    let began = Instant::now();
    let counts = store.count_tasks(run.id)?;
    let counted = began.elapsed();
    println!(
        "count {BULK} tasks      {counted:>10.2?} ({} counts)",
        counts.len()
    );
    let mut of_step = TaskFilter {
        step: Some("prepare".into()),
        ..TaskFilter::default()
    };
    let began = Instant::now();
    let tasks = store.list_tasks(run.id, &of_step)?;
    let listed = began.elapsed();
    println!("list {} of them       {listed:>10.2?}", tasks.len());
    (of_step.newest_first, of_step.limit) = (true, 1);
    let began = Instant::now();
    let newest = store.list_tasks(run.id, &of_step)?;
    let listed = began.elapsed();
    println!(
        "the newest of these     {listed:>10.2?} (task {})",
        newest[0].task
    );
    sizes(folder)
}

/// The tasks of a run and all their manifests.
fn read(store: &SqliteMetadata) -> Result<(), Box<dyn Error>> {
    let run = run(store)?;
    store.commit(run.id, &commit(1, 1..READ + 1, true))?;
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let tasks = store.list_tasks(run.id, &TaskFilter::default())?;
        let listed = began.elapsed();
        let keys: Vec<i64> = tasks.iter().filter_map(|task| task.manifest).collect();
        let manifests = store.manifests(&keys)?;
        times.push((began.elapsed(), listed));
        assert_eq!(
            (tasks.len(), manifests.len()),
            (READ as usize, READ as usize)
        );
    }
    times.sort();
    let (both, listed) = times[times.len() / 2];
    println!("read {READ} tasks         {listed:>10.2?}, with their manifests {both:.2?}");
    Ok(())
}

fn run(store: &SqliteMetadata) -> Result<RunRecord, Box<dyn Error>> {
    Ok(store.create_run(&NewRun {
        flow: "Bench".into(),
        user: "ada".to_owned(),
        flow_spec: "{}".repeat(5_000),
        parameters: "{}".to_owned(),
        system_tags: vec!["user:ada".to_owned(), "runtime:local".to_owned()],
        ..NewRun::default()
    })?)
}

fn finish(store: &SqliteMetadata, run: &RunRecord, event: u64) -> Result<(), Box<dyn Error>> {
    let commit = Commit {
        token: 1,
        first_event: event,
        events: vec![vec![0; 10]],
        run: RunChange {
            state: Some(RunState::Succeeded),
            finished_at: Some(Millis(1)),
            error: None,
        },
        ..Commit::default()
    };
    store.commit(run.id, &commit)?;
    Ok(store.sync()?)
}

/// A commit about these tasks: an event and a row each and, once done, an attempt and a manifest.
fn commit(first_event: u64, tasks: std::ops::Range<u32>, is_done: bool) -> Commit {
    let mut commit = Commit {
        token: 1,
        first_event,
        ..Commit::default()
    };
    for (placeholder, number) in tasks.enumerate() {
        let manifest = is_done.then_some(-1 - placeholder as i64);
        let finished_at = is_done.then_some(Millis(1_795_000_000_123));
        commit.events.push(vec![7; 40]);
        commit.tasks.push(TaskRecord {
            task: TaskNumber(number),
            step: if number % 100 == 0 {
                "prepare".into()
            } else {
                "train".into()
            },
            place: format!("{number}"),
            state: if is_done {
                TaskState::Succeeded
            } else {
                TaskState::Queued
            },
            attempt: is_done.then_some(AttemptNumber(0)),
            created_at: Millis(1_795_000_000_000),
            finished_at,
            manifest,
            origin: None,
            taken: vec![9; 20],
            parents: vec![9; 6],
        });
        let Some(id) = manifest else { continue };
        commit.attempts.push(AttemptRecord {
            task: TaskNumber(number),
            attempt: AttemptNumber(0),
            state: AttemptState::Succeeded,
            started_at: Millis(1_795_000_000_000),
            finished_at,
            pid: 4711,
            manifest,
            failure: Vec::new(),
        });
        commit.manifests.push(ManifestRecord {
            id,
            base: None,
            bytes: vec![5; 300],
        });
    }
    commit
}

fn sizes(folder: &Path) -> Result<(), Box<dyn Error>> {
    let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len() >> 10);
    println!(
        "                        {:>10} KiB database, {} KiB log",
        size("metadata.db"),
        size("metadata.db-wal")
    );
    Ok(())
}

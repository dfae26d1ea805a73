use std::cell::RefCell;
use std::error::Error;
use std::fs;

use pave_model::{Code, Millis, RunState};
use tempfile::TempDir;

use super::*;

fn new_store() -> (TempDir, SqliteMetadata) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteMetadata::open(folder.path()).unwrap();
    (folder, store)
}

fn new_run() -> NewRun {
    NewRun {
        flow: "Flow".into(),
        tags: vec!["x".to_owned()],
        ..NewRun::default()
    }
}

fn commit(seq: u64) -> Commit {
    Commit {
        token: 1,
        first_event: seq,
        events: vec![vec![7; 100]],
        manifests: vec![ManifestRecord {
            id: -1,
            base: None,
            bytes: vec![8; 3_000],
        }],
        ..Commit::default()
    }
}

/// A connection past all our rules, as another program would open one.
fn raw(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join("metadata.db")).unwrap()
}

fn causes(error: &MetadataError) -> String {
    let mut text = error.to_string();
    let mut next: Option<&dyn Error> = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[test]
fn sqlite_conforms() {
    let folders = RefCell::new(Vec::new());
    crate::conformance::run(|| {
        let (folder, store) = new_store();
        folders.borrow_mut().push(folder);
        Box::new(store)
    });
}

#[test]
fn a_store_reads_the_same_after_it_was_closed() {
    let (folder, store) = new_store();
    let run = store.create_run(&new_run()).unwrap();
    store.commit(run.id, &commit(1)).unwrap();
    drop(store);
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        names,
        ["metadata.db"],
        "the log is gone with the last connection"
    );
    let store = SqliteMetadata::open_existing(folder.path()).unwrap();
    let runs = store.list_runs(&RunFilter::default()).unwrap();
    assert_eq!(runs, std::slice::from_ref(&run));
    assert_eq!(store.events(run.id, 0).unwrap().len(), 1);
}

#[test]
fn opening_an_existing_store_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    for place in [folder.path(), &absent] {
        let error = SqliteMetadata::open_existing(place).unwrap_err();
        assert_eq!(error.code(), Code::M002);
        assert!(
            causes(&error).ends_with("there is no store"),
            "{}",
            causes(&error)
        );
        assert!(error.hint().unwrap().contains("Run a flow"));
    }
    assert!(!absent.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (folder, store) = new_store();
    store.create_run(&new_run()).unwrap();
    drop(store);
    raw(&folder)
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = fs::read(folder.path().join("metadata.db")).unwrap();
    for opened in [
        SqliteMetadata::open(folder.path()),
        SqliteMetadata::open_existing(folder.path()),
    ] {
        let error = opened.unwrap_err();
        assert!(
            matches!(
                error,
                MetadataError::Newer {
                    found: 99,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("Upgrade"));
    }
    assert!(fs::read(folder.path().join("metadata.db")).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_store_of_ours_is_refused_and_left_alone() {
    let text = b"dear diary, ".repeat(1_000);
    let foreign = {
        let folder = tempfile::tempdir().unwrap();
        raw(&folder)
            .execute_batch("CREATE TABLE birds (name TEXT)")
            .unwrap();
        fs::read(folder.path().join("metadata.db")).unwrap()
    };
    let cut = {
        let (folder, store) = new_store();
        drop(store);
        let whole = fs::read(folder.path().join("metadata.db")).unwrap();
        whole[..6_000].to_vec()
    };
    for (bytes, cause) in [
        (text, "not an SQLite database"),
        (foreign, "another program"),
        (cut, "damaged"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        fs::write(&path, &bytes).unwrap();
        let error = SqliteMetadata::open(folder.path()).unwrap_err();
        assert_eq!(error.code(), Code::M002);
        assert!(causes(&error).contains(cause), "{}", causes(&error));
        assert!(error.to_string().contains(&path.display().to_string()));
        assert!(error.hint().is_some());
        assert!(fs::read(&path).unwrap() == bytes, "{cause}");
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    // As a process leaves it that was killed while it created the store.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("metadata.db"), b"").unwrap();
    let store = SqliteMetadata::open(folder.path()).unwrap();
    assert_eq!(store.create_run(&new_run()).unwrap().number, RunNumber(1));
}

#[test]
fn damage_met_while_reading_is_named() {
    let (folder, store) = new_store();
    let run = store.create_run(&new_run()).unwrap();
    for seq in 1..50 {
        store.commit(run.id, &commit(seq)).unwrap();
    }
    drop(store);
    let path = folder.path().join("metadata.db");
    let mut bytes = fs::read(&path).unwrap();
    let root: usize = raw(&folder)
        .query_one(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'events'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0xAB);
    fs::write(&path, bytes).unwrap();
    let store = SqliteMetadata::open(folder.path()).unwrap();
    let error = store.events(run.id, 0).unwrap_err();
    assert_eq!(error.code(), Code::M006);
    assert!(
        causes(&error).contains("the database is damaged"),
        "{}",
        causes(&error)
    );
    let error = store.commit(run.id, &commit(50)).unwrap_err();
    assert_eq!(error.code(), Code::M003);
    assert_eq!(
        store.list_runs(&RunFilter::default()).unwrap().len(),
        1,
        "the rest is readable"
    );
}

#[test]
fn migrations_run_in_order_once_and_whole() {
    let (folder, store) = new_store();
    store.create_run(&new_run()).unwrap();
    drop(store);
    let path = folder.path().join("metadata.db");
    let second = "ALTER TABLE runs ADD COLUMN note TEXT";
    let broken = [
        MIGRATIONS[0],
        second,
        "UPDATE runs SET note = 'kept'; SELECT nonsense",
    ];
    let error = open::open(&path, true, &broken).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::M002);
    let version = |connection: &Connection| -> i64 {
        connection
            .query_one("SELECT user_version FROM pragma_user_version", [], |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert_eq!(
        version(&raw(&folder)),
        1,
        "the second went back with the third"
    );
    let whole = [MIGRATIONS[0], second, "UPDATE runs SET note = 'kept'"];
    for _ in 0..2 {
        let opened = open::open(&path, true, &whole).unwrap();
        assert_eq!(version(&opened.connection), 3);
        let sql = "SELECT note FROM runs";
        let note: String = opened
            .connection
            .query_one(sql, [], |row| row.get(0))
            .unwrap();
        assert_eq!(note, "kept");
    }
    assert!(matches!(
        SqliteMetadata::open(folder.path()),
        Err(MetadataError::Newer {
            found: 3,
            known: 1,
            ..
        })
    ));
}

#[test]
fn a_full_database_refuses_and_goes_on_once_there_is_room() {
    let (_folder, store) = new_store();
    let run = store.create_run(&new_run()).unwrap();
    let limit = |pages: u32| {
        let set = format!("PRAGMA max_page_count = {pages}");
        store
            .with_writer(|writer| Ok(writer.execute_batch(&set)?))
            .unwrap();
    };
    limit(40);
    let mut seq = 0;
    let error = loop {
        seq += 1;
        if let Err(error) = store.commit(run.id, &commit(seq)) {
            break error;
        }
    };
    assert_eq!(error.code(), Code::M003);
    assert!(
        causes(&error).contains("no space is left"),
        "{}",
        causes(&error)
    );
    assert!(error.hint().unwrap().contains("pave resume"));
    let events = |store: &SqliteMetadata| store.events(run.id, 0).unwrap().len() as u64;
    assert_eq!(events(&store), seq - 1);
    limit(1_000);
    store.commit(run.id, &commit(seq)).unwrap();
    assert_eq!(events(&store), seq);
}

#[test]
fn what_is_synced_needs_no_log() {
    let (folder, store) = new_store();
    let run = store.create_run(&new_run()).unwrap();
    let mut last = commit(1);
    last.run.state = Some(RunState::Succeeded);
    last.run.finished_at = Some(Millis(7));
    store.commit(run.id, &last).unwrap();
    let copy = |to: &TempDir| {
        let name = "metadata.db";
        fs::copy(folder.path().join(name), to.path().join(name)).unwrap();
        let store = SqliteMetadata::open(to.path()).unwrap();
        let runs = store.list_runs(&RunFilter::default()).unwrap();
        runs.first().map(|run| run.state)
    };
    assert_eq!(
        copy(&tempfile::tempdir().unwrap()),
        None,
        "all is in the log yet"
    );
    store.sync().unwrap();
    assert_eq!(
        copy(&tempfile::tempdir().unwrap()),
        Some(RunState::Succeeded)
    );
}

#[test]
fn a_long_reader_blocks_neither_commits_nor_sync() {
    let (folder, store) = new_store();
    let run = store.create_run(&new_run()).unwrap();
    let mut reader = raw(&folder);
    let moment = reader.transaction().unwrap();
    let seen = || -> u64 {
        moment
            .query_one("SELECT count(*) FROM events", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(seen(), 0);
    for seq in 1..10 {
        store.commit(run.id, &commit(seq)).unwrap();
        store.sync().unwrap();
    }
    assert_eq!(seen(), 0, "a reader keeps its moment");
    drop(moment);
    assert_eq!(store.events(run.id, 0).unwrap().len(), 9);
}

#[test]
fn the_log_does_not_grow_without_bound() {
    let (folder, store) = new_store();
    let run = store.create_run(&new_run()).unwrap();
    let log = folder.path().join("metadata.db-wal");
    let mut longest = 0;
    let mut written = 0;
    for seq in 1..=400 {
        let mut bulky = commit(seq);
        bulky.manifests[0].bytes = vec![seq as u8; 250_000];
        written += 250_000;
        store.commit(run.id, &bulky).unwrap();
        longest = longest.max(fs::metadata(&log).unwrap().len());
    }
    assert!(
        written > 5 * longest,
        "{longest} bytes of log for {written} written"
    );
    assert!(longest < 20 << 20, "{longest}");
}

#[test]
fn a_waiting_writer_gets_its_turn() {
    let (folder, store) = new_store();
    let run = store.create_run(&new_run()).unwrap();
    let mut other = raw(&folder);
    let held = other
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.commit(run.id, &commit(1)));
        // Reading goes on meanwhile.
        assert!(store.events(run.id, 0).unwrap().is_empty());
        held.commit().unwrap();
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(store.events(run.id, 0).unwrap().len(), 1);
}

#[test]
fn one_description_is_stored_for_many_runs() {
    let (folder, store) = new_store();
    for spec in ["a", "a", "b", "b", "b"] {
        let flow_spec = spec.repeat(1_000);
        store
            .create_run(&NewRun {
                flow_spec,
                ..new_run()
            })
            .unwrap();
    }
    let sql = "SELECT count(*) FROM flow_specs";
    let stored: i64 = raw(&folder).query_one(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 2);
}

#[test]
fn addresses_of_odd_folders_are_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a b%20?c=#d ü");
    let store = SqliteMetadata::open(&odd).unwrap();
    store.create_run(&new_run()).unwrap();
    drop(store);
    let connection = open::unchanging(&odd.join("metadata.db")).unwrap();
    let runs: i64 = connection
        .query_one("SELECT count(*) FROM runs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(runs, 1);
}

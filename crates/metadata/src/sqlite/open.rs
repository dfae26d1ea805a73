//! Connections: how the file is opened, brought to our schema, and read where it can't be written.
//!
//! | what there is | how it is opened |
//! |---|---|
//! | a folder that can be written | normally, in WAL mode |
//! | a read-only one, with the index of a log (`-shm`) | read-only |
//! | a read-only one, without a log | as a file that doesn't change |
//! | a read-only one, with a log but no index | alone, with the index in memory |

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, TransactionBehavior};

use super::fault::{is_unwritable, read_only_reason, reason};
use crate::MetadataError;
use crate::error::Reason;

/// The schema's history: the first leads from nothing to schema 1, and so on. Never change one that
/// was released.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("../../migrations/sqlite/0001_start.sql")];

/// Marks the file as ours in its header: "PaVe".
const APPLICATION_ID: i64 = 0x5061_5665;

/// Pages of log after which a commit copies them into the database: 16 MiB. Pages that many commits
/// touch are then copied once, and the log stays small.
const LOG_PAGES: i64 = 4096;

/// Whether a store can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

/// A file that was opened, and what it allows.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) access: Access,
}

/// Opens the database at `path`, at the newest of `migrations`.
pub(super) fn open(
    path: &Path,
    create: bool,
    migrations: &[&str],
) -> Result<Opened, MetadataError> {
    let is_there = path.is_file();
    if !create && !is_there {
        return Err(failed(
            path,
            Reason::new(
                "there is no store",
                Some("Run a flow here first, or go to the folder that holds its `.pave`."),
            ),
        ));
    }
    match writable(path, create, migrations) {
        Ok(connection) => Ok(Opened {
            connection,
            access: Access::Write,
        }),
        Err(refusal) if is_there && refusal.is_unwritable() => {
            let connection = read_only(path).map_err(|error| failed(path, reason(error)))?;
            check_readable(path, &connection, migrations.len() as i64)?;
            Ok(Opened {
                connection,
                access: Access::Read,
            })
        }
        Err(refusal) => Err(refusal.into_error(path)),
    }
}

/// Opens a connection more to a database that [`open`] found writable.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mode = flags(OpenFlags::SQLITE_OPEN_READ_WRITE);
    let mut connection = Connection::open_with_flags(path, mode)?;
    configure(&mut connection)?;
    Ok(connection)
}

/// Opens a connection to a database that can't be written. Which way works may change at any time,
/// with the processes that write it from elsewhere: not to be kept.
pub(super) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let read = flags(OpenFlags::SQLITE_OPEN_READ_ONLY);
    let plain = Connection::open_with_flags(path, read).and_then(readable);
    match plain {
        Err(error) if is_unwritable(&error) => {}
        other => return other,
    }
    let log = PathBuf::from(format!("{}-wal", path.display()));
    if log.metadata().map_or(0, |log| log.len()) == 0 {
        return unchanging(path);
    }
    // Without locks, which can't be taken on a read-only file in this mode: a process that writes on
    // this machine would have put its index beside the log.
    let alone = Connection::open_with_flags_and_vfs(path, read, c"unix-none")?;
    alone.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
    readable(alone)
}

/// Why a database could not be opened for writing.
enum Refusal {
    Database(Error),
    ReadOnly,
    Schema(MetadataError),
}

impl Refusal {
    fn is_unwritable(&self) -> bool {
        match self {
            Self::Database(error) => is_unwritable(error),
            Self::ReadOnly => true,
            Self::Schema(_) => false,
        }
    }

    fn into_error(self, path: &Path) -> MetadataError {
        match self {
            Self::Database(error) => failed(path, reason(error)),
            Self::ReadOnly => failed(path, read_only_reason()),
            Self::Schema(error) => error,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

fn writable(path: &Path, create: bool, migrations: &[&str]) -> Result<Connection, Refusal> {
    let mut mode = OpenFlags::SQLITE_OPEN_READ_WRITE;
    mode.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    let mut connection = Connection::open_with_flags(path, flags(mode))?;
    connection.busy_handler(Some(wait))?;
    let known = migrations.len() as i64;
    // The version comes first: a store of a newer Pave, or another program's file, stays untouched.
    let found = check(path, &connection, known)?;
    if connection.is_readonly("main")? {
        return Err(Refusal::ReadOnly);
    }
    if found == 0 {
        // Nothing is there to lose yet: the first `sync` puts the tables on the disk with the rest,
        // and a power cut before it leaves an empty file, which becomes a store again. Waiting for
        // the disk seven times would take longer than a short run.
        connection.execute_batch("PRAGMA synchronous = OFF")?;
    }
    log_ahead(&connection)?;
    if found < known {
        migrate(path, &mut connection, migrations)?;
    }
    configure(&mut connection)?;
    Ok(connection)
}

/// Makes the database write ahead to a log: readers never block the writer, nor it them.
fn log_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mode = |sql| connection.query_one(sql, [], |row| row.get::<_, String>(0));
    if mode("PRAGMA journal_mode")? == "wal" {
        return Ok(());
    }
    // Two processes that create a store at once refuse each other here without asking `wait`.
    let mut tries = 0;
    loop {
        match mode("PRAGMA journal_mode = WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                if !wait(tries) {
                    return Err(error);
                }
                tries += 1;
            }
            other => return other.map(drop),
        }
    }
}

fn migrate(path: &Path, connection: &mut Connection, migrations: &[&str]) -> Result<(), Refusal> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Again, now that nobody else can change it.
    let found = check(path, &change, migrations.len() as i64)?;
    for (number, migration) in (1..).zip(migrations) {
        if number > found {
            change.execute_batch(migration)?;
            change.pragma_update(None, "user_version", number)?;
        }
    }
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(change.commit()?)
}

/// The schema's version, 0 for an empty file; refuses newer ones and those of other programs.
fn check(path: &Path, connection: &Connection, known: i64) -> Result<i64, Refusal> {
    let (found, program, tables): (i64, i64, i64) = connection.query_one(
        "SELECT (SELECT user_version FROM pragma_user_version),
                (SELECT application_id FROM pragma_application_id), count(*) FROM sqlite_schema",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let is_empty = found == 0 && program == 0 && tables == 0;
    if !is_empty && program != APPLICATION_ID {
        return Err(Refusal::Schema(failed(
            path,
            Reason::new(
                "the file is a database of another program",
                Some("Move the file away, or use another folder for the store."),
            ),
        )));
    }
    if found > known {
        return Err(Refusal::Schema(MetadataError::Newer {
            place: path.display().to_string(),
            found,
            known,
        }));
    }
    Ok(found)
}

/// Refuses what can be read in part only: an older schema that can't be brought up to date here.
fn check_readable(path: &Path, connection: &Connection, known: i64) -> Result<(), MetadataError> {
    let found = check(path, connection, known).map_err(|refusal| refusal.into_error(path))?;
    if found < known {
        return Err(failed(
            path,
            Reason::new(
                format!(
                    "it has the older schema {found}, and cannot be brought to {known} because it is read-only"
                ),
                Some("Open it once where it can be written, or copy it to such a place."),
            ),
        ));
    }
    Ok(())
}

fn configure(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait))?;
    connection.set_prepared_statement_cache_capacity(64);
    // NORMAL: a commit is in the kernel's hands when it returns, so that the death of this process
    // or of all processes loses nothing. It isn't on the disk until the log is copied into the
    // database (every `LOG_PAGES`, and at `sync`): a power cut may lose the last commits, but only
    // from the end, since the log's checksums are chained. What a lost commit named (artifacts) was
    // written before it and is only unused then; nothing that remains names something lost.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL;
         PRAGMA wal_autocheckpoint = {LOG_PAGES};
         PRAGMA journal_size_limit = {};
         PRAGMA temp_store = MEMORY;",
        LOG_PAGES * 4096,
    ))
}

/// The connection, if the schema can be read through it.
fn readable(mut connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_handler(Some(wait))?;
    connection.query_one("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// How a process waits for another one's lock: commits take microseconds, so it asks again soon at
/// first, and gives up after ten seconds or more.
fn wait(tries: i32) -> bool {
    let pause = match tries {
        0..10 => Duration::from_micros(50),
        10..50 => Duration::from_millis(1),
        50..2050 => Duration::from_millis(5),
        _ => return false,
    };
    std::thread::sleep(pause);
    true
}

fn flags(mode: OpenFlags) -> OpenFlags {
    // A connection is used by one thread at a time: SQLite needn't lock it again.
    mode | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Opens a database that nobody changes meanwhile.
pub(super) fn unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'%' | b'?' | b'#' => address.push_str(&format!("%{byte:02X}")),
            0x20..0x7f => address.push(char::from(*byte)),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address.push_str("?immutable=1");
    let read = flags(OpenFlags::SQLITE_OPEN_READ_ONLY);
    Connection::open_with_flags(address, read).and_then(readable)
}

fn failed(path: &Path, reason: Reason) -> MetadataError {
    MetadataError::Open {
        place: path.display().to_string(),
        cause: Box::new(reason),
    }
}

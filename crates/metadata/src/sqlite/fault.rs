//! SQLite's errors in words for people.

use rusqlite::{Error, ErrorCode};

use crate::MetadataError;
use crate::error::Reason;

/// Why a write did not happen.
pub(super) enum Fault {
    /// The database refused.
    Database(Error),
    /// The commit contradicts itself.
    Commit(Reason),
    /// Our own rules refused.
    Rule(MetadataError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self::Commit(reason)
    }
}

impl From<MetadataError> for Fault {
    fn from(error: MetadataError) -> Self {
        Self::Rule(error)
    }
}

/// Whether an error means that the place can't be written, so that reading may still work.
pub(super) fn is_unwritable(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

/// A sentence, and what to do about it.
type Words = (&'static str, &'static str);

const READ_ONLY: Words = (
    "the file or its folder is read-only",
    "Make the folder and the files in it writable for this user.",
);

/// The reason for refusing a change to what can only be read.
pub(super) fn read_only_reason() -> Reason {
    Reason::new(READ_ONLY.0, Some(READ_ONLY.1))
}

/// What an error of the database means, and what to do about it.
pub(super) fn reason(error: Error) -> Reason {
    let (sentence, hint): Words = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            "no space is left on the disk",
            "Free some space; an interrupted run goes on with `pave resume`.",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => READ_ONLY,
        Some(ErrorCode::NotADatabase) => (
            "the file is not an SQLite database",
            "Move the file away and restore it from a backup, or begin a new store.",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            "the database is damaged",
            "Restore it from a backup, or save what is readable with `sqlite3 metadata.db .recover`.",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            "another process has kept the database locked for too long",
            "Look for a process that holds `metadata.db` open, end it, and try again.",
        ),
        Some(ErrorCode::CannotOpen) => (
            "the file cannot be opened",
            "Check that the folder exists and that this user may read and write it.",
        ),
        Some(ErrorCode::SystemIoFailure) => (
            "the disk reported an error",
            "Check the disk and its space; the system's log may say more.",
        ),
        _ => (
            "the database refused",
            "This may be a defect of Pave: please report it.",
        ),
    };
    Reason {
        sentence: sentence.to_owned(),
        hint: Some(hint),
        source: Some(Box::new(error)),
    }
}

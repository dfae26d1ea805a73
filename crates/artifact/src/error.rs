//! Why an artifact could not be written or read.

use std::io;

use pave_model::Code;

/// Why the artifact room refused. Each variant has a stable [`Code`] and says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// What is stored is not what was written.
    #[error(
        "artifact `{artifact}` is corrupt: {place} {why}. Restore that file from a backup, or run the step that made it again"
    )]
    Corrupt {
        /// The artifact's name.
        artifact: String,
        /// The blob's path or address.
        place: String,
        /// What is wrong with it, such as "holds 3 bytes instead of 7".
        why: String,
    },
    /// A blob that a manifest names is not in the store.
    #[error(
        "artifact `{artifact}` is missing from the store: {place} does not exist. If the store was moved or cleaned, restore that file; else run the step that made it again"
    )]
    Missing {
        /// The artifact's name.
        artifact: String,
        /// The path or address where the blob should be.
        place: String,
    },
    /// Writing failed; nothing is left behind.
    #[error("writing to the artifact store at {place} failed, nothing was kept. {hint}")]
    Write {
        /// The path that was written.
        place: String,
        /// What to do about it.
        hint: &'static str,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// The system refused to read.
    #[error("artifact `{artifact}` cannot be read from {place}")]
    Read {
        /// The artifact's name.
        artifact: String,
        /// The path that was read.
        place: String,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// Bytes that don't follow their format.
    #[error(
        "these bytes are no valid {format}: {why} (at byte {at}). They were damaged, or a newer version of Pave wrote them"
    )]
    Malformed {
        /// Which format, such as "value".
        format: &'static str,
        /// What is wrong.
        why: String,
        /// Where, counted from the start of the payload.
        at: usize,
    },
    /// A value that the format can't hold.
    #[error("this cannot be stored as {format}: {why}")]
    Unfit {
        /// Which format.
        format: &'static str,
        /// Why it doesn't fit.
        why: String,
    },
}

impl ArtifactError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Corrupt { .. } => Code::A001,
            Self::Missing { .. } => Code::A002,
            Self::Write { .. } => Code::A003,
            Self::Read { .. } | Self::Malformed { .. } => Code::A004,
            Self::Unfit { .. } => Code::T005,
        }
    }

    pub(crate) fn write(place: impl Into<String>, cause: io::Error) -> Self {
        let hint = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "Free space there, or point the store at another disk, then resume the run"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "Make that folder writable for this user, or choose another store"
            }
            io::ErrorKind::FileTooLarge => {
                "Raise the limit on file sizes (`ulimit -f`), or choose another file system"
            }
            _ => "Look at the disk and the folder's permissions, then resume the run",
        };
        Self::Write {
            place: place.into(),
            hint,
            cause,
        }
    }
}

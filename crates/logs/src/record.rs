//! The file's format.
//!
//! A record is a header of 29 bytes, then the text:
//!
//! | bytes | content |
//! |---|---|
//! | 4 | length of the text, little-endian |
//! | 4 | task number |
//! | 4 | attempt |
//! | 1 | stream: 1 stdout, 2 stderr, 3 the runtime's own words |
//! | 8 | milliseconds since the epoch |
//! | 8 | first eight bytes of the BLAKE3 hash of header (without this field) and text |
//!
//! A record that is cut off or doesn't match its hash ends what can be read: it is what a dying
//! process left behind, and the next writer cuts it away.

use std::path::{Path, PathBuf};

use pave_model::{AttemptNumber, Code, FlowName, Millis, RunNumber, TaskNumber};

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The task's standard output.
    Stdout,
    /// The task's standard error.
    Stderr,
    /// The runtime, about the task.
    Runtime,
}

impl Stream {
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Runtime => 3,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Stdout, Self::Stderr, Self::Runtime]
            .into_iter()
            .find(|it| it.byte() == byte)
    }
}

/// Why a log can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refused.
    #[error("cannot {action} the log {path}")]
    Io {
        /// "write", "read" or "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl LogError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::A003
    }
}

/// The log file of a run in the store at `store`.
#[must_use]
pub fn log_path(store: &Path, flow: &FlowName, run: RunNumber) -> PathBuf {
    store
        .join("logs")
        .join(flow.as_str())
        .join(format!("{run}.log"))
}

pub(crate) const HEADER: usize = 29;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) task: TaskNumber,
    pub(crate) attempt: AttemptNumber,
    pub(crate) stream: Stream,
    pub(crate) at: Millis,
}

pub(crate) fn append(out: &mut Vec<u8>, header: Header, text: &[u8]) {
    let length = u32::try_from(text.len()).expect("the writer splits long texts");
    let begin = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&header.task.0.to_le_bytes());
    out.extend_from_slice(&header.attempt.0.to_le_bytes());
    out.push(header.stream.byte());
    out.extend_from_slice(&header.at.0.to_le_bytes());
    let sum = checksum(&out[begin..], text);
    out.extend_from_slice(&sum);
    out.extend_from_slice(text);
}

/// The record at the start of `bytes`, and its whole length. `None` if it is cut off or damaged.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Header, &[u8], usize)> {
    let head = bytes.get(..HEADER)?;
    let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let length = word(0) as usize;
    let text = bytes.get(HEADER..HEADER.checked_add(length)?)?;
    if checksum(&head[..21], text) != head[21..HEADER] {
        return None;
    }
    let at = i64::from_le_bytes(head[13..21].try_into().expect("eight bytes"));
    let header = Header {
        task: TaskNumber(word(4)),
        attempt: AttemptNumber(word(8)),
        stream: Stream::from_byte(head[12])?,
        at: Millis(at),
    };
    Some((header, text, HEADER + length))
}

fn checksum(head: &[u8], text: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head);
    hasher.update(text);
    hasher.finalize().as_bytes()[..8]
        .try_into()
        .expect("eight of 32 bytes")
}

//! What tasks printed, one run's log read once for all of its tasks.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pave_logs::{LogError, LogFilter, LogLine, Stream, log_path, read};
use pave_model::{AttemptNumber, FlowName, RunNumber, TaskNumber};

/// Logs above this size are not kept in memory, but read again for each task.
const LARGEST_KEPT: u64 = 64 << 20;

/// Whose output to read.
pub(super) struct LogOwner {
    pub(super) flow: FlowName,
    pub(super) run: RunNumber,
    pub(super) task: TaskNumber,
    pub(super) attempt: Option<AttemptNumber>,
}

/// The last log that was read whole. A log only ever grows, so its length tells whether it is current.
#[derive(Default)]
pub(super) struct LogCache(Mutex<Option<Arc<WholeLog>>>);

struct WholeLog {
    path: PathBuf,
    length: u64,
    by_task: HashMap<TaskNumber, Vec<LogLine>>,
}

impl LogCache {
    /// The pieces that one task printed to one stream, in order.
    pub(super) fn pieces(
        &self,
        store: &Path,
        owner: &LogOwner,
        stream: Stream,
    ) -> Result<Vec<LogLine>, LogError> {
        let path = log_path(store, &owner.flow, owner.run);
        let length = fs::metadata(&path).map_or(0, |found| found.len());
        if length > LARGEST_KEPT {
            let filter = LogFilter {
                task: Some(owner.task),
                attempt: owner.attempt,
                stream: Some(stream),
            };
            return read(store, &owner.flow, owner.run, &filter);
        }
        let log = self.whole(store, owner, path, length)?;
        let lines = log.by_task.get(&owner.task).into_iter().flatten();
        let wanted = |line: &&LogLine| {
            line.stream == stream && owner.attempt.is_none_or(|attempt| attempt == line.attempt)
        };
        Ok(lines.filter(wanted).cloned().collect())
    }

    fn whole(
        &self,
        store: &Path,
        owner: &LogOwner,
        path: PathBuf,
        length: u64,
    ) -> Result<Arc<WholeLog>, LogError> {
        let kept = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(log) = kept.filter(|log| log.path == path && log.length == length) {
            return Ok(log);
        }
        let mut by_task: HashMap<TaskNumber, Vec<LogLine>> = HashMap::new();
        for line in read(store, &owner.flow, owner.run, &LogFilter::default())? {
            by_task.entry(line.task).or_default().push(line);
        }
        let log = Arc::new(WholeLog {
            path,
            length,
            by_task,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&log));
        Ok(log)
    }
}

/// Whole lines, without their ends, each with the time its first piece arrived.
pub(super) fn lines(pieces: &[LogLine]) -> Vec<(i64, Vec<u8>)> {
    let mut lines: Vec<(i64, Vec<u8>)> = Vec::new();
    let mut open = false;
    for piece in pieces {
        for part in piece.text.split_inclusive(|byte| *byte == b'\n') {
            let ends = part.last() == Some(&b'\n');
            let text = if ends { &part[..part.len() - 1] } else { part };
            match lines.last_mut().filter(|_| open) {
                Some((_, line)) => line.extend_from_slice(text),
                None => lines.push((piece.at.0, text.to_vec())),
            }
            open = !ends;
        }
    }
    lines
}

/// The stream that people name.
pub(super) fn stream(name: &str) -> Option<Stream> {
    match name {
        "stdout" => Some(Stream::Stdout),
        "stderr" => Some(Stream::Stderr),
        "runtime" => Some(Stream::Runtime),
        _ => None,
    }
}

//! Reads a run's log back, also while it is being written.

use std::io::ErrorKind;
use std::path::Path;

use pave_model::{AttemptNumber, FlowName, Millis, RunNumber, TaskNumber};

use crate::record::parse;
use crate::{LogError, Stream, log_path};

/// Which records to read.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Only of this task.
    pub task: Option<TaskNumber>,
    /// Only of this attempt.
    pub attempt: Option<AttemptNumber>,
    /// Only of this stream.
    pub stream: Option<Stream>,
}

/// A piece of what a task printed: a line with its line end, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// The task.
    pub task: TaskNumber,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Where it came from.
    pub stream: Stream,
    /// When it arrived, UTC.
    pub at: Millis,
    /// The text as printed.
    pub text: Vec<u8>,
}

/// Everything that matches, in the order it arrived. Nothing if the run has printed nothing.
///
/// # Errors
/// If the file exists and can't be read.
pub fn read(
    store: &Path,
    flow: &FlowName,
    run: RunNumber,
    filter: &LogFilter,
) -> Result<Vec<LogLine>, LogError> {
    let path = log_path(store, flow, run);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => {
            return Err(LogError::Io {
                action: "read",
                path,
                cause,
            });
        }
    };
    let mut lines = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((header, text, length)) = parse(rest) {
        rest = &rest[length..];
        let wanted = filter.task.is_none_or(|task| task == header.task)
            && filter
                .attempt
                .is_none_or(|attempt| attempt == header.attempt)
            && filter.stream.is_none_or(|stream| stream == header.stream);
        if wanted {
            lines.push(LogLine {
                task: header.task,
                attempt: header.attempt,
                stream: header.stream,
                at: header.at,
                text: text.to_vec(),
            });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogWriter;

    fn texts(store: &Path, filter: &LogFilter) -> Vec<String> {
        let lines = read(store, &"F".into(), RunNumber(1), filter).unwrap();
        lines
            .iter()
            .map(|line| String::from_utf8(line.text.clone()).unwrap())
            .collect()
    }

    #[test]
    fn lines_come_back_by_task_attempt_and_stream() {
        let store = tempfile::tempdir().unwrap();
        let mut log = LogWriter::open(store.path(), &"F".into(), RunNumber(1)).unwrap();
        for (task, attempt, stream, text) in [
            (1, 0, Stream::Stdout, "a\n"),
            (2, 0, Stream::Stdout, "b\n"),
            (1, 0, Stream::Stderr, "c\n"),
            (1, 1, Stream::Stdout, "d"),
        ] {
            log.append(
                TaskNumber(task),
                AttemptNumber(attempt),
                stream,
                Millis(5),
                text.as_bytes(),
            )
            .unwrap();
        }
        assert_eq!(
            texts(store.path(), &LogFilter::default()),
            ["a\n", "b\n", "c\n", "d"]
        );
        let one = LogFilter {
            task: Some(TaskNumber(1)),
            ..LogFilter::default()
        };
        assert_eq!(texts(store.path(), &one), ["a\n", "c\n", "d"]);
        let out = LogFilter {
            stream: Some(Stream::Stdout),
            ..one.clone()
        };
        assert_eq!(texts(store.path(), &out), ["a\n", "d"]);
        let first = LogFilter {
            attempt: Some(AttemptNumber(0)),
            ..one
        };
        assert_eq!(texts(store.path(), &first), ["a\n", "c\n"]);
    }

    #[test]
    fn a_log_cut_at_any_byte_keeps_its_whole_records_and_goes_on() {
        let store = tempfile::tempdir().unwrap();
        let path = log_path(store.path(), &"F".into(), RunNumber(1));
        let write = |text: &str| {
            let mut log = LogWriter::open(store.path(), &"F".into(), RunNumber(1)).unwrap();
            log.append(
                TaskNumber(1),
                AttemptNumber(0),
                Stream::Stdout,
                Millis(0),
                text.as_bytes(),
            )
            .unwrap();
        };
        write("first\n");
        let kept = std::fs::metadata(&path).unwrap().len();
        write("second\n");
        let bytes = std::fs::read(&path).unwrap();
        for cut in usize::try_from(kept).unwrap()..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(
                texts(store.path(), &LogFilter::default()),
                ["first\n"],
                "cut at {cut}"
            );
            write("again\n");
            assert_eq!(
                texts(store.path(), &LogFilter::default()),
                ["first\n", "again\n"]
            );
        }
    }

    #[test]
    fn a_run_that_printed_nothing_has_an_empty_log() {
        let store = tempfile::tempdir().unwrap();
        assert!(texts(store.path(), &LogFilter::default()).is_empty());
    }
}

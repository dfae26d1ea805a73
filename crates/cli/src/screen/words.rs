//! Times, durations and states in words.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pave_exec::Output;
use pave_model::Millis;
use pave_protocol::{Failure, FailureKind};

/// Local time with milliseconds: `2026-03-01 12:00:00.123`.
pub(crate) fn time_text(at: Millis) -> String {
    let Ok(stamp) = Timestamp::from_millisecond(at.0) else {
        return String::new();
    };
    stamp
        .to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S.%3f")
        .to_string()
}

/// A duration in milliseconds as people say it: `840 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`.
pub(crate) fn duration_text(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..=59 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

pub(crate) fn duration(of: Duration) -> String {
    duration_text(i64::try_from(of.as_millis()).unwrap_or(i64::MAX))
}

/// The code and the words of a failure.
pub(crate) fn failure_code(failure: &Failure) -> &'static str {
    match failure.kind {
        FailureKind::Raised => "T001",
        FailureKind::Exited => "T002",
        FailureKind::Killed => "T003",
        FailureKind::TimedOut => "T004",
        FailureKind::Unstorable => "T005",
        FailureKind::NoItems => "T006",
        FailureKind::NotIterable => "T007",
        FailureKind::TooManySplits => "T008",
        FailureKind::WrongTransition => "T009",
        FailureKind::Merge => "T010",
        FailureKind::MissingInput => "T011",
        FailureKind::Import => "W001",
        FailureKind::NoFlow => "W002",
        FailureKind::SeveralFlows => "W006",
        FailureKind::Parameter => "P005",
        FailureKind::Definition => "G016",
        FailureKind::Lost => "W003",
    }
}

/// What is wrong in one line: `ValueError: no data`.
pub(crate) fn failure_line(failure: &Failure) -> String {
    let name = failure.exception.rsplit('.').next().unwrap_or_default();
    let message = failure.message.lines().next().unwrap_or_default();
    if name.is_empty() || message.starts_with(name) {
        return message.to_owned();
    }
    if message.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: {message}")
    }
}

pub(crate) fn output_name(output: Output) -> &'static str {
    match output {
        Output::Stdout => "stdout",
        Output::Stderr => "stderr",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        for (millis, text) in [
            (0, "0 ms"),
            (840, "840 ms"),
            (12_345, "12.3 s"),
            (245_000, "4 min 05 s"),
            (7_380_000, "2 h 03 min"),
        ] {
            assert_eq!(duration_text(millis), text);
        }
    }
}

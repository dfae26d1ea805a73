//! `pave logs`: what tasks printed.

use std::io::Write;

use clap::{Arg, ArgAction, Command, value_parser};
use pave_logs::{LogFilter, LogLine, Stream, read};
use pave_metadata::{Metadata, RunRecord, TaskRecord};
use pave_model::{AttemptNumber, Code};

use crate::arguments;
use crate::commands::select;
use crate::context::Context;
use crate::error::CliError;
use crate::screen::time_text;

fn grammar() -> Command {
    let flag = |name: &'static str, help| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("logs")
        .about("Print what tasks printed, also while they run")
        .override_usage("pave logs FLOW/RUN/STEP[/TASK] [OPTIONS]")
        // `logs show PATH` is how other scripts spell it.
        .arg(
            Arg::new("path")
                .required(true)
                .num_args(1..=2)
                .value_name("PATH")
                .help("FLOW/RUN/STEP, FLOW/RUN/STEP/TASK, or FLOW/RUN for all"),
        )
        .arg(flag("stdout", "Only standard output"))
        .arg(flag("stderr", "Only standard error"))
        .arg(flag("both", "Both streams, the default"))
        .arg(flag("timestamps", "Put the time in front of each line"))
        .arg(flag("no-timestamps", "No times, the default"))
        .arg(
            Arg::new("attempt")
                .long("attempt")
                .value_name("N")
                .value_parser(value_parser!(u32))
                .help("Of this attempt [default: the newest]"),
        )
        .arg(flag("json", "One JSON object a line"))
}

pub(crate) fn logs(
    context: &Context,
    flow: Option<&str>,
    words: &[String],
) -> Result<u8, CliError> {
    let Some(matches) = arguments::matches(grammar(), words)? else {
        return Ok(0);
    };
    let paths: Vec<&String> = matches
        .get_many::<String>("path")
        .into_iter()
        .flatten()
        .collect();
    let path = match paths.as_slice() {
        [verb, path] if verb.as_str() == "show" => path,
        [path] => path,
        _ => {
            return Err(CliError::usage(
                Code::C001,
                "`pave logs` takes one path name",
            ));
        }
    };
    let path = select::pathspec(flow, path)?;
    let metadata = context.open()?;
    let run = select::run(metadata.as_ref(), &path)?;
    let tasks = select::tasks(metadata.as_ref(), &run, &path)?;
    let stream = match (matches.get_flag("stdout"), matches.get_flag("stderr")) {
        (true, false) => Some(Stream::Stdout),
        (false, true) => Some(Stream::Stderr),
        _ => None,
    };
    let style = Style {
        stamps: matches.get_flag("timestamps"),
        json: matches.get_flag("json"),
        names: tasks.len() > 1,
    };
    let attempt = matches
        .get_one::<u32>("attempt")
        .copied()
        .map(AttemptNumber);
    let mut out = std::io::stdout().lock();
    for task in &tasks {
        let pieces = of_task(context, metadata.as_ref(), &run, task, stream, attempt)?;
        let lines = if style.is_plain() {
            pieces
        } else {
            whole_lines(pieces)
        };
        for line in &lines {
            // Whoever closes the pipe has seen enough.
            if write_line(&mut out, &run, task, line, &style).is_err() {
                return Ok(0);
            }
        }
    }
    Ok(0)
}

/// A log holds pieces as they were printed. Joins those of each stream into lines; each has the
/// time of its first piece.
fn whole_lines(pieces: Vec<LogLine>) -> Vec<LogLine> {
    let mut lines = Vec::new();
    let mut begun: Vec<LogLine> = Vec::new();
    for piece in pieces {
        let is_same = |line: &LogLine| line.stream == piece.stream && line.attempt == piece.attempt;
        for text in piece.text.split_inclusive(|byte| *byte == b'\n') {
            let at = begun.iter().position(is_same);
            let mut line = match at {
                Some(at) => begun.remove(at),
                None => LogLine {
                    text: Vec::new(),
                    ..piece.clone()
                },
            };
            line.text.extend_from_slice(text);
            if text.ends_with(b"\n") {
                lines.push(line)
            } else {
                begun.push(line)
            }
        }
    }
    lines.extend(begun);
    lines
}

struct Style {
    stamps: bool,
    json: bool,
    names: bool,
}

impl Style {
    /// Whether the bytes are passed on as they are.
    fn is_plain(&self) -> bool {
        !self.stamps && !self.json && !self.names
    }
}

/// A cloned task's words are its origin's.
fn of_task(
    context: &Context,
    metadata: &dyn Metadata,
    run: &RunRecord,
    task: &TaskRecord,
    stream: Option<Stream>,
    attempt: Option<AttemptNumber>,
) -> Result<Vec<LogLine>, CliError> {
    if let (Some(origin), Some(number)) = (task.origin, run.origin) {
        let Some(before) = metadata.find_run(&run.flow, number)? else {
            return Ok(Vec::new());
        };
        let Some(task) = metadata.find_task(before.id, origin)? else {
            return Ok(Vec::new());
        };
        return of_task(context, metadata, &before, &task, stream, attempt);
    }
    let filter = LogFilter {
        task: Some(task.task),
        attempt: attempt.or(task.attempt),
        stream,
    };
    Ok(read(context.folder(), &run.flow, run.number, &filter)?)
}

fn write_line(
    out: &mut impl Write,
    run: &RunRecord,
    task: &TaskRecord,
    line: &LogLine,
    style: &Style,
) -> std::io::Result<()> {
    let name = format!("{}/{}/{}", run.number, task.step, task.task);
    let text = String::from_utf8_lossy(&line.text);
    if style.json {
        let stream = match line.stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
            Stream::Runtime => "runtime",
        };
        let object = serde_json::json!({
            "task": format!("{}/{name}", run.flow), "attempt": line.attempt, "stream": stream,
            "time": line.at, "text": text,
        });
        return writeln!(out, "{object}");
    }
    if style.is_plain() {
        return out.write_all(&line.text);
    }
    if style.stamps {
        write!(out, "{} ", time_text(line.at))?;
    }
    if style.names {
        write!(out, "[{name}] ")?;
    }
    writeln!(out, "{}", text.trim_end_matches(['\r', '\n']))
}

#[cfg(test)]
mod tests {
    use pave_model::{Millis, TaskNumber};

    use super::*;

    fn piece(stream: Stream, text: &str) -> LogLine {
        LogLine {
            task: TaskNumber(1),
            attempt: AttemptNumber(0),
            stream,
            at: Millis(0),
            text: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn pieces_become_lines_of_their_stream() {
        let pieces = [
            (Stream::Stdout, "a"),
            (Stream::Stderr, "x"),
            (Stream::Stdout, "b\nc"),
            (Stream::Stdout, "\n"),
            (Stream::Stderr, "y"),
        ];
        let lines = whole_lines(pieces.iter().map(|(to, text)| piece(*to, text)).collect());
        let texts: Vec<_> = lines
            .iter()
            .map(|it| String::from_utf8_lossy(&it.text))
            .collect();
        assert_eq!(texts, ["ab\n", "c\n", "xy"]);
    }
}

//! `pave dump`: what tasks left. Runs no user code: pickles are named, not opened.

use clap::{Arg, ArgAction, Command, value_parser};
use pave_artifact::{ArtifactError, Blobs, Encoding, Entry, value};
use pave_metadata::TaskRecord;

use crate::arguments;
use crate::commands::select;
use crate::context::Context;
use crate::error::CliError;
use crate::output::outln;

fn grammar() -> Command {
    let flag = |name: &'static str, help| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("dump")
        .about("Print what tasks left: names, types, sizes, values")
        .override_usage("pave dump FLOW/RUN/STEP[/TASK] [OPTIONS]")
        .arg(
            Arg::new("path")
                .required(true)
                .value_name("PATH")
                .help("FLOW/RUN/STEP, FLOW/RUN/STEP/TASK, or FLOW/RUN for all"),
        )
        .arg(flag("private", "Also names that begin with an underscore"))
        .arg(flag("no-private", "Not those, the default"))
        .arg(
            Arg::new("max-value-size")
                .long("max-value-size")
                .value_name("N")
                .value_parser(value_parser!(usize))
                .default_value("1000")
                .help("Longest value printed, in characters; 0 prints none"),
        )
        .arg(
            Arg::new("include")
                .long("include")
                .value_name("NAMES")
                .value_delimiter(',')
                .help("Only these names, separated by commas"),
        )
        .arg(flag("json", "One JSON object for each task"))
}

struct Style {
    private: bool,
    json: bool,
    most: usize,
    include: Vec<String>,
}

pub(crate) fn dump(
    context: &Context,
    flow: Option<&str>,
    words: &[String],
) -> Result<u8, CliError> {
    let Some(matches) = arguments::matches(grammar(), words)? else {
        return Ok(0);
    };
    let text = matches
        .get_one::<String>("path")
        .map(String::as_str)
        .unwrap_or_default();
    let path = select::pathspec(flow, text)?;
    let metadata = context.open()?;
    let run = select::run(metadata.as_ref(), &path)?;
    let tasks = select::tasks(metadata.as_ref(), &run, &path)?;
    let style = Style {
        private: matches.get_flag("private"),
        json: matches.get_flag("json"),
        most: matches.get_one("max-value-size").copied().unwrap_or(1000),
        include: matches
            .get_many::<String>("include")
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    };
    let blobs = Blobs::open(context.folder());
    for task in &tasks {
        let name = format!("{}/{}/{}/{}", run.flow, run.number, task.step, task.task);
        let entries = match task.manifest {
            Some(id) => pave_runtime::effective_manifest(metadata.as_ref(), id)?,
            None => pave_artifact::Manifest::default(),
        };
        let wanted: Vec<&Entry> = entries.iter().filter(|it| style.wants(&it.name)).collect();
        if style.json {
            print_json(&blobs, &name, task, &wanted, &style);
        } else {
            print_text(&blobs, &name, task, &wanted, &style);
        }
    }
    Ok(0)
}

impl Style {
    fn wants(&self, name: &str) -> bool {
        let listed = self.include.is_empty() || self.include.iter().any(|it| it == name);
        listed && (self.private || !name.starts_with('_') || !self.include.is_empty())
    }
}

fn print_text(blobs: &Blobs, name: &str, task: &TaskRecord, entries: &[&Entry], style: &Style) {
    outln!("{} ({})", console::style(name).bold(), task.state);
    for entry in entries {
        let value = value_text(blobs, entry, style.most);
        outln!(
            "  {} [size: {} type: {}] = {value}",
            entry.name,
            entry.size,
            entry.type_name
        );
    }
}

fn print_json(blobs: &Blobs, name: &str, task: &TaskRecord, entries: &[&Entry], style: &Style) {
    let artifacts: Vec<serde_json::Value> = entries
        .iter()
        .map(|entry| {
            serde_json::json!({
                "name": entry.name, "type": entry.type_name, "size": entry.size,
                "encoding": entry.encoding.as_str(), "value": value_text(blobs, entry, style.most),
            })
        })
        .collect();
    let object = serde_json::json!({"task": name, "state": task.state, "artifacts": artifacts});
    outln!("{object}");
}

/// A value in words: plain ones as they are, others by their label.
fn value_text(blobs: &Blobs, entry: &Entry, most: usize) -> String {
    let text = match preview(blobs, entry, most) {
        Ok(Some(text)) => text,
        Ok(None) if entry.label.is_empty() => format!("<{}>", entry.type_name),
        Ok(None) => format!("<{}>", entry.label),
        Err(error) => return format!("<cannot be read: {error}>"),
    };
    let length = text.chars().count();
    if length > most {
        format!("<too large: {length} characters>")
    } else {
        text
    }
}

/// A plain value as JSON-like text; `None` for what only its own library can read.
fn preview(blobs: &Blobs, entry: &Entry, most: usize) -> Result<Option<String>, ArtifactError> {
    if entry.encoding != Encoding::Value || most == 0 {
        return Ok(None);
    }
    value::preview(&blobs.map(entry)?, most).map(Some)
}

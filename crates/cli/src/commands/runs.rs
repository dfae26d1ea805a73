//! `pave runs`: which runs there are.

use clap::{Arg, ArgAction, Command, value_parser};
use comfy_table::{ContentArrangement, Table, presets};
use console::style;
use pave_metadata::{RunFilter, RunRecord};
use pave_model::{Code, Millis, RunState};

use crate::arguments;
use crate::context::Context;
use crate::error::CliError;
use crate::output::outln;
use crate::screen::{duration_text, time_text};

fn grammar() -> Command {
    Command::new("runs")
        .bin_name("pave runs")
        .about("List runs, the newest first")
        .arg(
            Arg::new("flow")
                .value_name("FLOW")
                .help("Only of this flow"),
        )
        .arg(
            Arg::new("tag")
                .long("tag")
                .value_name("TAG")
                .action(ArgAction::Append)
                .help("Only with this tag; may be repeated: all must match"),
        )
        .arg(
            Arg::new("state")
                .long("state")
                .value_name("STATE")
                .action(ArgAction::Append)
                .value_parser(["running", "succeeded", "failed", "interrupted"])
                .help("Only in this state; may be repeated"),
        )
        .arg(
            Arg::new("user")
                .long("user")
                .value_name("NAME")
                .help("Only of this user"),
        )
        .arg(
            Arg::new("mine")
                .long("mine")
                .action(ArgAction::SetTrue)
                .help("Only your own"),
        )
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("N")
                .value_parser(value_parser!(usize))
                .default_value("20")
                .help("At most this many; 0 for all"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("One JSON object for each run"),
        )
}

pub(crate) fn runs(
    context: &Context,
    flow: Option<&str>,
    words: &[String],
) -> Result<u8, CliError> {
    let Some(matches) = arguments::matches(grammar(), words)? else {
        return Ok(0);
    };
    let states: Vec<RunState> = matches
        .get_many::<String>("state")
        .into_iter()
        .flatten()
        .map(|word| {
            word.parse()
                .map_err(|error: String| CliError::usage(Code::C001, error))
        })
        .collect::<Result<_, _>>()?;
    let mine = matches.get_flag("mine").then(|| context.user.clone());
    let limit = matches.get_one("limit").copied().unwrap_or(20);
    let filter = RunFilter {
        flow: matches
            .get_one::<String>("flow")
            .map(String::as_str)
            .or(flow)
            .map(Into::into),
        tags: matches
            .get_many::<String>("tag")
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        // A run whose process is gone is stored as running.
        states: if states.contains(&RunState::Interrupted) {
            Vec::new()
        } else {
            states.clone()
        },
        user: mine.or_else(|| matches.get_one::<String>("user").cloned()),
        limit: if states.is_empty() { limit } else { 0 },
        ..RunFilter::default()
    };
    let metadata = context.open()?;
    let mut found = metadata.list_runs(&filter)?;
    found.retain(|run| states.is_empty() || states.contains(&run.state_now()));
    if limit > 0 {
        found.truncate(limit);
    }
    if matches.get_flag("json") {
        for run in &found {
            outln!("{}", json(run));
        }
    } else if found.is_empty() {
        outln!("No runs match.");
    } else {
        outln!("{}", table(&found));
    }
    Ok(0)
}

fn json(run: &RunRecord) -> serde_json::Value {
    let error: serde_json::Value = serde_json::from_str(&run.error).unwrap_or_default();
    serde_json::json!({
        "run": format!("{}/{}", run.flow, run.number), "flow": run.flow, "number": run.number,
        "state": run.state_now(), "user": run.user, "created_at": run.created_at,
        "finished_at": run.finished_at, "origin": run.origin, "tags": run.tags,
        "system_tags": run.system_tags, "error": error,
        "parameters": serde_json::from_str::<serde_json::Value>(&run.parameters).unwrap_or_default(),
    })
}

fn table(runs: &[RunRecord]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["RUN", "STATE", "STARTED", "TOOK", "USER", "TAGS", ""]);
    for run in runs {
        let state = run.state_now();
        let took = run.finished_at.map(|end| Millis(end.0 - run.created_at.0));
        let note = match (
            &run.origin,
            serde_json::from_str::<serde_json::Value>(&run.error),
        ) {
            (_, Ok(error)) if error["task"].is_string() => {
                format!("failed in {}", error["task"].as_str().unwrap_or_default())
            }
            (Some(origin), _) => format!("resumed from {origin}"),
            _ => String::new(),
        };
        table.add_row([
            format!("{}/{}", run.flow, run.number),
            state_text(state),
            time_text(run.created_at)
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            took.map(|took| duration_text(took.0)).unwrap_or_default(),
            run.user.clone(),
            run.tags.join(" "),
            note,
        ]);
    }
    table
}

fn state_text(state: RunState) -> String {
    let word = state.as_str();
    match state {
        RunState::Succeeded => style(word).green().to_string(),
        RunState::Failed => style(word).red().to_string(),
        RunState::Running => style(word).cyan().to_string(),
        RunState::Interrupted => style(word).yellow().to_string(),
    }
}

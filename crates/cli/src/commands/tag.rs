//! `pave tag`: labels of runs.

use clap::{Arg, ArgAction, ArgMatches, Command};
use pave_metadata::{Metadata, RunFilter, RunRecord};
use pave_model::Code;

use crate::arguments;
use crate::commands::select;
use crate::context::Context;
use crate::error::CliError;
use crate::output::outln;

fn grammar() -> Command {
    let run = || {
        Arg::new("run-id")
            .long("run-id")
            .value_name("RUN")
            .help("The run: FLOW/RUN, or RUN in a flow file")
    };
    let words = |name: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("TAG")
            .action(ArgAction::Append)
    };
    let change = |name: &'static str, about: &'static str| {
        Command::new(name)
            .about(about)
            .arg(run())
            .arg(
                Arg::new("words")
                    .num_args(1..)
                    .required(true)
                    .value_name("[RUN] TAG..."),
            )
            .arg(json())
    };
    Command::new("tag")
        .bin_name("pave tag")
        .about("List and change the tags of runs")
        .subcommand_required(true)
        .subcommand(change("add", "Add tags to a run"))
        .subcommand(change("remove", "Remove tags from a run"))
        .subcommand(
            Command::new("replace")
                .about("Remove and add tags in one step")
                .arg(run())
                .arg(Arg::new("words").num_args(0..).value_name("RUN"))
                .arg(words("remove").required(true))
                .arg(words("add").required(true))
                .arg(json()),
        )
        .subcommand(
            Command::new("list")
                .about("List tags of a run, or of all runs of a flow")
                .arg(run())
                .arg(Arg::new("words").num_args(0..=1).value_name("FLOW or RUN"))
                .arg(
                    Arg::new("hide-system-tags")
                        .long("hide-system-tags")
                        .action(ArgAction::SetTrue)
                        .help("Only tags that people gave"),
                )
                .arg(json()),
        )
}

fn json() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print JSON")
}

pub(crate) fn tag(context: &Context, flow: Option<&str>, words: &[String]) -> Result<u8, CliError> {
    let Some(matches) = arguments::matches(grammar(), words)? else {
        return Ok(0);
    };
    let Some((verb, matches)) = matches.subcommand() else {
        return Ok(0);
    };
    let metadata = context.open()?;
    let mut words = many(matches, "words");
    if verb == "list" {
        return list(metadata.as_ref(), flow, matches, words.pop());
    }
    let run = match matches.get_one::<String>("run-id") {
        Some(run) => run.clone(),
        None if words.is_empty() => {
            return Err(CliError::usage(Code::C001, "which run?").hint("name it: FLOW/RUN"));
        }
        None => words.remove(0),
    };
    let path = select::pathspec(flow, &run)?;
    if path.run.is_none() {
        return Err(CliError::usage(Code::C001, format!("`{run}` names no run"))
            .hint(format!("for example {run}/3")));
    }
    let run = select::run(metadata.as_ref(), &path)?;
    let (add, remove) = match verb {
        "add" => (words, Vec::new()),
        "remove" => (Vec::new(), words),
        _ => (many(matches, "add"), many(matches, "remove")),
    };
    let tags = metadata.change_tags(run.id, &add, &remove)?;
    show(&run, &tags, &run.system_tags, matches.get_flag("json"));
    Ok(0)
}

fn many(matches: &ArgMatches, id: &str) -> Vec<String> {
    matches
        .get_many::<String>(id)
        .into_iter()
        .flatten()
        .cloned()
        .collect()
}

fn list(
    metadata: &dyn Metadata,
    flow: Option<&str>,
    matches: &ArgMatches,
    word: Option<String>,
) -> Result<u8, CliError> {
    let word = matches
        .get_one::<String>("run-id")
        .cloned()
        .or(word)
        .or(flow.map(str::to_owned));
    let Some(word) = word else {
        return Err(
            CliError::usage(Code::C001, "which flow or run?").hint("name it: FLOW or FLOW/RUN")
        );
    };
    let path = select::pathspec(flow, &word)?;
    let runs = match path.run {
        Some(_) => vec![select::run(metadata, &path)?],
        None => metadata.list_runs(&RunFilter {
            flow: Some(path.flow),
            ..RunFilter::default()
        })?,
    };
    let hide = matches.get_flag("hide-system-tags");
    for run in &runs {
        let system = if hide { &[][..] } else { &run.system_tags };
        show(run, &run.tags, system, matches.get_flag("json"));
    }
    Ok(0)
}

fn show(run: &RunRecord, tags: &[String], system: &[String], json: bool) {
    let name = format!("{}/{}", run.flow, run.number);
    if json {
        outln!(
            "{}",
            serde_json::json!({"run": name, "tags": tags, "system_tags": system})
        );
        return;
    }
    let mut all: Vec<&str> = tags.iter().chain(system).map(String::as_str).collect();
    all.sort_unstable();
    outln!("{name}: {}", all.join(", "));
}

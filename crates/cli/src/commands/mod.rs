//! One file per command.

mod dump;
mod flow;
mod logs;
mod resume;
mod run;
mod runs;
mod select;
mod show;
mod tag;

use pave_model::Code;

use crate::context::Context;
use crate::error::CliError;
use crate::grammar::{FLOW_COMMANDS, FlowCommand, FlowFile, ON_STORE, command, script};
use crate::output::{out, outln};

const HELP: &str = "\
Pave: from a script to a flow that other people trust.

Usage: pave COMMAND [OPTIONS]

Flows
  run FLOW.py       Run a flow; its parameters are options
  resume FLOW.py    Go on from the latest run that did not succeed
  show FLOW.py      Print the steps of a flow
  check FLOW.py     Look for mistakes without running anything

Results
  runs [FLOW]       List runs
  logs RUN/STEP     Print what tasks printed
  dump RUN/STEP     Print what tasks left
  tag               List and change the tags of a run

  version           Print the version
  help [COMMAND]    Print help

A flow file is a command too: `python flow.py run --help`.
";

const FLOW_HELP: &str = "
Flow
  run               Run it; its parameters are options
  resume [STEP]     Go on from the latest run that did not succeed
  show              Print its steps
  check             Look for mistakes without running anything; the default
  output-dot        Print its steps for Graphviz
  output-raw        Print all that is known of it as JSON

Results
  runs              List its runs
  logs RUN/STEP     Print what tasks printed
  dump RUN/STEP     Print what tasks left
  tag               List and change the tags of a run

  version           Print the version
  help [COMMAND]    Print help
";

/// Runs a command; its exit status.
pub(crate) fn dispatch(arguments: &[String]) -> Result<u8, CliError> {
    let words = arguments.get(1..).unwrap_or_default();
    let (verb, rest) = match words.split_first() {
        None => ("help", &[][..]),
        Some((verb, rest)) => (verb.as_str(), rest),
    };
    let json = rest.iter().any(|word| word == "--json");
    let done = match verb {
        "guard" => {
            pave_exec::run_guard(std::io::stdin().lock());
            return Ok(0);
        }
        "flow" => script(rest).and_then(|command| on_flow(&command)),
        "run" | "resume" | "show" | "check" => match general_help(verb, rest) {
            true => return Ok(0),
            false => command(verb, rest).and_then(|command| on_flow(&command)),
        },
        "help" | "--help" | "-h" => return help(rest),
        "version" | "--version" | "-V" => {
            outln!("pave {}", env!("CARGO_PKG_VERSION"));
            return Ok(0);
        }
        verb if ON_STORE.contains(&verb) => on_store(verb, None, rest),
        other => Err(
            CliError::usage(Code::C001, format!("`{other}` is no command"))
                .hint("`pave help` lists the commands"),
        ),
    };
    done.map_err(|error| CliError { json, ..error })
}

/// Commands that read the store; in a flow file they mean that flow.
fn on_store(verb: &str, flow: Option<&str>, rest: &[String]) -> Result<u8, CliError> {
    let context = Context::read()?;
    match verb {
        "runs" => runs::runs(&context, flow, rest),
        "logs" => logs::logs(&context, flow, rest),
        "dump" => dump::dump(&context, flow, rest),
        _ => tag::tag(&context, flow, rest),
    }
}

fn on_flow(command: &FlowCommand) -> Result<u8, CliError> {
    match command.name.as_str() {
        "run" => run::run(command),
        "resume" => resume::resume(command),
        "show" => show::show(command),
        "check" => show::check(command),
        "output-dot" => show::dot(command),
        "output-raw" => show::raw(command),
        "version" => dispatch(&["pave".to_owned(), "version".to_owned()]),
        "help" => help_on_flow(command),
        verb => on_store(verb, command.flow.class.as_deref(), &command.rest),
    }
}

/// `python flow.py help [COMMAND]`, and `python flow.py --help`.
fn help_on_flow(command: &FlowCommand) -> Result<u8, CliError> {
    let about = command
        .rest
        .iter()
        .find(|word| FLOW_COMMANDS.contains(&word.as_str()));
    if let Some(name) = about.filter(|name| !matches!(name.as_str(), "help" | "version")) {
        return on_flow(&FlowCommand {
            name: name.clone(),
            flow: command.flow.clone(),
            rest: vec!["--help".to_owned()],
        });
    }
    let run = command.flow.spell("run --help");
    outln!("Usage: {}", command.flow.spell("[OPTIONS] COMMAND"));
    outln!("{FLOW_HELP}\n`{run}` lists the flow's parameters and all options.");
    Ok(0)
}

/// `pave run --help` without a flow file.
fn general_help(verb: &str, rest: &[String]) -> bool {
    let wanted = rest.iter().any(|word| word == "--help" || word == "-h");
    let has_file = rest
        .iter()
        .any(|word| word.ends_with(".py") || word.contains(".py:"));
    if wanted && !has_file && matches!(verb, "show" | "check") {
        let flow = FlowFile {
            file: "FLOW.py".into(),
            ..FlowFile::default()
        };
        // Help asks for nothing that could fail.
        let _ = on_flow(&FlowCommand {
            name: verb.to_owned(),
            flow,
            rest: vec!["--help".to_owned()],
        });
    } else if wanted && !has_file {
        let (name, usage) = match verb {
            "resume" => ("resume", "pave resume FLOW.py [STEP] [OPTIONS]"),
            _ => ("run", "pave run FLOW.py [OPTIONS] [--PARAMETER VALUE]..."),
        };
        let mut grammar = crate::flow_args::grammar(name, None).override_usage(usage);
        // A closed pipe is no reason to fail.
        let _ = grammar.print_help();
    }
    wanted && !has_file
}

fn help(rest: &[String]) -> Result<u8, CliError> {
    match rest.first().map(String::as_str) {
        Some("run" | "resume" | "show" | "check") => {
            general_help(&rest[0], &["--help".to_owned()]);
        }
        Some(verb @ ("runs" | "logs" | "dump" | "tag")) => {
            return on_store(verb, None, &["--help".to_owned()]);
        }
        _ => out(format_args!("{HELP}")),
    }
    Ok(0)
}

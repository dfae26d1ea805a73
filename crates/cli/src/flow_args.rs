//! The options of `run` and `resume`: fixed ones, and one for each of the flow's parameters.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use pave_exec::ForkMode;
use pave_graph::{FlowSpec, Parameter, ParameterType};
use pave_model::Code;
use pave_runtime::Limits;
use serde_json::{Map, Value};

use crate::arguments::{self, first_words, print_help};
use crate::context::variable;
use crate::error::CliError;
use crate::grammar::FlowFile;

/// What a command on a flow file was given.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    pub(crate) tags: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) run_id_file: Option<PathBuf>,
    pub(crate) namespace: Option<String>,
    pub(crate) quiet: bool,
    pub(crate) json: bool,
    /// `resume`: the step to begin at.
    pub(crate) step: Option<String>,
    /// `resume`: the run to go on from.
    pub(crate) origin: Option<String>,
    /// Parameter values by option name.
    pub(crate) given: Map<String, Value>,
}

/// What must be known before the flow is imported.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Early {
    pub(crate) with: Vec<String>,
    pub(crate) fork: ForkMode,
    pub(crate) json: bool,
    pub(crate) help: bool,
}

/// Looks for the few options that matter before the flow file is imported.
pub(crate) fn early(words: &[String]) -> Result<Early, CliError> {
    let mut early = Early::default();
    let mut at = 0;
    while at < words.len() {
        let (name, mut value) = match words[at].split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (words[at].as_str(), None),
        };
        if matches!(name, "--with" | "--fork") && value.is_none() {
            at += 1;
            value = words.get(at).cloned();
        }
        match name {
            "--with" => early.with.extend(value),
            "--fork" => early.fork = fork_mode(value.as_deref().unwrap_or_default())?,
            "--json" => early.json = true,
            "--help" | "-h" => early.help = true,
            _ => {}
        }
        at += 1;
    }
    if let Some(defaults) =
        variable("PAVE_DEFAULT_DECOSPECS").or_else(|| variable("METAFLOW_DEFAULT_DECOSPECS"))
    {
        early
            .with
            .extend(defaults.split_whitespace().map(str::to_owned));
    }
    Ok(early)
}

fn fork_mode(word: &str) -> Result<ForkMode, CliError> {
    match word {
        "auto" => Ok(ForkMode::Auto),
        "always" => Ok(ForkMode::Always),
        "never" => Ok(ForkMode::Never),
        other => Err(
            CliError::usage(Code::C001, format!("--fork cannot be `{other}`"))
                .hint("it is auto, always or never"),
        ),
    }
}

/// The clap command for `run` or `resume`, with the flow's parameters if it is known.
pub(crate) fn grammar(name: &'static str, flow: Option<&FlowSpec>) -> Command {
    let about = match name {
        "run" => "Run the flow, step by step, and keep everything each step leaves",
        _ => "Go on from a run: what succeeded is taken over, the rest is executed",
    };
    let mut command = Command::new(name)
        .about(about)
        .disable_version_flag(true)
        // As everywhere else: of an option that is given twice, the last counts.
        .args_override_self(true)
        .args(common())
        .next_help_heading("Output")
        .args(output());
    if name == "resume" {
        command = command.next_help_heading("Resume").args([
            Arg::new("step")
                .value_name("STEP")
                .help("Execute this step and all that follow anew"),
            Arg::new("origin-run-id")
                .long("origin-run-id")
                .value_name("RUN")
                .help("The run to go on from [default: the latest that did not succeed]"),
        ]);
    }
    if name == "run" {
        command = command.next_help_heading("Parameters");
        for parameter in flow
            .map(|flow| flow.parameters.as_slice())
            .unwrap_or_default()
        {
            command = command.arg(parameter_arg(parameter));
        }
    }
    command
}

fn common() -> Vec<Arg> {
    let number = |name: &'static str, value, help| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .value_parser(value)
            .help(help)
    };
    vec![
        Arg::new("tag")
            .long("tag")
            .value_name("TAG")
            .action(ArgAction::Append)
            .help("Tag the run; may be repeated"),
        Arg::new("with")
            .long("with")
            .value_name("SPEC")
            .action(ArgAction::Append)
            .help("Add a decorator to every step, such as `retry:times=2`; may be repeated"),
        number(
            "max-workers",
            value_parser!(u64).range(1..=4096),
            "Most tasks under way at once [default: 16]",
        ),
        number(
            "max-num-splits",
            value_parser!(u64).range(1..),
            "Most children of one foreach [default: 100]",
        ),
        number(
            "max-log-size",
            value_parser!(u64).range(1..),
            "Most MB kept of what a task prints to one stream [default: 10]",
        ),
        Arg::new("fork")
            .long("fork")
            .value_name("MODE")
            .value_parser(["auto", "always", "never"])
            .help(
                "Fork tasks from a warm worker, or start each in a fresh process [default: auto]",
            ),
        Arg::new("namespace")
            .long("namespace")
            .value_name("NS")
            .help("Namespace of the client inside tasks [default: user:NAME]"),
        Arg::new("run-id-file")
            .long("run-id-file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Write the run's number to this file"),
    ]
    .into_iter()
    .chain(ignored())
    .collect()
}

const IGNORED_FLAGS: [&str; 5] = [
    "not-quiet",
    "pylint",
    "no-pylint",
    "warnings",
    "no-warnings",
];
const IGNORED_VALUES: [&str; 7] = [
    "metadata",
    "environment",
    "datastore",
    "datastore-root",
    "package-suffixes",
    "event-logger",
    "monitor",
];

/// Options that other systems' scripts pass and that mean nothing here.
fn ignored() -> Vec<Arg> {
    let flags = IGNORED_FLAGS.map(|name| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .hide(true)
    });
    let values = IGNORED_VALUES.map(|name| Arg::new(name).long(name).num_args(1).hide(true));
    flags.into_iter().chain(values).collect()
}

fn output() -> [Arg; 2] {
    [
        Arg::new("quiet")
            .long("quiet")
            .action(ArgAction::SetTrue)
            .help("Print only what tasks print, and errors"),
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("Print events as JSON, one a line"),
    ]
}

fn parameter_arg(parameter: &Parameter) -> Arg {
    let name = parameter.name.clone();
    let arg = Arg::new(format!("parameter:{name}")).long(name.clone());
    let mut help = parameter.help.clone();
    if parameter.show_default && !parameter.default.is_null() {
        help.push_str(&format!(" [default: {}]", plain(&parameter.default)));
    } else if parameter.computed {
        help.push_str(" [default: computed when the run starts]");
    } else if parameter.required {
        help.push_str(" [required]");
    }
    let arg = arg.help(help.trim().to_owned());
    if parameter.is_flag {
        return arg.action(ArgAction::SetTrue);
    }
    let shown = match parameter.kind {
        ParameterType::Str => "TEXT",
        ParameterType::Int => "INTEGER",
        ParameterType::Float => "NUMBER",
        ParameterType::Bool => "true|false",
        ParameterType::Json => "JSON",
        ParameterType::File => "FILE",
    };
    arg.value_name(shown)
        .allow_hyphen_values(true)
        .action(ArgAction::Set)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Checks the words of a command that only looks at the flow; whether help was asked for instead.
pub(crate) fn is_help(
    name: &'static str,
    about: &'static str,
    flow: &FlowFile,
    words: &[String],
) -> Result<bool, CliError> {
    let wanted = ["with", "fork"];
    let options = common()
        .into_iter()
        .filter(|arg| arg.is_hide_set() || wanted.contains(&arg.get_id().as_str()));
    let grammar = Command::new(name)
        .bin_name(flow.spell(name))
        .about(about)
        .disable_version_flag(true)
        .args_override_self(true)
        .args(options)
        .args(output());
    Ok(arguments::matches(grammar, words)?.is_none())
}

/// Parses the words of `run` or `resume`.
pub(crate) fn parse(
    name: &'static str,
    file: &FlowFile,
    flow: &FlowSpec,
    words: &[String],
) -> Result<RunOptions, CliError> {
    let command = grammar(name, Some(flow))
        .bin_name(file.spell(name))
        .no_binary_name(true);
    let matches = command
        .try_get_matches_from(words)
        .map_err(|error| clap_error(&error, name, flow))?;
    let count = |id: &str| matches.get_one::<u64>(id).copied();
    let defaults = Limits::default();
    let limits = Limits {
        max_workers: count("max-workers").map_or(defaults.max_workers, |it| {
            usize::try_from(it).expect("at most 4096")
        }),
        max_num_splits: count("max-num-splits").unwrap_or(defaults.max_num_splits),
        max_log_bytes: count("max-log-size")
            .map_or(defaults.max_log_bytes, |it| it.saturating_mul(1 << 20)),
        grace_ms: defaults.grace_ms,
    };
    let text = |id: &str| matches.try_get_one::<String>(id).ok().flatten().cloned();
    let given = if name == "run" {
        parameters(flow, &matches)?
    } else {
        Map::new()
    };
    Ok(RunOptions {
        tags: matches
            .get_many::<String>("tag")
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        limits,
        run_id_file: matches.get_one::<PathBuf>("run-id-file").cloned(),
        namespace: text("namespace"),
        quiet: matches.get_flag("quiet"),
        json: matches.get_flag("json"),
        step: text("step"),
        origin: text("origin-run-id"),
        given,
    })
}

fn parameters(flow: &FlowSpec, matches: &ArgMatches) -> Result<Map<String, Value>, CliError> {
    let mut given: Vec<(&str, String)> = Vec::new();
    for parameter in &flow.parameters {
        let id = format!("parameter:{}", parameter.name);
        let upper = parameter.name.to_uppercase().replace('-', "_");
        let of_environment = || {
            variable(&format!("PAVE_RUN_{upper}"))
                .or_else(|| variable(&format!("METAFLOW_RUN_{upper}")))
        };
        let text = if parameter.is_flag {
            matches.get_flag(&id).then(|| "true".to_owned())
        } else {
            matches.get_one::<String>(&id).cloned()
        };
        given.extend(
            text.or_else(of_environment)
                .map(|text| (parameter.name.as_str(), text)),
        );
    }
    let pairs = given.iter().map(|(name, text)| (*name, text.as_str()));
    flow.read_parameters(pairs).map_err(|errors| {
        let [first, rest @ ..] = errors.as_slice() else {
            return CliError::usage(Code::P002, "the parameters cannot be read");
        };
        let error = CliError::usage(first.code(), first.to_string()).hint(first.hint());
        CliError {
            causes: rest.iter().map(ToString::to_string).collect(),
            ..error
        }
    })
}

fn clap_error(error: &clap::Error, name: &str, flow: &FlowSpec) -> CliError {
    if matches!(error.kind(), ErrorKind::DisplayHelp) {
        print_help(error);
        let done = CliError::new(Code::C001, "help");
        return CliError {
            exit: 0,
            printed: true,
            ..done
        };
    }
    let code = match error.kind() {
        ErrorKind::UnknownArgument => Code::P001,
        _ => Code::C001,
    };
    let given = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) => word.trim_start_matches('-'),
        _ => "",
    };
    if name == "resume" && flow.parameters.iter().any(|it| it.name == given) {
        let message = format!("`--{given}` is a parameter, and a resumed run keeps its origin's");
        return CliError::usage(code, message).hint("to change it, start a new run with `run`");
    }
    let text = error.render().to_string();
    let message = first_words(&text);
    let is_of_use = |tip: &String| {
        let mut ignored = IGNORED_FLAGS.iter().chain(&IGNORED_VALUES);
        !ignored.any(|name| tip.contains(&format!("'--{name}'")))
    };
    let tip = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: ").map(str::to_owned))
        .filter(is_of_use);
    let names: Vec<String> = flow
        .parameters
        .iter()
        .map(|parameter| format!("--{}", parameter.name))
        .collect();
    let hint = tip.unwrap_or_else(|| match (name, names.is_empty()) {
        ("resume", _) => "--help lists the options".to_owned(),
        (_, true) => format!(
            "`{}` has no parameters; --help lists the options",
            flow.name
        ),
        (_, false) => format!("`{}` has the parameters {}", flow.name, names.join(", ")),
    });
    CliError::usage(code, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> FlowSpec {
        let parameter = |name: &str, kind, required| Parameter {
            name: name.to_owned(),
            attribute: name.to_owned(),
            kind,
            required,
            ..Parameter::default()
        };
        FlowSpec {
            name: "F".to_owned(),
            parameters: vec![
                parameter("alpha", ParameterType::Float, false),
                parameter("n", ParameterType::Int, true),
            ],
            ..FlowSpec::default()
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn parameters_are_options_of_the_run() {
        let line = words("--alpha 7 --alpha -0.5 --n 3 --tag a --tag b");
        let options = parse("run", &FlowFile::default(), &flow(), &line).unwrap();
        assert_eq!(options.given["alpha"], serde_json::json!(-0.5));
        assert_eq!(options.given["n"], serde_json::json!(3));
        assert_eq!(options.tags, ["a", "b"]);
    }

    #[test]
    fn wrong_words_are_usage_errors_that_name_the_parameter() {
        for (line, code, word) in [
            ("--n x", Code::P002, "n"),
            ("", Code::P003, "n"),
            ("--n 1 --beta 2", Code::P001, "--beta"),
            ("--n 1 --max-workers 0", Code::C001, "--max-workers"),
        ] {
            let error = parse("run", &FlowFile::default(), &flow(), &words(line)).unwrap_err();
            assert_eq!((error.exit, error.code), (2, code), "{line}");
            assert!(error.message.contains(word), "{line}: {}", error.message);
        }
    }

    #[test]
    fn a_parameter_is_refused_on_resume() {
        let file = FlowFile::default();
        let error = parse("resume", &file, &flow(), &words("--n 3")).unwrap_err();
        assert_eq!((error.exit, error.code), (2, Code::P001));
        assert!(error.message.contains("origin"), "{}", error.message);
    }

    #[test]
    fn early_options_are_found_in_both_spellings() {
        let found = early(&words("--with retry --fork=never --alpha 1 --json")).unwrap();
        assert_eq!(found.with, ["retry"]);
        assert_eq!((found.fork, found.json), (ForkMode::Never, true));
        assert_eq!(early(&words("--fork sometimes")).unwrap_err().exit, 2);
    }
}

//! From words to a command. Two spellings reach the same commands:
//!
//! - `pave COMMAND [FLOW.py] [options]`
//! - `python flow.py [options] COMMAND [options]`, which hands over as
//!   `pave flow --python PYTHON --class CLASS FLOW.py …`

use std::path::PathBuf;

use pave_model::Code;

use crate::error::CliError;

/// Commands of a flow file.
pub(crate) const FLOW_COMMANDS: [&str; 12] = [
    "run",
    "resume",
    "show",
    "check",
    "logs",
    "dump",
    "runs",
    "tag",
    "version",
    "help",
    "output-dot",
    "output-raw",
];

/// Those of them that read the store and leave the flow alone.
pub(crate) const ON_STORE: [&str; 4] = ["logs", "dump", "runs", "tag"];

/// Options before a flow file's command that take values, and how many.
const TOP_WITH_VALUES: [(&str, usize); 12] = [
    ("--with", 1),
    ("--metadata", 1),
    ("--environment", 1),
    ("--datastore", 1),
    ("--datastore-root", 1),
    ("--package-suffixes", 1),
    ("--event-logger", 1),
    ("--monitor", 1),
    ("--branch", 1),
    ("--config", 2),
    ("--config-value", 2),
    ("--fork", 1),
];

/// A flow file and how to run it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FlowFile {
    /// The file.
    pub(crate) file: PathBuf,
    /// The class in it, if named.
    pub(crate) class: Option<String>,
    /// The interpreter, if known.
    pub(crate) python: Option<PathBuf>,
    /// How the user spells a command: `python flow.py` or `pave`.
    pub(crate) is_script: bool,
}

impl FlowFile {
    /// The words that start a command on this file, for hints.
    pub(crate) fn spell(&self, command: &str) -> String {
        let file = shorten(&self.file);
        if self.is_script {
            return format!("python {file} {command}");
        }
        let class = self
            .class
            .as_ref()
            .map(|class| format!(":{class}"))
            .unwrap_or_default();
        match command.split_once(' ') {
            Some((verb, rest)) => format!("pave {verb} {file}{class} {rest}"),
            None => format!("pave {command} {file}{class}"),
        }
    }
}

/// The path from the current folder if that is shorter.
fn shorten(file: &std::path::Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    file.strip_prefix(&here)
        .unwrap_or(file)
        .display()
        .to_string()
}

/// A command on a flow file, its other words not yet parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FlowCommand {
    /// The command.
    pub(crate) name: String,
    /// The file.
    pub(crate) flow: FlowFile,
    /// All other words.
    pub(crate) rest: Vec<String>,
}

/// Reads `--python P --class C FILE [options] COMMAND [options]`.
pub(crate) fn script(words: &[String]) -> Result<FlowCommand, CliError> {
    let mut flow = FlowFile {
        is_script: true,
        ..FlowFile::default()
    };
    let mut words = words.iter();
    loop {
        match words.next().map(String::as_str) {
            Some("--python") => flow.python = words.next().map(PathBuf::from),
            Some("--class") => flow.class = words.next().cloned(),
            Some(file) => {
                flow.file = absolute(file)?;
                break;
            }
            None => return Err(CliError::usage(Code::C001, "`pave flow` needs a flow file")),
        }
    }
    let mut rest: Vec<String> = words.cloned().collect();
    let at = command_at(&rest);
    let name = match at {
        Some(at) => rest.remove(at),
        None => without_command(&rest).to_owned(),
    };
    if !FLOW_COMMANDS.contains(&name.as_str()) {
        let known = FLOW_COMMANDS.join(", ");
        return Err(
            CliError::usage(Code::C001, format!("`{name}` is no command"))
                .hint(format!("commands are {known}")),
        );
    }
    if ON_STORE.contains(&name.as_str()) {
        // What stands before these is about running, which they don't.
        rest.drain(..at.unwrap_or_default());
    }
    Ok(FlowCommand { name, flow, rest })
}

/// The command that is meant where none is named.
fn without_command(words: &[String]) -> &'static str {
    let is_given = |names: [&str; 2]| words.iter().any(|word| names.contains(&word.as_str()));
    if is_given(["--help", "-h"]) {
        return "help";
    }
    if is_given(["--version", "-V"]) {
        return "version";
    }
    "check"
}

/// Where the command stands among options that may come before it.
fn command_at(words: &[String]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if !word.starts_with('-') {
            return Some(at);
        }
        let values = TOP_WITH_VALUES
            .iter()
            .find(|(name, _)| name == word)
            .map_or(0, |it| it.1);
        at += 1 + values;
    }
    None
}

/// Reads `FLOW.py[:Class] [options]`; the file may also stand after options.
pub(crate) fn command(name: &str, words: &[String]) -> Result<FlowCommand, CliError> {
    let mut flow = FlowFile::default();
    let mut rest = words.to_vec();
    let at = rest.iter().position(|word| is_flow_file(word)).or_else(|| {
        // Not there, or not named like a flow: the first word that is no option says which.
        command_at(&rest)
    });
    let Some(at) = at else {
        return Err(
            CliError::usage(Code::C001, format!("`pave {name}` needs a flow file"))
                .hint(format!("for example `pave {name} flow.py`")),
        );
    };
    let word = rest.remove(at);
    let (file, class) = match word.rsplit_once(':') {
        Some((file, class)) if !class.contains('/') => (file.to_owned(), Some(class.to_owned())),
        _ => (word, None),
    };
    flow.file = absolute(&file)?;
    flow.class = class;
    Ok(FlowCommand {
        name: name.to_owned(),
        flow,
        rest,
    })
}

fn is_flow_file(word: &str) -> bool {
    let file = word.split(':').next().unwrap_or(word);
    !word.starts_with('-') && (file.ends_with(".py") || file.ends_with(".R"))
}

fn absolute(file: &str) -> Result<PathBuf, CliError> {
    let path = std::path::absolute(file).map_err(|error| {
        CliError::usage(Code::C003, format!("cannot find the flow file {file}")).caused_by(&error)
    })?;
    if path.is_file() {
        return Ok(path);
    }
    Err(
        CliError::usage(Code::C003, format!("there is no flow file {file}"))
            .hint("check the path; it is taken from the current folder"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_may_stand_before_and_after_a_script_s_command() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.py");
        std::fs::write(&file, "").unwrap();
        let line = format!(
            "--python /p --class F {} --with retry:times=2 --quiet run --alpha 3",
            file.display()
        );
        let command = script(&words(&line)).unwrap();
        assert_eq!(command.name, "run");
        assert_eq!(command.flow.class.as_deref(), Some("F"));
        assert_eq!(
            command.rest,
            words("--with retry:times=2 --quiet --alpha 3")
        );
    }

    #[test]
    fn no_command_is_check_and_an_unknown_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.py");
        std::fs::write(&file, "").unwrap();
        assert_eq!(
            script(&words(&format!("{}", file.display()))).unwrap().name,
            "check"
        );
        let error = script(&words(&format!("{} fly", file.display()))).unwrap_err();
        assert_eq!((error.exit, error.code), (2, Code::C001));
    }

    #[test]
    fn help_needs_no_command_and_options_of_runs_dont_reach_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.py");
        std::fs::write(&file, "").unwrap();
        let read = |line: &str| script(&words(&format!("{} {line}", file.display()))).unwrap();
        assert_eq!(read("--quiet --help").name, "help");
        let logs = read("--no-pylint --metadata local logs 1/start --stderr");
        assert_eq!(
            (logs.name.as_str(), logs.rest),
            ("logs", words("1/start --stderr"))
        );
    }

    #[test]
    fn a_class_may_follow_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.py");
        std::fs::write(&file, "").unwrap();
        let command = command(
            "run",
            &words(&format!("--tag x {}:Two --a 1", file.display())),
        )
        .unwrap();
        assert_eq!(command.flow.class.as_deref(), Some("Two"));
        assert_eq!(command.rest, words("--tag x --a 1"));
    }
}

//! Parses words with clap; its help and errors in our own form.

use clap::ArgMatches;
use console::Term;
use pave_model::Code;

use crate::error::CliError;
use crate::output::{out, outln};

/// Parses words with a clap grammar; help counts as done.
pub(crate) fn matches(
    grammar: clap::Command,
    words: &[String],
) -> Result<Option<ArgMatches>, CliError> {
    match grammar.no_binary_name(true).try_get_matches_from(words) {
        Ok(matches) => Ok(Some(matches)),
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => {
            print_help(&error);
            Ok(None)
        }
        Err(error) => {
            let message = first_words(&error.render().to_string());
            Err(CliError::usage(Code::C001, message).hint("--help tells what the command takes"))
        }
    }
}

/// Prints the help that clap hands over as an error, in colour only where there is a terminal.
pub(crate) fn print_help(help: &clap::Error) {
    let text = help.render();
    if Term::stdout().is_term() {
        out(format_args!("{}", text.ansi()));
    } else {
        outln!("{}", text.to_string().trim_end());
    }
}

/// What clap says is wrong, in one line: its first paragraph.
pub(crate) fn first_words(text: &str) -> String {
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    let words: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    words.join(" ")
}

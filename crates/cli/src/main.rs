//! The `pave` command.
//!
//! Owns: the command line's grammar, what is printed, exit codes (0 done, 1 failed, 2 usage).
//! Must not: reach into a store behind the runtime or the metadata and artifact rooms; hold rules.
//! Start reading at: `grammar.rs`, then `commands/run.rs`.
//! Tested by: `tests/`, which run the real binary on real flows.

mod arguments;
mod commands;
mod context;
mod error;
mod flow_args;
mod grammar;
mod output;
mod screen;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    match commands::dispatch(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error.print();
            ExitCode::from(error.exit)
        }
    }
}

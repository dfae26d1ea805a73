//! Checks of the house: `cargo xtask tidy`.
//!
//! Owns: rules about the repository itself that no compiler knows: layers, pages of error codes,
//! sizes and heads of files, paths named in documents.
//! Must not: build, format or change anything; know what the code does.
//! Start reading at: `tidy/mod.rs`, the list of checks.
//! Tested by: unit tests beside each check.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy   check layers, error pages, sizes, heads, paths in documents, left-overs
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["tidy"] => tidy::run(),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

//! Runs every check and prints one line for each failure.

mod codes;
mod heads;
mod layers;
mod leftovers;
mod paths;
mod sizes;
mod tree;
mod variables;

use std::process::ExitCode;

use self::tree::Tree;

/// A check: its name and how it is run.
type Check = (&'static str, fn(&Tree) -> Result<Vec<Failure>, String>);

const CHECKS: [Check; 7] = [
    ("layers", layers::check),
    ("codes", codes::check),
    ("sizes", sizes::check),
    ("heads", heads::check),
    ("paths", paths::check),
    ("left-overs", leftovers::check),
    ("variables", variables::check),
];

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    /// Path from the top of the repository.
    file: String,
    /// From 1; 0 for the file as a whole.
    line: usize,
    what: String,
}

impl Failure {
    fn new(file: impl Into<String>, line: usize, what: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line,
            what: what.into(),
        }
    }
}

/// Runs every check.
pub(crate) fn run() -> ExitCode {
    let tree = match Tree::open() {
        Ok(tree) => tree,
        Err(reason) => {
            eprintln!("tidy: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let mut count = 0;
    for (name, check) in CHECKS {
        let failures = check(&tree).unwrap_or_else(|reason| vec![Failure::new(".", 0, reason)]);
        count += failures.len();
        for Failure { file, line, what } in failures {
            match line {
                0 => println!("{file}: {name}: {what}"),
                _ => println!("{file}:{line}: {name}: {what}"),
            }
        }
    }
    if count == 0 {
        println!(
            "tidy: {} checks over {} files, nothing found",
            CHECKS.len(),
            tree.files().len()
        );
        return ExitCode::SUCCESS;
    }
    eprintln!("tidy: {count} found");
    ExitCode::FAILURE
}

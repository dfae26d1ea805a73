//! Files that have grown too long to read at one go.

use super::Failure;
use super::tree::Tree;

const ENDINGS: [&str; 5] = [".rs", ".py", ".R", ".ts", ".tsx"];
const MOST_LINES: usize = 800;

/// Files that may be longer, with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

pub(super) fn check(tree: &Tree) -> Result<Vec<Failure>, String> {
    Ok(judge(tree.texts(&ENDINGS), &EXCEPTIONS))
}

fn judge<'t>(
    files: impl Iterator<Item = (&'t str, &'t str)>,
    exceptions: &[(&str, &str)],
) -> Vec<Failure> {
    let mut left: Vec<&str> = exceptions.iter().map(|(file, _)| *file).collect();
    let mut failures = Vec::new();
    for (file, text) in files {
        let lines = text.lines().count();
        if lines <= MOST_LINES {
            continue;
        }
        if left.contains(&file) {
            left.retain(|other| *other != file);
        } else {
            let what = format!("{lines} lines, more than {MOST_LINES}: divide the file");
            failures.push(Failure::new(file, 0, what));
        }
    }
    let needless = left.into_iter().map(|file| {
        Failure::new(
            file,
            0,
            "is listed as an exception of sizes, but needs none",
        )
    });
    failures.extend(needless);
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_fail_unless_they_are_listed() {
        let long = "line\n".repeat(MOST_LINES + 1);
        let full = "line\n".repeat(MOST_LINES);
        let files = || [("a.rs", long.as_str()), ("b.py", full.as_str())].into_iter();
        let failures = judge(files(), &[]);
        assert_eq!(
            failures,
            [Failure::new(
                "a.rs",
                0,
                "801 lines, more than 800: divide the file"
            )]
        );
        assert_eq!(judge(files(), &[("a.rs", "a table")]), []);
    }

    #[test]
    fn an_exception_that_is_needed_no_more_fails() {
        let failures = judge([("a.rs", "short")].into_iter(), &[("a.rs", "a table")]);
        assert_eq!(failures.len(), 1);
    }
}

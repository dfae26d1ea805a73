//! Paths of this repository that documents name must exist.

use super::Failure;
use super::tree::Tree;

/// Folders at the top; what begins with one of them is taken for a path of this repository.
const FOLDERS: [&str; 9] = [
    "bench/",
    "crates/",
    "docs/",
    "examples/",
    "python/",
    "r/",
    "scripts/",
    "ui/",
    "xtask/",
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Failure>, String> {
    let exists = |path: &str| tree.root().join(path).exists();
    let documents = tree.texts(&[".md"]);
    Ok(documents
        .flat_map(|(file, text)| judge(file, text, exists))
        .collect())
}

fn judge(file: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut in_code = false;
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for path in text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(repository_path)
        {
            if !exists(path) {
                failures.push(Failure::new(file, line, format!("`{path}` does not exist")));
            }
        }
    }
    failures
}

/// The path that a quoted text names, without line number and item.
fn repository_path(quoted: &str) -> Option<&str> {
    let is_pattern = |sign: char| sign.is_whitespace() || "*<>{}…$".contains(sign);
    if quoted.contains(is_pattern) || !FOLDERS.iter().any(|folder| quoted.starts_with(folder)) {
        return None;
    }
    quoted.split([':', '#']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let exists = |path: &str| matches!(path, "crates/graph" | "docs/" | "python/pave/a.py");
        let failures = judge("README.md", text, exists);
        let told: Vec<(usize, &str)> = failures
            .iter()
            .map(|failure| (failure.line, failure.what.as_str()))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn only_quoted_paths_of_this_repository_are_judged() {
        check(
            "See `crates/graph`, `docs/`, `python/pave/a.py:12` and `src/lib.rs`.",
            &[],
        );
        check(
            "See crates/gone and `crates/*/src`, `docs/<code>.md`, `python/a b`.",
            &[],
        );
        check("One\n`crates/gone`", &[(2, "`crates/gone` does not exist")]);
        check("`docs/a.md#part` `x`", &[(1, "`docs/a.md` does not exist")]);
    }

    #[test]
    fn code_blocks_are_left_alone() {
        check(
            "```\n`crates/gone`\n```\n`docs/gone`",
            &[(4, "`docs/gone` does not exist")],
        );
    }
}

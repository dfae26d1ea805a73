//! Each environment variable that the sources name is described in `docs/environment.md`, and each
//! that is described there is named by a source.

use std::collections::BTreeSet;

use super::Failure;
use super::tree::Tree;

const PAGE: &str = "docs/environment.md";
const PREFIX: &str = "PAVE_";

pub(super) fn check(tree: &Tree) -> Result<Vec<Failure>, String> {
    let page = tree.text(PAGE).unwrap_or_default();
    let sources = tree
        .texts(&[".rs", ".py"])
        .filter(|(file, _)| is_product(file));
    Ok(judge(sources, page))
}

/// Tests, benchmarks and scripts may have variables of their own.
fn is_product(file: &str) -> bool {
    let folders = ["crates/", "python/pave/", "python/native/src/"];
    folders.iter().any(|folder| file.starts_with(folder)) && !file.contains("/tests/")
}

fn judge<'t>(sources: impl Iterator<Item = (&'t str, &'t str)>, page: &str) -> Vec<Failure> {
    let described: BTreeSet<&str> = names(page).map(|(_, name)| name).collect();
    let mut named = BTreeSet::new();
    let mut failures = Vec::new();
    for (file, text) in sources {
        for (line, name) in names(text) {
            if named.insert(name) && !described.contains(name) {
                let what = format!("describe the variable `{name}` in {PAGE}");
                failures.push(Failure::new(file, line, what));
            }
        }
    }
    for name in described.difference(&named) {
        let what = format!("no source names the variable `{name}`");
        failures.push(Failure::new(PAGE, 0, what));
    }
    failures
}

/// Variables with their lines, as often as they occur.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().zip(1..).flat_map(|(line, number)| {
        line.match_indices(PREFIX).filter_map(move |(at, _)| {
            let is_name = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
            let starts = at == 0 || !is_name(line.as_bytes()[at - 1]);
            let rest = &line[at..];
            let end = rest
                .bytes()
                .position(|byte| !is_name(byte))
                .unwrap_or(rest.len());
            (starts && end > PREFIX.len()).then_some((number, &rest[..end]))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_page_name_the_same_variables() {
        let sources = [
            ("a.rs", "x\nvar(\"PAVE_ONE\")"),
            ("b.py", "PAVE_TWO, PAVE_ONE"),
        ];
        let told: Vec<String> = judge(sources.into_iter(), "| `PAVE_ONE` | `PAVE_OLD` |")
            .into_iter()
            .map(|failure| format!("{}:{} {}", failure.file, failure.line, failure.what))
            .collect();
        assert_eq!(
            told,
            [
                "b.py:1 describe the variable `PAVE_TWO` in docs/environment.md",
                "docs/environment.md:0 no source names the variable `PAVE_OLD`",
            ]
        );
    }
}

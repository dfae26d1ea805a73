//! Each error code has a page in `docs/errors/`, and each page a code.

use std::collections::BTreeSet;

use pave_model::Code;

use super::Failure;
use super::tree::Tree;

const FOLDER: &str = "docs/errors/";
const INDEX: &str = "docs/errors/README.md";

pub(super) fn check(tree: &Tree) -> Result<Vec<Failure>, String> {
    let codes: Vec<(&str, &str)> = Code::ALL
        .iter()
        .map(|code| (code.as_str(), code.title()))
        .collect();
    let index = tree.text(INDEX).unwrap_or_default();
    Ok(judge(&codes, tree.texts(&[".md"]), index))
}

fn judge<'t>(
    codes: &[(&str, &str)],
    files: impl Iterator<Item = (&'t str, &'t str)>,
    index: &str,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut pages = BTreeSet::new();
    for (file, text) in files {
        let Some(name) = file
            .strip_prefix(FOLDER)
            .and_then(|name| name.strip_suffix(".md"))
        else {
            continue;
        };
        if file == INDEX {
            continue;
        }
        let Some((code, title)) = codes.iter().find(|(code, _)| *code == name) else {
            failures.push(Failure::new(
                file,
                0,
                format!("there is no error code `{name}`"),
            ));
            continue;
        };
        pages.insert(*code);
        let heading = format!("# {code}: {title}");
        if text.lines().next() != Some(heading.as_str()) {
            failures.push(Failure::new(file, 1, format!("begin with `{heading}`")));
        }
    }
    for (code, _) in codes {
        if !pages.contains(code) {
            let what = format!("the error code `{code}` has no page");
            failures.push(Failure::new(format!("{FOLDER}{code}.md"), 0, what));
        }
        if !index.contains(&format!("[{code}]({code}.md)")) {
            let what = format!("the index doesn't list `[{code}]({code}.md)`");
            failures.push(Failure::new(INDEX, 0, what));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&'static str, &'static str)], index: &str, expected: &[&str]) {
        let codes = [("G001", "no start step"), ("G002", "no end step")];
        let told: Vec<String> = judge(&codes, files.iter().copied(), index)
            .into_iter()
            .map(|failure| format!("{}:{} {}", failure.file, failure.line, failure.what))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn every_code_needs_a_page_with_its_title_and_a_line_in_the_index() {
        let page = ("docs/errors/G001.md", "# G001: no start step\n\nText.\n");
        let other = ("docs/errors/G002.md", "# G002: no end step\n");
        let index = "[G001](G001.md) [G002](G002.md)";
        check(&[page, other, ("docs/cli.md", "# CLI\n")], index, &[]);
        check(
            &[page],
            "[G001](G001.md)",
            &[
                "docs/errors/G002.md:0 the error code `G002` has no page",
                "docs/errors/README.md:0 the index doesn't list `[G002](G002.md)`",
            ],
        );
        let stale = ("docs/errors/G002.md", "# G002: no finish\n");
        check(
            &[page, stale],
            index,
            &["docs/errors/G002.md:1 begin with `# G002: no end step`"],
        );
    }

    #[test]
    fn a_page_without_a_code_is_found() {
        let files = [
            ("docs/errors/G001.md", "# G001: no start step\n"),
            ("docs/errors/G002.md", "# G002: no end step\n"),
            ("docs/errors/X9.md", "# X9: gone\n"),
        ];
        let expected = ["docs/errors/X9.md:0 there is no error code `X9`"];
        check(&files, "[G001](G001.md) [G002](G002.md)", &expected);
    }
}

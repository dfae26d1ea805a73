//! What must not stay behind: paths of somebody's machine, and marks of unfinished work.

use super::Failure;
use super::tree::Tree;

/// Endings of source files: there, unfinished work counts.
const SOURCES: [&str; 10] = [
    ".rs", ".py", ".R", ".ts", ".tsx", ".js", ".sh", ".toml", ".yml", "Makefile",
];
/// Marks of unfinished work, cut in two lest this file be found.
const MARKS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
];
/// Folders of people, cut in two lest this file be found.
const HOMES: [&str; 2] = [concat!("/ho", "me/"), concat!("/Us", "ers/")];
/// The folder of the one who needs no home.
const ROOT_HOME: &str = concat!("/ro", "ot/");
/// People in examples.
const NOBODIES: [&str; 4] = ["ada", "grace", "me", "you"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Failure>, String> {
    let here = tree.root().to_string_lossy().into_owned();
    let mut failures = Vec::new();
    for (file, text) in tree.texts(&[""]) {
        let is_source = SOURCES.iter().any(|ending| file.ends_with(ending));
        failures.extend(judge(file, text, &here, is_source));
    }
    Ok(failures)
}

fn judge(file: &str, text: &str, here: &str, is_source: bool) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(path) = machine_path(text, here) {
            let what = format!("`{path}` is a path of one machine");
            failures.push(Failure::new(file, line, what));
        }
        if is_source && let Some(mark) = MARKS.iter().find(|mark| has_word(text, mark)) {
            failures.push(Failure::new(
                file,
                line,
                format!("`{mark}` marks unfinished work"),
            ));
        }
    }
    failures
}

/// A path of somebody's machine in the line: this checkout's own, or one in a home.
fn machine_path<'t>(text: &'t str, here: &str) -> Option<&'t str> {
    let begins = |(at, _): &(usize, &str)| {
        let before = text[..*at].chars().next_back();
        !before.is_some_and(|sign| sign.is_alphanumeric() || "/.~-_".contains(sign))
    };
    let own = text.match_indices(here).find(|(at, _)| {
        let after = text[at + here.len()..].chars().next();
        !after.is_some_and(|sign| sign.is_alphanumeric() || sign == '_')
    });
    let homes = HOMES
        .iter()
        .flat_map(|home| text.match_indices(home))
        .filter(|(at, home)| {
            let name = text[at + home.len()..]
                .split(|sign: char| !sign.is_alphanumeric())
                .next();
            !name.is_none_or(|name| name.is_empty() || NOBODIES.contains(&name))
        });
    let root_homes = text.match_indices(ROOT_HOME);
    let (at, _) = own
        .into_iter()
        .chain(homes)
        .chain(root_homes)
        .find(begins)?;
    let rest = &text[at..];
    let end = rest.find(|sign: char| sign.is_whitespace() || "\"'`)".contains(sign));
    Some(&rest[..end.unwrap_or(rest.len())])
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let is_part =
            |sign: Option<char>| sign.is_some_and(|sign| sign.is_alphanumeric() || sign == '_');
        let after = text[at + word.len()..].chars().next();
        !is_part(text[..at].chars().next_back()) && (word.ends_with('!') || !is_part(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "/srv/checkout";

    #[test]
    fn paths_of_a_machine_are_found() {
        let lost = |text: &str| machine_path(text, HERE).map(str::to_owned);
        assert_eq!(
            lost("see `/srv/checkout/a.py` there").as_deref(),
            Some("/srv/checkout/a.py")
        );
        let homely = format!("python = \"{}eve/bin/python\"", HOMES[0]);
        assert_eq!(lost(&homely), Some(format!("{}eve/bin/python", HOMES[0])));
        let rooted = format!("({ROOT_HOME}.cargo)");
        assert_eq!(lost(&rooted), Some(format!("{ROOT_HOME}.cargo")));
        for fine in [
            "/srv/checkouts",
            "a/srv/checkout",
            "/homework/",
            "~/flows",
            "src/root/a",
        ] {
            assert_eq!(lost(fine), None, "{fine}");
        }
        let example = format!("{}ada/flow.py and {}", HOMES[0], HOMES[1]);
        assert_eq!(lost(&example), None);
    }

    #[test]
    fn unfinished_work_is_found_in_sources_as_whole_words() {
        let marks = |text: &str| judge("a.rs", text, HERE, true).len();
        assert_eq!(marks(&format!("// {}: later", MARKS[0])), 1);
        assert_eq!(marks(&format!("{}()", MARKS[2])), 1);
        assert_eq!(marks(&format!("let {}S = 1;", MARKS[0])), 0);
        assert_eq!(judge("a.md", MARKS[0], HERE, false), []);
    }
}

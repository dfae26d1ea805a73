//! The first lines of each crate: what it owns, what it must not, where to begin, what tests it.

use super::Failure;
use super::tree::Tree;

const WORDS: [&str; 4] = ["Owns", "Must not", "Start reading at", "Tested by"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Failure>, String> {
    let manifests = tree
        .files()
        .iter()
        .filter_map(|file| file.strip_suffix("Cargo.toml"));
    let crates = manifests.filter(|folder| !folder.is_empty());
    let failures = crates.flat_map(|folder| {
        let roots = ["lib.rs", "main.rs"].map(|root| format!("{folder}src/{root}"));
        match roots.iter().find_map(|root| Some((root, tree.text(root)?))) {
            Some((root, text)) => judge(root, text),
            None => vec![Failure::new(
                folder,
                0,
                "the crate has neither src/lib.rs nor src/main.rs",
            )],
        }
    });
    Ok(failures.collect())
}

fn judge(file: &str, text: &str) -> Vec<Failure> {
    let head: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim_start)
        .collect();
    let lacks = |word: &&&str| {
        !head
            .iter()
            .any(|line| line.starts_with(&format!("{word}:")))
    };
    WORDS
        .iter()
        .filter(lacks)
        .map(|word| Failure::new(file, 1, format!("the crate's head has no line `{word}: …`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_begin_a_line_of_the_head() {
        let head = "//! What it is.\n//!\n//! Owns: a.\n//! Must not: b;\n//!   more.\n\
                    //! Start reading at: c.\n//! Tested by: d.\nmod a;\n";
        assert_eq!(judge("lib.rs", head), []);
        let late = head.replace("//! Tested by: d.\nmod a;", "mod a;\n//! Tested by: d.");
        let expected = [Failure::new(
            "lib.rs",
            1,
            "the crate's head has no line `Tested by: …`",
        )];
        assert_eq!(judge("lib.rs", &late), expected);
        assert_eq!(judge("lib.rs", "mod a;").len(), WORDS.len());
    }
}

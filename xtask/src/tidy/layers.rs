//! Arrows between crates, and what the pure ones pull in.
//!
//! The table in ARCHITECTURE.md is the rule: it says of each crate its tier and which crates it
//! uses. `cargo metadata` must say the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::Value;

use super::Failure;
use super::tree::Tree;

const DOCUMENT: &str = "ARCHITECTURE.md";
/// What our crates are called besides the names in the table.
const PREFIX: &str = "pave-";
/// Crates that do IO, and so have no place below tier 1.
const IMPURE: [&str; 10] = [
    "axum",
    "hyper",
    "libsqlite3-sys",
    "nix",
    "reqwest",
    "rusqlite",
    "rustix",
    "socket2",
    "sqlx",
    "tokio",
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Failure>, String> {
    let text = tree
        .text(DOCUMENT)
        .ok_or(format!("{DOCUMENT} is missing"))?;
    let table = read_table(text);
    if table.is_empty() {
        return Err(format!("{DOCUMENT} has no table of crates"));
    }
    let packages = read_packages(&tree.cargo_metadata()?)?;
    let mut failures = judge_table(&table);
    failures.extend(judge_arrows(&table, &packages));
    failures.extend(judge_purity(&table, &packages));
    Ok(failures)
}

/// A row of the table.
#[derive(Debug, PartialEq)]
struct Row {
    line: usize,
    /// `None` for crates that only tests use.
    tier: Option<u8>,
    uses: BTreeSet<String>,
}

/// A package of the whole graph.
#[derive(Default)]
struct Package {
    name: String,
    is_ours: bool,
    /// Ids of packages that it needs to be built and run.
    needs: Vec<String>,
}

fn read_table(text: &str) -> BTreeMap<String, Row> {
    let mut table = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()) {
        let cells: Vec<&str> = text.split('|').map(str::trim).collect();
        let ["", tier, name, .., uses, ""] = cells[..] else {
            continue;
        };
        let tier = match tier {
            "test" => None,
            number => match number.parse() {
                Ok(tier) => Some(tier),
                Err(_) => continue,
            },
        };
        let uses = uses.split_whitespace().map(unquote).collect();
        table.insert(unquote(name), Row { line, tier, uses });
    }
    table
}

fn unquote(name: &str) -> String {
    name.trim_matches('`').to_owned()
}

fn read_packages(metadata: &Value) -> Result<HashMap<String, Package>, String> {
    let list = |value: &Value, key: &str| -> Result<Vec<Value>, String> {
        let list = value[key].as_array().cloned();
        list.ok_or(format!("cargo metadata has no `{key}`"))
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours: BTreeSet<String> = list(metadata, "workspace_members")?
        .iter()
        .map(text)
        .collect();
    let mut packages = HashMap::new();
    for package in list(metadata, "packages")? {
        let id = text(&package["id"]);
        let package = Package {
            name: text(&package["name"]),
            is_ours: ours.contains(&id),
            needs: Vec::new(),
        };
        packages.insert(id, package);
    }
    for node in list(&metadata["resolve"], "nodes")? {
        let id = text(&node["id"]);
        let needs = list(&node, "deps")?;
        let needs = needs.iter().filter(|dependency| {
            let kinds = dependency["dep_kinds"].as_array();
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
        });
        if let Some(package) = packages.get_mut(&id) {
            package.needs = needs.map(|dependency| text(&dependency["pkg"])).collect();
        }
    }
    Ok(packages)
}

/// Judges the table by itself: tiers only point down or sideways.
fn judge_table(table: &BTreeMap<String, Row>) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (name, row) in table {
        for used in &row.uses {
            let what = match table.get(used) {
                None => format!("`{name}` uses `{used}`, which has no row"),
                Some(Row { tier: None, .. }) => {
                    format!("`{name}` uses `{used}`, which is for tests only")
                }
                Some(other) if row.tier.is_some() && row.tier < other.tier => {
                    format!("`{name}` uses `{used}`, which is in a higher tier")
                }
                Some(_) => continue,
            };
            failures.push(Failure::new(DOCUMENT, row.line, what));
        }
    }
    failures
}

/// Compares the table with what the crates depend on.
fn judge_arrows(
    table: &BTreeMap<String, Row>,
    packages: &HashMap<String, Package>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut seen = BTreeSet::new();
    let mut ours: Vec<&Package> = packages
        .values()
        .filter(|package| package.is_ours)
        .collect();
    ours.sort_by_key(|package| &package.name);
    for package in ours {
        let Some(name) = package.name.strip_prefix(PREFIX) else {
            continue;
        };
        seen.insert(name);
        let Some(row) = table.get(name) else {
            let what = format!("crate `{}` has no row in the table", package.name);
            failures.push(Failure::new(DOCUMENT, 0, what));
            continue;
        };
        let needs: BTreeSet<&str> = package
            .needs
            .iter()
            .filter_map(|id| packages.get(id)?.name.strip_prefix(PREFIX))
            .collect();
        for used in &needs {
            if !row.uses.contains(*used) {
                let what = format!("`{name}` depends on `{used}`, which its row doesn't list");
                failures.push(Failure::new(DOCUMENT, row.line, what));
            }
        }
        for used in row
            .uses
            .iter()
            .filter(|used| !needs.contains(used.as_str()))
        {
            let what = format!("the row of `{name}` lists `{used}`, which it doesn't depend on");
            failures.push(Failure::new(DOCUMENT, row.line, what));
        }
    }
    for (name, row) in table
        .iter()
        .filter(|(name, _)| !seen.contains(name.as_str()))
    {
        let what = format!("there is no crate `{PREFIX}{name}`");
        failures.push(Failure::new(DOCUMENT, row.line, what));
    }
    failures
}

/// Looks for IO below tier 1.
fn judge_purity(
    table: &BTreeMap<String, Row>,
    packages: &HashMap<String, Package>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (name, row) in table.iter().filter(|(_, row)| row.tier == Some(0)) {
        let id = packages
            .iter()
            .find(|(_, package)| package.is_ours && package.name == format!("{PREFIX}{name}"));
        let Some((id, _)) = id else { continue };
        for path in impure_paths(id, packages) {
            let what = format!("`{name}` is pure, but pulls in {}", path.join(" → "));
            failures.push(Failure::new(DOCUMENT, row.line, what));
        }
    }
    failures
}

/// The shortest way from a package to each impure one that it needs.
fn impure_paths(from: &str, packages: &HashMap<String, Package>) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut seen = BTreeSet::from([from.to_owned()]);
    let mut left = VecDeque::from([(from.to_owned(), Vec::new())]);
    while let Some((id, path)) = left.pop_front() {
        let Some(package) = packages.get(&id) else {
            continue;
        };
        if IMPURE.contains(&package.name.as_str()) {
            paths.push(path);
            continue;
        }
        for need in &package.needs {
            if seen.insert(need.clone()) {
                let name = packages.get(need).map_or(need, |package| &package.name);
                left.push_back((
                    need.clone(),
                    [&path[..], std::slice::from_ref(name)].concat(),
                ));
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
| tier | crate | owns | must not | uses |
|---|---|---|---|---|
| 0 | `model` | ids | IO | |
| 0 | `graph` | flows | runs | `model` |
| 2 | `runtime` | the loop | rules | `model` `graph` |
| test | `testkit` | fakes | be normal | `graph` |
";

    fn packages(arrows: &[(&str, &[&str])]) -> HashMap<String, Package> {
        let package = |(name, needs): &(&str, &[&str])| {
            let package = Package {
                name: (*name).to_owned(),
                is_ours: name.starts_with(PREFIX),
                needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            };
            ((*name).to_owned(), package)
        };
        arrows.iter().map(package).collect()
    }

    fn check(table: &str, arrows: &[(&str, &[&str])], expected: &[&str]) {
        let (table, packages) = (read_table(table), packages(arrows));
        let mut failures = judge_table(&table);
        failures.extend(judge_arrows(&table, &packages));
        failures.extend(judge_purity(&table, &packages));
        let told: Vec<String> = failures
            .into_iter()
            .map(|failure| format!("{}: {}", failure.line, failure.what))
            .collect();
        assert_eq!(told, expected);
    }

    const FINE: [(&str, &[&str]); 6] = [
        ("pave-model", &["serde"]),
        ("pave-graph", &["pave-model"]),
        ("pave-runtime", &["pave-model", "pave-graph", "tokio"]),
        ("pave-testkit", &["pave-graph"]),
        ("serde", &[]),
        ("tokio", &[]),
    ];

    #[test]
    fn a_workspace_that_follows_the_table_passes() {
        check(TABLE, &FINE, &[]);
    }

    #[test]
    fn an_arrow_that_the_table_lacks_is_found() {
        let mut arrows = FINE;
        arrows[0] = ("pave-model", &["pave-graph"]);
        let expected = ["3: `model` depends on `graph`, which its row doesn't list"];
        check(TABLE, &arrows, &expected);
    }

    #[test]
    fn an_arrow_that_only_the_table_has_is_found() {
        let mut arrows = FINE;
        arrows[2] = ("pave-runtime", &["pave-model"]);
        let expected = ["5: the row of `runtime` lists `graph`, which it doesn't depend on"];
        check(TABLE, &arrows, &expected);
    }

    #[test]
    fn arrows_upwards_and_to_test_crates_are_found_in_the_table_itself() {
        let table = TABLE
            .replace("runs | `model` |", "runs | `model` `runtime` |")
            .replace("rules | `model`", "rules | `testkit` `model`");
        let mut arrows = FINE;
        arrows[1] = ("pave-graph", &["pave-model", "pave-runtime"]);
        arrows[2] = (
            "pave-runtime",
            &["pave-model", "pave-graph", "pave-testkit"],
        );
        let expected = [
            "4: `graph` uses `runtime`, which is in a higher tier",
            "5: `runtime` uses `testkit`, which is for tests only",
        ];
        check(&table, &arrows, &expected);
    }

    #[test]
    fn io_below_tier_1_is_found_with_the_way_to_it() {
        let mut arrows = FINE;
        arrows[4] = ("serde", &["tokio"]);
        let expected = [
            "4: `graph` is pure, but pulls in pave-model → serde → tokio",
            "3: `model` is pure, but pulls in serde → tokio",
        ];
        check(TABLE, &arrows, &expected);
    }

    #[test]
    fn crates_and_rows_without_each_other_are_found() {
        let mut arrows = FINE.to_vec();
        arrows[3] = ("pave-query", &[]);
        let expected = [
            "0: crate `pave-query` has no row in the table",
            "6: there is no crate `pave-testkit`",
        ];
        check(TABLE, &arrows, &expected);
    }
}

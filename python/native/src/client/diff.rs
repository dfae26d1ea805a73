//! What differs between two runs of a flow, by the addresses of their artifacts.

use std::collections::{HashMap, HashSet};

use pave_artifact::{Encoding, Hash, Manifest};
use pyo3::prelude::*;

use super::run::{PARAMETERS, Run};
use super::tasks::Batch;

/// What an artifact is: equal contents are equal bytes in the same encoding.
type Content = (Encoding, Hash);

/// Differences that were seen already: later steps that only hand them on aren't named again.
type Seen = HashSet<(String, Option<Content>, Option<Content>)>;

/// For each step that both runs reached, the names of artifacts that differ between tasks at the
/// same place of the graph, sorted. Steps without differences, and hidden names, are left out.
pub(super) fn artifacts(
    py: Python<'_>,
    ours: &Run,
    theirs: &Run,
) -> PyResult<Vec<(String, Vec<String>)>> {
    let mut seen = Seen::new();
    let mut differences = Vec::new();
    for step in ours.reached(py)? {
        let (left, right) = (ours.batch(py, &step)?, theirs.batch(py, &step)?);
        let mut names = compare(py, &left, &right, &mut seen)?;
        names.sort_unstable();
        names.dedup();
        if !names.is_empty() && step != PARAMETERS {
            differences.push((step, names));
        }
    }
    Ok(differences)
}

fn compare(py: Python<'_>, left: &Batch, right: &Batch, seen: &mut Seen) -> PyResult<Vec<String>> {
    let places = right.rows.iter().enumerate();
    let places: HashMap<&str, usize> = places.map(|(at, row)| (row.place.as_str(), at)).collect();
    let mut names = Vec::new();
    for (at, row) in left.rows.iter().enumerate() {
        let Some(&other) = places.get(row.place.as_str()) else {
            continue;
        };
        let (ours, theirs) = (left.flat(py, at)?, right.flat(py, other)?);
        for (name, a, b) in pairs(&ours, &theirs) {
            if a != b && seen.insert((name.clone(), a, b)) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// Every visible name with what it is on either side.
fn pairs(ours: &Manifest, theirs: &Manifest) -> Vec<(String, Option<Content>, Option<Content>)> {
    let all = ours.iter().chain(theirs.iter());
    let names: HashSet<&str> = all.map(|entry| entry.name.as_str()).collect();
    let content = |manifest: &Manifest, name: &str| {
        manifest
            .find(name)
            .map(|entry| (entry.encoding.clone(), entry.hash))
    };
    names
        .into_iter()
        .filter(|name| !name.starts_with('_'))
        .map(|name| (name.to_owned(), content(ours, name), content(theirs, name)))
        .collect()
}

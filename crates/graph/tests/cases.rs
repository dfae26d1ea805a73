//! Runs the flows in `testdata/` and compares their findings or graphs with what the files say.
//!
//! A file holds cases: a title after `==`, a flow in the form of `form/mod.rs`, a separator, and
//! the expected output. The separator `--` asks for the findings or the steps of the graph,
//! `-- draw` for the drawing, `-- show` for the description.
//!
//! `PAVE_BLESS=1 cargo test -p pave-graph --test cases` writes what comes out into the files:
//! read the difference before you commit it.

#![allow(clippy::unwrap_used)]

mod form;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pave_graph::{FlowSpec, Graph, Step, validate};
use pave_model::Code;

#[test]
fn flows_are_judged_as_their_files_say() {
    let is_blessing = std::env::var_os("PAVE_BLESS").is_some();
    let mut failures = String::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let fresh = rewrite(&text);
        if fresh == text {
            continue;
        }
        if is_blessing {
            std::fs::write(&path, fresh).unwrap();
        } else {
            let differing = text
                .lines()
                .zip(fresh.lines())
                .find(|(old, new)| old != new);
            let (old, new) = differing.unwrap_or(("(the file ends)", "(more comes out)"));
            writeln!(
                failures,
                "{}\n  expected {old}\n  came out {new}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_code_of_this_room_has_a_case() {
    let mut seen = BTreeSet::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let findings = text
            .lines()
            .filter_map(|line| line.strip_prefix("flow.py:"));
        seen.extend(
            findings
                .filter_map(|line| line.split(' ').nth(1))
                .map(str::to_owned),
        );
    }
    let ours = |code: &&Code| code.as_str().starts_with('G') || **code == Code::P004;
    let missing: Vec<&Code> = Code::ALL
        .iter()
        .filter(ours)
        .filter(|code| !seen.contains(code.as_str()))
        // A flow of 65,536 steps is built in `properties.rs`.
        .filter(|code| **code != Code::G019)
        .collect();
    assert!(missing.is_empty(), "no case in testdata/ gives {missing:?}");
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10, "testdata/ is gone");
    files
}

/// The file as it should be: every case with what comes out now.
fn rewrite(text: &str) -> String {
    let mut blocks = text.split("\n== ");
    let mut fresh = format!("{}\n", blocks.next().unwrap().trim_end());
    for block in blocks {
        let (title, rest) = block.split_once('\n').unwrap();
        let separator = rest
            .lines()
            .find(|line| line.starts_with("--"))
            .unwrap_or("--");
        let flow: Vec<&str> = rest
            .lines()
            .take_while(|line| !line.starts_with("--"))
            .collect();
        let flow = flow.join("\n");
        let output = output(&form::read_flow(&flow), separator);
        let flow = if flow.is_empty() {
            flow
        } else {
            format!("{flow}\n")
        };
        write!(fresh, "\n== {title}\n{flow}{separator}\n{output}").unwrap();
    }
    fresh
}

fn output(flow: &FlowSpec, separator: &str) -> String {
    match validate(flow) {
        Err(findings) => {
            assert!(!findings.is_empty());
            findings.iter().fold(String::new(), |mut text, finding| {
                writeln!(text, "{finding}").unwrap();
                text
            })
        }
        Ok(graph) => match separator {
            "-- draw" => graph.draw(),
            "-- show" => graph.show(flow),
            _ => steps(&graph),
        },
    }
}

fn steps(graph: &Graph) -> String {
    let mut text = String::new();
    for (index, step) in graph.iter() {
        let mut parts = vec![step.name.clone()];
        if index == graph.start {
            parts.push("start".to_owned());
        }
        if index == graph.end {
            parts.push("end".to_owned());
        } else {
            parts.push(format!("=> {}", graph.follows(&step.transition)));
        }
        if let Some(split) = step.closes {
            parts.push(format!("closes {}", graph.step(split).name));
        }
        if !step.open.is_empty() {
            let open: Vec<&str> = step
                .open
                .iter()
                .map(|split| graph.step(*split).name.as_str())
                .collect();
            parts.push(format!("in {}", open.join(", ")));
        }
        parts.extend(settings(step));
        writeln!(text, "{}", parts.join(" | ")).unwrap();
    }
    text
}

fn settings(step: &Step) -> Vec<String> {
    let mut parts = Vec::new();
    let default = Step::default();
    if step.retry != default.retry {
        parts.push(format!(
            "retry {} pause {} ms",
            step.retry.times, step.retry.pause_ms
        ));
    }
    if let Some(var) = &step.catch {
        parts.push(format!("catch {}", var.as_deref().unwrap_or("-")));
    }
    if let Some(seconds) = step.timeout_seconds {
        parts.push(format!("timeout {seconds} s"));
    }
    let resources = step.resources;
    if resources != default.resources {
        let (cpu, memory, gpu) = (resources.cpu_milli, resources.memory_mib, resources.gpu);
        parts.push(format!("cpu {cpu}m memory {memory} MiB gpu {gpu}"));
    }
    for (name, value) in &step.environment {
        parts.push(format!("{name}={value}"));
    }
    parts
}

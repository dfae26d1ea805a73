//! Runs the cases in `testdata/`: what each input comes to, as text that people read.
//!
//! A case begins with `== name`, then lines of the graph (see `pave_testkit::text`), then inputs
//! behind `>` with what they come to below: events behind `*`, effects behind `-`, refusals behind
//! `!`. `> crash` recovers the run from its events. `PAVE_UPDATE=1` writes down what comes out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pave_graph::{Graph, StepIndex};
use pave_model::{Millis, TaskNumber};
use pave_scheduler::{Event, Options, Origin, OriginTask, Outcome, Scheduler};
use pave_testkit::{GraphBuilder, text};

#[test]
fn every_case_comes_to_what_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("testdata exists")
        .map(|entry| entry.expect("testdata can be listed").path())
        .collect();
    files.sort();
    assert!(files.len() >= 6, "cases are missing: {files:?}");
    let update = std::env::var_os("PAVE_UPDATE").is_some();
    let mut wrong = Vec::new();
    for file in files {
        let written = std::fs::read_to_string(&file).expect("a case file is text");
        let told =
            tell_file(&written).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if told != written && update {
            std::fs::write(&file, &told).expect("testdata can be written");
        } else if told != written {
            wrong.push(first_difference(&file, &written, &told));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn first_difference(file: &Path, written: &str, told: &str) -> String {
    let pairs = written.lines().zip(told.lines());
    let same = pairs.take_while(|(written, told)| written == told).count();
    format!(
        "{}:{}\n  written: {}\n  came out: {}",
        file.display(),
        same + 1,
        written.lines().nth(same).unwrap_or("(end)"),
        told.lines().nth(same).unwrap_or("(end)"),
    )
}

/// The whole file again, with what really comes out.
fn tell_file(written: &str) -> Result<String, String> {
    let mut parts = written.split("== ");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let _ = write!(told, "== {}", tell_case(part)?);
    }
    Ok(told)
}

fn tell_case(part: &str) -> Result<String, String> {
    let mut told = String::new();
    let mut case: Option<Case> = None;
    let mut header = Header::default();
    for (number, line) in part.lines().enumerate() {
        let is_output = ["* ", "- ", "! "].iter().any(|mark| line.starts_with(mark));
        if is_output {
            continue;
        }
        let _ = writeln!(told, "{line}");
        if let Some(input) = line.strip_prefix("> ") {
            let case = match &mut case {
                Some(case) => case,
                None => case.insert(header.begin()?),
            };
            told.push_str(&case.input(input)?);
        } else if number > 0 && !line.is_empty() && !line.starts_with('#') {
            header.read(line)?;
        }
    }
    Ok(told)
}

/// What stands before the first input.
#[derive(Default)]
struct Header {
    builder: GraphBuilder,
    options: Option<Options>,
    origin: Vec<String>,
    rerun: Option<String>,
}

impl Header {
    fn read(&mut self, line: &str) -> Result<(), String> {
        if let Some(words) = line.strip_prefix("options ") {
            let options = self.options.get_or_insert_with(text::generous_options);
            return text::read_options(options, words);
        }
        if let Some(step) = line.strip_prefix("rerun ") {
            self.rerun = Some(step.to_owned());
        } else if let Some(task) = line.strip_prefix("origin ") {
            self.origin.push(task.to_owned());
        } else if let Some(name) = line.strip_prefix("only ") {
            self.builder = GraphBuilder::only(name);
        } else {
            self.builder = text::read_graph_line(std::mem::take(&mut self.builder), line)?;
        }
        Ok(())
    }

    fn begin(&self) -> Result<Case, String> {
        let graph = Arc::new(self.builder.build());
        let mut origin = Origin::default();
        for line in &self.origin {
            let (key, task) = read_origin(&graph, line)?;
            origin.tasks.insert(key, task);
        }
        let origin = (!self.origin.is_empty()).then_some(origin);
        let rerun = self.rerun.as_ref().map(|name| graph.find(name).ok_or(name));
        let rerun = rerun
            .transpose()
            .map_err(|name| format!("no step `{name}`"))?;
        let options = self.options.clone().unwrap_or_else(text::generous_options);
        Ok(Case {
            scheduler: Scheduler::new(graph.clone(), options.clone(), origin.clone(), rerun),
            graph,
            options,
            origin,
            rerun,
            stored: Vec::new(),
        })
    }
}

/// Reads `3 fit[1] splits=2`: task 3 of the origin, at that place, and its verdict.
fn read_origin(
    graph: &Graph,
    line: &str,
) -> Result<((StepIndex, pave_scheduler::Place), OriginTask), String> {
    let mut words = line.splitn(3, ' ');
    let task = words.next().and_then(|task| task.parse().ok());
    let task = task.ok_or(format!("no task: `{line}`"))?;
    let spot = text::read_spot(graph, words.next().unwrap_or_default())?;
    let verdict = text::read_verdict(graph, Some(spot.0), words.next().unwrap_or_default())?;
    Ok((spot, OriginTask { task, verdict }))
}

struct Case {
    graph: Arc<Graph>,
    options: Options,
    origin: Option<Origin>,
    rerun: Option<StepIndex>,
    scheduler: Scheduler,
    stored: Vec<Event>,
}

impl Case {
    fn input(&mut self, line: &str) -> Result<String, String> {
        if line == "crash" {
            return self.crash();
        }
        let step_of = |task: TaskNumber| self.scheduler.step_of(task);
        let input = text::read_input(&self.graph, step_of, line)?;
        let outcome = self.scheduler.step(Millis(0), input);
        let told = self.tell(&outcome);
        self.stored.extend(outcome.events);
        Ok(told)
    }

    fn crash(&mut self) -> Result<String, String> {
        let before = self.scheduler.snapshot();
        let (scheduler, effects) = Scheduler::recover(
            self.graph.clone(),
            self.options.clone(),
            self.origin.clone(),
            self.rerun,
            self.stored.iter().cloned(),
        )
        .map_err(|error| error.to_string())?;
        assert_eq!(scheduler.snapshot(), before, "recovered otherwise");
        self.scheduler = scheduler;
        Ok(self.tell(&Outcome {
            effects,
            ..Outcome::default()
        }))
    }

    fn tell(&self, outcome: &Outcome) -> String {
        let mut told = String::new();
        for refused in &outcome.refused {
            let _ = writeln!(told, "! {} {}", refused.code, refused.reason);
        }
        for event in &outcome.events {
            let _ = writeln!(told, "* {}", text::tell_event(&self.graph, event));
        }
        for effect in &outcome.effects {
            let _ = writeln!(told, "- {}", text::tell_effect(&self.graph, effect));
        }
        told
    }
}

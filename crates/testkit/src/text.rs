//! Graphs, options, inputs, events and effects as lines of text, for tests that people read.
//!
//! | line | meaning |
//! |---|---|
//! | `start -> a` · `start -> a, b` | linear · static split |
//! | `foreach a -> x` · `gang a -> x` | fan-outs |
//! | `switch a -> a, b` | switch; may lead to itself |
//! | `join j` | `j` joins what leads to it |
//! | `step a retry=2 pause=1000 catch timeout=5 cpu=500 memory=64 gpu=1` | decorators |
//! | `options workers=2 splits=10 cpu=4000 memory=1024 gpu=1 grace=5000 lost=2` | limits |
//!
//! A task's attempt is written `3.0`: task 3, attempt 0. A place is written `[1,0]`, in the second
//! pass of a loop `[1,0]+1`.

use std::fmt::Write as _;

use pave_graph::{Graph, Step, StepIndex, Transition};
use pave_model::{AttemptNumber, TaskNumber};
use pave_scheduler::{
    AfterFailure, Effect, Event, Input, LostReason, Options, Place, StopReason, Timer, Verdict,
};

use crate::GraphBuilder;

/// Limits that get in no test's way.
#[must_use]
pub fn generous_options() -> Options {
    Options {
        max_workers: 16,
        max_num_splits: 100,
        cpu_milli: 16_000,
        memory_mib: 16_384,
        gpu: 2,
        grace_ms: 5_000,
        max_lost: 2,
    }
}

/// Adds the graph line `line` to `builder`.
///
/// # Errors
/// The line, if it isn't one.
pub fn read_graph_line(builder: GraphBuilder, line: &str) -> Result<GraphBuilder, String> {
    let wrong = || format!("not a line of a graph: `{line}`");
    if let Some(name) = line.strip_prefix("join ") {
        return Ok(builder.join(name.trim()));
    }
    if let Some(rest) = line.strip_prefix("step ") {
        let mut words = rest.split_whitespace();
        let name = words.next().ok_or_else(wrong)?;
        return words.try_fold(builder.with(name, |_| {}), |builder, word| {
            let mut read = Ok(());
            let builder = builder.with(name, |step| read = read_setting(step, word));
            read.map(|()| builder)
        });
    }
    let (left, right) = line.split_once("->").ok_or_else(wrong)?;
    let targets: Vec<&str> = right.split(',').map(str::trim).collect();
    let words: Vec<&str> = left.split_whitespace().collect();
    match (words.as_slice(), targets.as_slice()) {
        ([from], [to]) => Ok(builder.linear(from, to)),
        ([from], branches) => Ok(builder.split(from, branches)),
        (["foreach", from], [child]) => Ok(builder.foreach(from, child)),
        (["gang", from], [child]) => Ok(builder.gang(from, child)),
        (["switch", from], targets) => Ok(builder.switch(from, targets)),
        _ => Err(wrong()),
    }
}

/// Changes `options` by the words behind `options`.
///
/// # Errors
/// The word that isn't an option.
pub fn read_options(options: &mut Options, words: &str) -> Result<(), String> {
    for word in words.split_whitespace() {
        let (name, value) = read_number(word)?;
        match name {
            "workers" => options.max_workers = usize::try_from(value).unwrap_or(usize::MAX),
            "splits" => options.max_num_splits = value,
            "cpu" => options.cpu_milli = value,
            "memory" => options.memory_mib = value,
            "gpu" => options.gpu = value,
            "grace" => options.grace_ms = value,
            "lost" => options.max_lost = u32::try_from(value).unwrap_or(u32::MAX),
            _ => return Err(format!("no such option: `{word}`")),
        }
    }
    Ok(())
}

/// Reads an input, such as `start`, `3.0 succeeded splits=2`, `3.0 succeeded to b`, `3.0 died`,
/// `retry 3`, `timeout 3.0`, `grace`, `cloning`, `interrupt`. Where a success names no target, the
/// task leads where its step's source says.
///
/// # Errors
/// The line, if it isn't one.
pub fn read_input(
    graph: &Graph,
    step_of: impl Fn(TaskNumber) -> Option<StepIndex>,
    line: &str,
) -> Result<Input, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["start"] => return Ok(Input::Start),
        ["interrupt"] => return Ok(Input::Interrupt),
        ["grace"] => return Ok(Input::Elapsed(Timer::Grace)),
        ["cloning"] => return Ok(Input::Elapsed(Timer::Cloning)),
        ["retry", task] => {
            let task = task.parse().map_err(|_| format!("no task: `{line}`"))?;
            return Ok(Input::Elapsed(Timer::Retry(task)));
        }
        ["timeout", attempt] => {
            let (task, attempt) = read_attempt(attempt)?;
            return Ok(Input::Elapsed(Timer::Timeout(task, attempt)));
        }
        _ => {}
    }
    let [attempt, verb, rest @ ..] = words.as_slice() else {
        return Err(format!("not an input: `{line}`"));
    };
    let (task, attempt) = read_attempt(attempt)?;
    let lost = |reason| Input::Lost {
        task,
        attempt,
        reason,
    };
    let failed = |died| Input::Failed {
        task,
        attempt,
        died,
    };
    match *verb {
        "failed" => Ok(failed(false)),
        "died" => Ok(failed(true)),
        "lost" => Ok(lost(LostReason::Worker)),
        "stopped" => Ok(lost(LostReason::Stopped)),
        "succeeded" => Ok(Input::Succeeded {
            task,
            attempt,
            verdict: read_verdict(graph, step_of(task), &rest.join(" "))?,
        }),
        _ => Err(format!("not an input: `{line}`")),
    }
}

/// Reads a verdict: `splits=3`, `to b, c`, or nothing for the one that the step's source declares.
///
/// # Errors
/// A target that the graph doesn't have.
pub fn read_verdict(graph: &Graph, step: Option<StepIndex>, text: &str) -> Result<Verdict, String> {
    let mut verdict = step.map_or_else(Verdict::default, |step| declared(graph, step, None));
    if let Some(names) = text.strip_prefix("to ") {
        let find = |name: &str| graph.find(name.trim()).ok_or(format!("no step `{name}`"));
        verdict.next = names.split(',').map(find).collect::<Result<_, _>>()?;
    } else if !text.is_empty() {
        verdict.splits = Some(read_number(text)?.1);
    }
    Ok(verdict)
}

/// The verdict that a step's source declares; of a switch the first case.
#[must_use]
pub fn declared(graph: &Graph, step: StepIndex, splits: Option<u64>) -> Verdict {
    let transition = &graph.step(step).transition;
    let mut next = transition.targets();
    if let Transition::Switch { .. } = transition {
        next.truncate(1);
    }
    let fans_out = matches!(
        transition,
        Transition::Foreach { .. } | Transition::Gang { .. }
    );
    Verdict {
        next,
        splits: splits.filter(|_| fans_out),
    }
}

/// An event as a line.
#[must_use]
pub fn tell_event(graph: &Graph, event: &Event) -> String {
    match event {
        Event::RunStarted => "run started".to_owned(),
        Event::AttemptStarted {
            task,
            step,
            place,
            attempt,
        } => format!(
            "{task}.{attempt} started at {}",
            tell_spot(graph, *step, place)
        ),
        Event::TaskSucceeded {
            task,
            attempt,
            verdict,
        } => format!("{task}.{attempt} succeeded{}", tell_verdict(graph, verdict)),
        Event::TaskCloned {
            task,
            step,
            place,
            origin,
            verdict,
        } => format!(
            "{task} cloned from {origin} at {}{}",
            tell_spot(graph, *step, place),
            tell_verdict(graph, verdict)
        ),
        Event::AttemptFailed {
            task,
            attempt,
            then,
        } => format!("{task}.{attempt} failed, then {}", tell_then(*then)),
        Event::AttemptLost {
            task,
            attempt,
            then,
        } => format!("{task}.{attempt} lost, then {}", tell_then(*then)),
        Event::RunStopping { state, cause } => match cause {
            Some(task) => format!("run stopping: {state}, because of {task}"),
            None => format!("run stopping: {state}"),
        },
        Event::RunFinished { state } => format!("run finished: {state}"),
    }
}

/// An effect as a line.
#[must_use]
pub fn tell_effect(graph: &Graph, effect: &Effect) -> String {
    match effect {
        Effect::SetTimer { timer, after_ms } => {
            format!("set timer {} in {after_ms}", tell_timer(*timer))
        }
        Effect::Stop {
            task,
            attempt,
            reason,
        } => {
            let reason = match reason {
                StopReason::Timeout => "its time is up",
                StopReason::RunStopping => "the run stops",
            };
            format!("stop {task}.{attempt}: {reason}")
        }
        Effect::Launch {
            task,
            attempt,
            step,
            place,
            parents,
            frames,
            is_last_attempt,
            is_fallback,
        } => {
            let mut line = format!("launch {task}.{attempt} {}", tell_spot(graph, *step, place));
            if !parents.is_empty() {
                let parents: Vec<String> = parents.iter().map(ToString::to_string).collect();
                let _ = write!(line, " after {}", parents.join(","));
            }
            for frame in frames {
                let split = &graph.step(frame.split).name;
                let (task, index, count) = (frame.task, frame.index, frame.count);
                let _ = write!(line, " in {split}/{task} {index} of {count}");
            }
            match (is_fallback, is_last_attempt) {
                (true, _) => line.push_str(" (fallback)"),
                (false, true) => line.push_str(" (last)"),
                (false, false) => {}
            }
            line
        }
    }
}

fn tell_then(then: AfterFailure) -> String {
    match then {
        AfterFailure::Retry { pause_ms: 0 } => "retry".to_owned(),
        AfterFailure::Retry { pause_ms } => format!("retry in {pause_ms}"),
        AfterFailure::Fallback => "fallback".to_owned(),
        AfterFailure::TaskFailed => "the task failed".to_owned(),
        AfterFailure::TaskInterrupted => "the task was interrupted".to_owned(),
    }
}

fn tell_timer(timer: Timer) -> String {
    match timer {
        Timer::Retry(task) => format!("retry {task}"),
        Timer::Timeout(task, attempt) => format!("timeout {task}.{attempt}"),
        Timer::Grace => "grace".to_owned(),
        Timer::Cloning => "cloning".to_owned(),
    }
}

fn tell_spot(graph: &Graph, step: StepIndex, place: &Place) -> String {
    let indices: Vec<String> = place.indices.iter().map(ToString::to_string).collect();
    let mut text = format!("{}[{}]", graph.step(step).name, indices.join(","));
    if place.iteration > 0 {
        let _ = write!(text, "+{}", place.iteration);
    }
    text
}

fn tell_verdict(graph: &Graph, verdict: &Verdict) -> String {
    let names = verdict
        .next
        .iter()
        .map(|step| graph.step(*step).name.clone());
    let names = names.collect::<Vec<_>>().join(", ");
    match (names.is_empty(), verdict.splits) {
        (true, _) => String::new(),
        (false, None) => format!(" -> {names}"),
        (false, Some(splits)) => format!(" -> {splits} x {names}"),
    }
}

/// Reads a place, such as `fit[2]` or `loop[]+3`.
///
/// # Errors
/// The text, if it isn't one.
pub fn read_spot(graph: &Graph, text: &str) -> Result<(StepIndex, Place), String> {
    let wrong = || format!("not a step and place: `{text}`");
    let (name, rest) = text.split_once('[').ok_or_else(wrong)?;
    let (indices, rest) = rest.split_once(']').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let indices = indices.split(',').filter(|index| !index.is_empty());
    Ok((
        graph.find(name).ok_or_else(wrong)?,
        Place {
            indices: indices.map(number).collect::<Result<_, _>>()?,
            iteration: match rest.strip_prefix('+') {
                Some(iteration) => number(iteration)?,
                None => 0,
            },
        },
    ))
}

fn read_attempt(text: &str) -> Result<(TaskNumber, AttemptNumber), String> {
    let wrong = || format!("not an attempt: `{text}`");
    let (task, attempt) = text.split_once('.').ok_or_else(wrong)?;
    Ok((
        task.parse().map_err(|_| wrong())?,
        attempt.parse().map_err(|_| wrong())?,
    ))
}

fn read_setting(step: &mut Step, word: &str) -> Result<(), String> {
    if word == "catch" {
        step.catch = Some(None);
        return Ok(());
    }
    let (name, value) = read_number(word)?;
    match name {
        "retry" => step.retry.times = u32::try_from(value).unwrap_or(u32::MAX),
        "pause" => step.retry.pause_ms = value,
        "timeout" => step.timeout_seconds = Some(value),
        "cpu" => step.resources.cpu_milli = value,
        "memory" => step.resources.memory_mib = value,
        "gpu" => step.resources.gpu = value,
        _ => return Err(format!("no such setting: `{word}`")),
    }
    Ok(())
}

fn read_number(word: &str) -> Result<(&str, u64), String> {
    let wrong = || format!("not a name=number: `{word}`");
    let (name, value) = word.split_once('=').ok_or_else(wrong)?;
    Ok((name, value.parse().map_err(|_| wrong())?))
}

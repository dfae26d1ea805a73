//! `show` and `check`: a flow without running it.

use console::style;

use crate::commands::flow::{judge, open};
use crate::context::Context;
use crate::error::CliError;
use crate::flow_args::{early, is_help};
use crate::grammar::FlowCommand;
use crate::output::{out, outln};

const SHOW: &str = "Print the flow's steps and where they lead";
const CHECK: &str = "Look for mistakes without running anything";
const DOT: &str = "Print the flow's steps for Graphviz";

/// Prints the steps and where they lead.
pub(crate) fn show(command: &FlowCommand) -> Result<u8, CliError> {
    if is_help("show", SHOW, &command.flow, &command.rest)? {
        return Ok(0);
    }
    let early = early(&command.rest)?;
    let opened = open(&Context::read()?, &command.flow, &early, true)?;
    let document = judge(&opened.description, early.json)?;
    if early.json {
        outln!(
            "{}",
            serde_json::to_string(&document).expect("plain data encodes")
        );
        return Ok(0);
    }
    out(format_args!("{}", document.graph.show(&document.flow)));
    outln!("\n{}", document.graph.draw().trim_end());
    Ok(0)
}

/// Looks for mistakes.
pub(crate) fn check(command: &FlowCommand) -> Result<u8, CliError> {
    if is_help("check", CHECK, &command.flow, &command.rest)? {
        return Ok(0);
    }
    let early = early(&command.rest)?;
    let opened = open(&Context::read()?, &command.flow, &early, true)?;
    let document = judge(&opened.description, early.json)?;
    let steps = document.flow.steps.len();
    if early.json {
        outln!(
            "{}",
            serde_json::json!({"flow": document.flow.name, "steps": steps, "findings": []})
        );
    } else {
        outln!(
            "{} {} is well-formed: {steps} steps.",
            style("✔").green(),
            document.flow.name
        );
        if let Some(reason) = &opened.description.unsafe_to_fork {
            outln!("  Its tasks start in fresh processes: {reason}.");
        }
        let run = command.flow.spell("run");
        outln!("  {} {run}", style("next").cyan());
    }
    Ok(0)
}

/// The graph for Graphviz.
pub(crate) fn dot(command: &FlowCommand) -> Result<u8, CliError> {
    if is_help("output-dot", DOT, &command.flow, &command.rest)? {
        return Ok(0);
    }
    let early = early(&command.rest)?;
    let opened = open(&Context::read()?, &command.flow, &early, true)?;
    let document = judge(&opened.description, early.json)?;
    outln!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box];",
        document.flow.name
    );
    for (_, step) in document.graph.iter() {
        outln!("  {};", step.name);
        for target in step.transition.targets() {
            outln!("  {} -> {};", step.name, document.graph.step(target).name);
        }
    }
    outln!("}}");
    Ok(0)
}

/// The graph as JSON.
pub(crate) fn raw(command: &FlowCommand) -> Result<u8, CliError> {
    let mut command = command.clone();
    command.rest.push("--json".to_owned());
    show(&command)
}

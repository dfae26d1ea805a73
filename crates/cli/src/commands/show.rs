//! `show` and `check`: a flow without running it.

use console::style;
use pave_graph::{Graph, Transition};

use crate::commands::flow::{judge, open};
use crate::context::Context;
use crate::error::CliError;
use crate::flow_args::early;
use crate::grammar::FlowCommand;

/// Prints the steps and where they lead.
pub(crate) fn show(command: &FlowCommand) -> Result<u8, CliError> {
    let early = early(&command.rest)?;
    let opened = open(&Context::read()?, &command.flow, &early, false)?;
    let document = judge(&opened.description, early.json)?;
    if early.json {
        println!(
            "{}",
            serde_json::to_string(&document).expect("plain data encodes")
        );
        return Ok(0);
    }
    let flow = &document.flow;
    println!("{}", style(&flow.name).bold());
    print_doc(&flow.doc, "");
    for step in &flow.steps {
        println!("\nStep {}", style(&step.name).bold().cyan());
        print_doc(&step.doc, "    ");
        let decorators: Vec<String> = step
            .decorators
            .iter()
            .map(|decorator| format!("@{}", decorator.name))
            .collect();
        if !decorators.is_empty() {
            println!("    {}", style(decorators.join(" ")).dim());
        }
        if let Some(index) = document.graph.find(&step.name) {
            let arrow = arrow(&document.graph, &document.graph.step(index).transition);
            println!("    => {arrow}");
        }
    }
    Ok(0)
}

fn print_doc(doc: &str, indent: &str) {
    for line in doc.trim().lines() {
        println!("{indent}{}", line.trim_end());
    }
}

fn arrow(graph: &Graph, transition: &Transition) -> String {
    let names = |steps: &[pave_graph::StepIndex]| {
        steps
            .iter()
            .map(|step| graph.step(*step).name.clone())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match transition {
        Transition::End => "(end)".to_owned(),
        Transition::Linear(step) => names(&[*step]),
        Transition::Split(steps) => names(steps),
        Transition::Foreach { child, artifact } => {
            let over = artifact.as_deref().unwrap_or("…");
            format!("{} for each of {over}", names(&[*child]))
        }
        Transition::Gang { child } => format!("{} as a gang", names(&[*child])),
        Transition::Switch { condition, cases } => {
            let cases: Vec<String> = cases
                .iter()
                .map(|(key, step)| format!("{key}: {}", graph.step(*step).name))
                .collect();
            format!("by {condition}: {}", cases.join(", "))
        }
    }
}

/// Looks for mistakes.
pub(crate) fn check(command: &FlowCommand) -> Result<u8, CliError> {
    let early = early(&command.rest)?;
    let opened = open(&Context::read()?, &command.flow, &early, false)?;
    let document = judge(&opened.description, early.json)?;
    let steps = document.flow.steps.len();
    if early.json {
        println!(
            "{}",
            serde_json::json!({"flow": document.flow.name, "steps": steps, "findings": []})
        );
    } else {
        println!(
            "{} {} is well-formed: {steps} steps.",
            style("✔").green(),
            document.flow.name
        );
        if let Some(reason) = &opened.description.unsafe_to_fork {
            println!("  Its tasks start in fresh processes: {reason}.");
        }
        let run = command.flow.spell("run");
        println!("  {} {run}", style("next").cyan());
    }
    Ok(0)
}

/// The graph for Graphviz.
pub(crate) fn dot(command: &FlowCommand) -> Result<u8, CliError> {
    let early = early(&command.rest)?;
    let opened = open(&Context::read()?, &command.flow, &early, false)?;
    let document = judge(&opened.description, early.json)?;
    println!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box];",
        document.flow.name
    );
    for (_, step) in document.graph.iter() {
        println!("  {};", step.name);
        for target in step.transition.targets() {
            println!("  {} -> {};", step.name, document.graph.step(target).name);
        }
    }
    println!("}}");
    Ok(0)
}

/// The graph as JSON.
pub(crate) fn raw(command: &FlowCommand) -> Result<u8, CliError> {
    let mut command = command.clone();
    command.rest.push("--json".to_owned());
    show(&command)
}

//! `resume`: go on from a run.

use pave_metadata::{Metadata, RunFilter, RunRecord};
use pave_model::{Code, FlowName, RunNumber, RunState};
use pave_runtime::{FlowDocument, ResumeFrom};

use crate::commands::flow::{judge, open};
use crate::commands::run::Plan;
use crate::context::Context;
use crate::error::CliError;
use crate::flow_args::{RunOptions, early, parse};
use crate::grammar::FlowCommand;

/// Resumes a run.
pub(crate) fn resume(command: &FlowCommand) -> Result<u8, CliError> {
    let early = early(&command.rest)?;
    let context = Context::read()?;
    let mut opened = open(&context, &command.flow, &early, true)?;
    let options = parse(
        "resume",
        &command.flow,
        &opened.description.flow,
        &command.rest,
    )?;
    let document = judge(&opened.description, early.json)?;
    let metadata = context.open()?;
    let run = origin(metadata.as_ref(), &document, &options, command)?;
    let rerun = match &options.step {
        Some(step) => Some(document.graph.find(step).ok_or_else(|| {
            let steps: Vec<&str> = document
                .graph
                .steps
                .iter()
                .map(|step| step.name.as_str())
                .collect();
            CliError::new(
                Code::R005,
                format!("`{}` has no step `{step}`", document.flow.name),
            )
            .hint(format!("its steps are {}", steps.join(", ")))
        })?),
        None => None,
    };
    let resume = Some(ResumeFrom { run, rerun });
    let plan = Plan {
        command,
        context: &context,
        options,
        resume,
    };
    plan.execute(metadata.as_ref(), &mut opened, document)
}

fn origin(
    metadata: &dyn Metadata,
    document: &FlowDocument,
    options: &RunOptions,
    command: &FlowCommand,
) -> Result<RunRecord, CliError> {
    let flow = FlowName::from(document.flow.name.as_str());
    let run = match &options.origin {
        Some(text) => named(metadata, &flow, text)?,
        None => latest(metadata, &flow, options, command)?,
    };
    if run.state_now() == RunState::Running {
        let message = format!("run {flow}/{} is still running", run.number);
        return Err(CliError::new(Code::R004, message)
            .hint("wait for it, or stop it with Ctrl-C where it runs"));
    }
    Ok(run)
}

fn named(metadata: &dyn Metadata, flow: &FlowName, text: &str) -> Result<RunRecord, CliError> {
    let unknown = || {
        CliError::new(Code::M004, format!("`{flow}` has no run {text} to resume"))
            .hint(format!("`pave runs {flow}` lists its runs"))
    };
    let part = match text.rsplit_once('/') {
        Some((name, number)) => (name == flow.as_str()).then_some(number),
        None => Some(text),
    };
    let number = part.and_then(|part| part.parse().ok()).map(RunNumber);
    let number = number.ok_or_else(unknown)?;
    metadata.find_run(flow, number)?.ok_or_else(unknown)
}

/// The latest run that did not succeed; with a step to begin at, simply the latest.
fn latest(
    metadata: &dyn Metadata,
    flow: &FlowName,
    options: &RunOptions,
    command: &FlowCommand,
) -> Result<RunRecord, CliError> {
    let filter = RunFilter {
        flow: Some(flow.clone()),
        limit: 50,
        ..RunFilter::default()
    };
    let runs = metadata.list_runs(&filter)?;
    let unfinished = |run: &&RunRecord| {
        options.step.is_some()
            || matches!(run.state_now(), RunState::Failed | RunState::Interrupted)
    };
    match (runs.iter().find(unfinished), runs.first()) {
        (Some(run), _) => Ok(run.clone()),
        (None, Some(newest)) => {
            let message = format!("no run of `{flow}` failed or was interrupted");
            let step = command
                .flow
                .spell(&format!("resume STEP --origin-run-id {}", newest.number));
            Err(CliError::new(Code::R004, message).hint(format!(
                "to execute a step of run {} anew: `{step}`",
                newest.number
            )))
        }
        (None, None) => Err(
            CliError::new(Code::R004, format!("`{flow}` has no runs yet"))
                .hint(format!("start one with `{}`", command.flow.spell("run"))),
        ),
    }
}

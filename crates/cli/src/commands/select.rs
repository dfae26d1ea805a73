//! Finds what a path name means: `[Flow/]run/step/task`, where a flow file leaves out its name.

use pave_metadata::{Metadata, RunFilter, RunRecord, TaskFilter, TaskRecord};
use pave_model::{Code, Pathspec};

use crate::error::CliError;

/// A path name as given on the command line.
pub(crate) fn pathspec(flow: Option<&str>, text: &str) -> Result<Pathspec, CliError> {
    let begins_with_run = text
        .split('/')
        .next()
        .is_some_and(|part| part.parse::<u64>().is_ok());
    match flow {
        Some(flow) if begins_with_run => Ok(format!("{flow}/{text}").parse()?),
        _ => Ok(text.parse()?),
    }
}

/// The run that a path name means; the flow's latest if it names none.
pub(crate) fn run(metadata: &dyn Metadata, path: &Pathspec) -> Result<RunRecord, CliError> {
    let found = match path.run {
        Some(number) => metadata.find_run(&path.flow, number)?,
        None => {
            let flow = Some(path.flow.clone());
            let latest = RunFilter {
                flow,
                limit: 1,
                ..RunFilter::default()
            };
            metadata.list_runs(&latest)?.into_iter().next()
        }
    };
    found.ok_or_else(|| {
        let flows = metadata.list_flows(&[]).unwrap_or_default();
        let hint = if flows.contains(&path.flow) {
            format!("`pave runs {}` lists its runs", path.flow)
        } else {
            let names: Vec<&str> = flows.iter().map(|flow| flow.as_str()).collect();
            format!("flows in this store: {}", names.join(", "))
        };
        CliError::new(Code::M004, format!("there is no run {path}")).hint(hint)
    })
}

/// The tasks of a run that a path name means. A step or task that is named must be there.
pub(crate) fn tasks(
    metadata: &dyn Metadata,
    run: &RunRecord,
    path: &Pathspec,
) -> Result<Vec<TaskRecord>, CliError> {
    let filter = TaskFilter {
        step: path.step.clone(),
        ..TaskFilter::default()
    };
    let mut tasks = metadata.list_tasks(run.id, &filter)?;
    tasks.retain(|task| path.task.is_none_or(|number| number == task.task));
    let is_named = path.step.is_some() || path.task.is_some();
    if tasks.is_empty() && is_named {
        let mut steps: Vec<String> = metadata
            .list_steps(run.id)?
            .into_iter()
            .map(|step| step.0)
            .collect();
        steps.retain(|step| !step.starts_with('_'));
        let hint = match &path.step {
            Some(step) if steps.contains(&step.0) => {
                format!(
                    "`pave dump {}/{}/{step}` lists the step's tasks",
                    run.flow, run.number
                )
            }
            _ => format!("the run has reached the steps {}", steps.join(", ")),
        };
        return Err(CliError::new(Code::M004, format!("there is no task {path}")).hint(hint));
    }
    Ok(tasks)
}

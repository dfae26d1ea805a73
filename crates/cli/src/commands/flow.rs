//! Opens a flow file: its worker, its description, its graph.

use std::path::PathBuf;

use console::style;
use pave_exec::{Executor, FOUND_WORKER, FoundWorker, LocalExecutor, WorkerSpec, find_python};
use pave_graph::{Finding, validate};
use pave_model::Code;
use pave_protocol::Description;
use pave_runtime::FlowDocument;

use crate::context::{Context, variable};
use crate::error::CliError;
use crate::flow_args::Early;
use crate::grammar::FlowFile;
use crate::output::{errln, outln};

/// A flow file whose worker is up.
pub(crate) struct OpenFlow {
    pub(crate) executor: LocalExecutor,
    pub(crate) description: Description,
}

/// Starts the worker, which begins to import the file.
pub(crate) fn start(
    context: &Context,
    flow: &FlowFile,
    early: &Early,
    guarded: bool,
) -> Result<LocalExecutor, CliError> {
    let given = flow
        .python
        .clone()
        .or_else(|| variable("PAVE_PYTHON").map(PathBuf::from));
    let path = variable("PATH").unwrap_or_default();
    let virtual_env = variable("VIRTUAL_ENV").map(PathBuf::from);
    let spec = WorkerSpec {
        interpreter: find_python(given.as_deref(), &path, virtual_env.as_deref()),
        file: flow.file.clone(),
        class: flow.class.clone(),
        store: context.store.folder.clone(),
        with: early.with.clone(),
        fork: early.fork,
        found: variable(FOUND_WORKER).and_then(|text| FoundWorker::parse(&text)),
        guard: if guarded {
            std::env::current_exe().ok()
        } else {
            None
        },
    };
    Ok(LocalExecutor::start(spec)?)
}

/// Waits for the import.
pub(crate) fn open(
    context: &Context,
    flow: &FlowFile,
    early: &Early,
    guarded: bool,
) -> Result<OpenFlow, CliError> {
    let mut executor = start(context, flow, early, guarded)?;
    let description = executor.describe()?;
    Ok(OpenFlow {
        executor,
        description,
    })
}

/// Judges the flow; every finding is printed.
pub(crate) fn judge(description: &Description, json: bool) -> Result<FlowDocument, CliError> {
    match validate(&description.flow) {
        Ok(graph) => Ok(FlowDocument {
            flow: description.flow.clone(),
            graph,
        }),
        Err(findings) => {
            let name = &description.flow.name;
            let first = findings.first().map_or(Code::G007, |finding| finding.code);
            let count = findings.len();
            let words = match count {
                1 => format!("`{name}` has a mistake and was not run"),
                _ => format!("`{name}` has {count} mistakes and was not run"),
            };
            let error = CliError::new(first, words);
            if json {
                let object = serde_json::json!({"error": {
                    "code": first, "message": error.message, "findings": findings,
                }});
                outln!("{object}");
                return Err(CliError {
                    printed: true,
                    ..error
                });
            }
            findings.iter().for_each(print_finding);
            Err(error.hint("mend the places above; `check` looks again without running anything"))
        }
    }
}

fn print_finding(finding: &Finding) {
    let head = style(format!("error[{}]", finding.code))
        .for_stderr()
        .red()
        .bold();
    errln!("{head}: {}", finding.message);
    let bar = style("|").for_stderr().dim();
    errln!(
        "  {} {}:{}",
        style("-->").for_stderr().dim(),
        finding.file,
        finding.line
    );
    if !finding.source.is_empty() {
        errln!("{:>5} {bar} {}", finding.line, finding.source);
    }
    if !finding.hint.is_empty() {
        errln!(
            "      {} {}",
            style("next").for_stderr().cyan(),
            finding.hint
        );
    }
    errln!();
}

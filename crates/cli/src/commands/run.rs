//! `run`: from a flow file to a finished run.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use pave_graph::{FlowSpec, StepSpec};
use pave_metadata::{Metadata, RunRecord};
use pave_model::{Code, RunState};
use pave_protocol::Description;
use pave_runtime::{Driver, FlowDocument, ResumeFrom, RunReport, RunRequest, Signals};

use crate::commands::flow::{OpenFlow, judge, open};
use crate::context::Context;
use crate::error::CliError;
use crate::flow_args::{RunOptions, early, parse};
use crate::grammar::FlowCommand;
use crate::output::errln;
use crate::screen::{Look, Screen};

/// Runs a flow.
pub(crate) fn run(command: &FlowCommand) -> Result<u8, CliError> {
    let early = early(&command.rest)?;
    let context = Context::read()?;
    let mut opened = open(&context, &command.flow, &early, true)?;
    // Only parameters that hold together can be options.
    let document = judge(&opened.description, early.json)?;
    let options = parse("run", &command.flow, &document.flow, &command.rest)?;
    let metadata = context.open_or_create()?;
    let plan = Plan {
        command,
        context: &context,
        options,
        resume: None,
    };
    plan.execute(metadata.as_ref(), &mut opened, document)
}

/// A run to execute: new, or going on from another.
pub(crate) struct Plan<'a> {
    pub(crate) command: &'a FlowCommand,
    pub(crate) context: &'a Context,
    pub(crate) options: RunOptions,
    pub(crate) resume: Option<ResumeFrom>,
}

impl Plan<'_> {
    /// Drives the run to its end; the exit status.
    pub(crate) fn execute(
        self,
        metadata: &dyn Metadata,
        opened: &mut OpenFlow,
        document: FlowDocument,
    ) -> Result<u8, CliError> {
        check_tags(&self.options.tags)?;
        if !self.options.quiet && !self.options.json {
            note_idle_decorators(&document.flow);
        }
        let mut signals = Signals::install().map_err(|error| {
            CliError::new(Code::W003, "cannot listen for Ctrl-C").caused_by(&error)
        })?;
        // Computing defaults runs the user's code: Ctrl-C must get through to it.
        let wake = signals.descriptor().try_clone_to_owned().map_err(|error| {
            CliError::new(Code::W003, "cannot listen for Ctrl-C").caused_by(&error)
        })?;
        opened.executor.interrupt_by(wake);
        let request = self.request(&opened.description, document.clone())?;
        let run_id_file = self.options.run_id_file.as_deref();
        let run_id_file = run_id_file.map(RunIdFile::open).transpose()?;
        let driver = Driver::create(metadata, &mut opened.executor, request)?;
        let record = driver.record().clone();
        if let Some(file) = run_id_file {
            file.write(&record)?;
        }
        let look = Look::choose(self.options.json, self.options.quiet);
        let mut screen = Screen::new(look, &document, &record, self.command.flow.clone());
        let driven = driver.drive(&mut signals, &mut screen);
        screen.close();
        match driven {
            Ok(report) => Ok(exit_code(&report)),
            Err(error) => Err(self.stopped(&record, error.into())),
        }
    }

    fn request(
        &self,
        description: &Description,
        document: FlowDocument,
    ) -> Result<RunRequest, CliError> {
        let user = self.context.user.clone();
        let given = match &self.resume {
            Some(resume) => resume.run.parameters.clone(),
            None => given_text(&document.flow, &self.options)?,
        };
        let system_tags = vec![
            format!("user:{user}"),
            "runtime:dev".to_owned(),
            format!(
                "{}_version:{}",
                document.flow.language, description.language_version
            ),
            format!("pave_version:{}", description.sdk_version),
        ];
        let namespace = self.options.namespace.clone();
        Ok(RunRequest {
            document,
            given,
            limits: self.options.limits,
            namespace: namespace.unwrap_or_else(|| format!("user:{user}")),
            user,
            tags: self.options.tags.clone(),
            system_tags,
            store: self.context.store.folder.clone(),
            resume: self.resume.clone(),
        })
    }

    /// The runtime itself had to give up.
    fn stopped(&self, run: &RunRecord, error: CliError) -> CliError {
        let resume = self
            .command
            .flow
            .spell(&format!("resume --origin-run-id {}", run.number));
        let words = format!(
            "run {}/{} had to stop; what had been committed is kept",
            run.flow, run.number
        );
        let mut causes = vec![error.message];
        causes.extend(error.causes);
        let hint = match error.hint.is_empty() {
            true => format!("then go on with `{resume}`"),
            false => format!("{}; then go on with `{resume}`", error.hint),
        };
        CliError {
            causes,
            hint,
            ..CliError::new(error.code, words)
        }
    }
}

/// Step decorators that are taken as they are written but do nothing on one machine.
const IDLE: [&str; 7] = [
    "batch",
    "card",
    "conda",
    "kubernetes",
    "pypi",
    "pytorch_parallel",
    "secrets",
];

/// Says which decorators of the flow will do nothing, so that nobody waits for their effect.
fn note_idle_decorators(flow: &FlowSpec) {
    for name in IDLE {
        let has = |step: &&StepSpec| step.decorators.iter().any(|it| it.name == name);
        let steps: Vec<&str> = flow
            .steps
            .iter()
            .filter(has)
            .map(|step| step.name.as_str())
            .collect();
        if !steps.is_empty() {
            let steps = steps.join("`, `");
            errln!("note: @{name} has no effect here; `{steps}` runs as if it were not there");
        }
    }
}

fn exit_code(report: &RunReport) -> u8 {
    u8::from(report.run.state != RunState::Succeeded)
}

fn given_text(flow: &FlowSpec, options: &RunOptions) -> Result<String, CliError> {
    for parameter in &flow.parameters {
        let given = options.given.get(&parameter.name);
        let value = given.unwrap_or(&parameter.default).as_str();
        let is_file = parameter.kind == pave_graph::ParameterType::File;
        let is_wrong = |file: &&str| !Path::new(file).exists() || Path::new(file).is_dir();
        if let Some(file) = value.filter(|file| is_file && is_wrong(file)) {
            let message = format!("--{} names {file}, which is no file", parameter.name);
            return Err(CliError::usage(Code::P002, message).hint("check the path"));
        }
    }
    Ok(serde_json::Value::Object(options.given.clone()).to_string())
}

fn check_tags(tags: &[String]) -> Result<(), CliError> {
    let wrong = tags
        .iter()
        .find(|tag| tag.is_empty() || tag.chars().count() > 500);
    if wrong.is_some() || tags.len() > 50 {
        return Err(CliError::usage(
            Code::C002,
            "a tag is empty, too long, or there are too many",
        )
        .hint("tags are 1 to 500 characters, at most 50 for a run"));
    }
    Ok(())
}

/// The file of `--run-id-file`, opened before there is a run: what can't be written is told early.
struct RunIdFile<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> RunIdFile<'a> {
    fn open(path: &'a Path) -> Result<Self, CliError> {
        let opened = File::options().append(true).create(true).open(path);
        opened
            .map(|file| Self { path, file })
            .map_err(|error| cannot_write(path, &error))
    }

    fn write(mut self, run: &RunRecord) -> Result<(), CliError> {
        // A pipe has no length to set.
        let _ = self.file.set_len(0);
        self.file
            .write_all(run.number.to_string().as_bytes())
            .map_err(|error| cannot_write(self.path, &error))
    }
}

fn cannot_write(file: &Path, error: &std::io::Error) -> CliError {
    let message = format!("cannot write the run's number to {}", file.display());
    CliError::new(Code::C003, message)
        .caused_by(error)
        .hint("name a file that can be written with --run-id-file")
}

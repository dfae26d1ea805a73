//! `run`: from a flow file to a finished run.

use std::path::Path;

use pave_graph::FlowSpec;
use pave_metadata::{Metadata, RunRecord};
use pave_model::{Code, RunState};
use pave_protocol::Description;
use pave_runtime::{Driver, FlowDocument, ResumeFrom, RunReport, RunRequest, Signals};

use crate::commands::flow::{OpenFlow, judge, open};
use crate::context::Context;
use crate::error::CliError;
use crate::flow_args::{RunOptions, early, parse};
use crate::grammar::FlowCommand;
use crate::screen::{Look, Screen};

/// Runs a flow.
pub(crate) fn run(command: &FlowCommand) -> Result<u8, CliError> {
    let early = early(&command.rest)?;
    let context = Context::read()?;
    let mut opened = open(&context, &command.flow, &early, true)?;
    let options = parse("run", &opened.description.flow, &command.rest)?;
    let document = judge(&opened.description, early.json)?;
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
        let mut signals = Signals::install().map_err(|error| {
            CliError::new(Code::W003, "cannot listen for Ctrl-C").because(&error)
        })?;
        let request = self.request(&opened.description, document.clone())?;
        let driver = Driver::create(metadata, &mut opened.executor, request)?;
        let record = driver.record().clone();
        if let Some(file) = &self.options.run_id_file {
            write_run_id(file, &record)?;
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
            "runtime:local".to_owned(),
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

fn exit_code(report: &RunReport) -> u8 {
    u8::from(report.run.state != RunState::Succeeded)
}

fn given_text(flow: &FlowSpec, options: &RunOptions) -> Result<String, CliError> {
    for parameter in &flow.parameters {
        let value = options
            .given
            .get(&parameter.name)
            .and_then(serde_json::Value::as_str);
        let is_file = parameter.kind == pave_graph::ParameterType::File;
        if let Some(file) = value.filter(|file| is_file && !Path::new(file).is_file()) {
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

fn write_run_id(file: &Path, run: &RunRecord) -> Result<(), CliError> {
    std::fs::write(file, run.number.to_string()).map_err(|error| {
        CliError::new(
            Code::C003,
            format!("cannot write the run's number to {}", file.display()),
        )
        .because(&error)
        .hint("name a file that can be written with --run-id-file")
    })
}

//! Before the first step: parameters, the origin, the run's row.

use std::collections::HashSet;
use std::sync::Arc;

use pave_artifact::Manifest;
use pave_exec::Executor;
use pave_metadata::{AttemptRecord, Commit, ManifestRecord, Metadata, NewRun, Owner, RunRecord};
use pave_model::{AttemptNumber, AttemptState, StepName, TaskNumber, TaskState};
use pave_scheduler::{Place, Scheduler};

use crate::RuntimeError;
use crate::clock::now;
use crate::crash::crash_point;
use crate::driver::{RunRequest, options};
use crate::launch::Launcher;
use crate::origin::{OriginTasks, load_origin};
use crate::prepare::PARAMETERS_STEP;
use crate::records::new_task;

/// A run that is ready to be driven.
pub(crate) struct Prepared {
    pub(crate) run: RunRecord,
    pub(crate) scheduler: Scheduler,
    pub(crate) launcher: Launcher,
    pub(crate) origin: OriginTasks,
}

pub(crate) fn begin(
    metadata: &dyn Metadata,
    executor: &mut dyn Executor,
    request: &RunRequest,
) -> Result<Prepared, RuntimeError> {
    let graph = Arc::new(request.document.graph.clone());
    let mut origin = match &request.resume {
        Some(resume) => load_origin(metadata, &resume.run, &graph)?,
        None => OriginTasks::default(),
    };
    let rerun = request.resume.as_ref().and_then(|resume| resume.rerun);
    let for_scheduler = request
        .resume
        .is_some()
        .then(|| std::mem::take(&mut origin.for_scheduler));
    let scheduler = Scheduler::new(graph, options(&request.limits), for_scheduler, rerun);
    scheduler.fits().map_err(|error| RuntimeError::TooLarge {
        message: error.to_string(),
    })?;

    let before = match origin.parameters {
        Some(id) => Some(crate::effective_manifest(metadata, id)?),
        None => None,
    };
    let parameters = match &before {
        Some(before) => {
            let given = settled(request, before);
            let computed = executor.parameters(&given, &request.user)?;
            with_origin_values(request, &computed, before)?
        }
        None => executor.parameters(&request.given, &request.user)?,
    };
    crash_point("before the run exists");
    let run = metadata.create_run(&new_run(request))?;
    crash_point("after the run exists");
    let id = store_parameters(metadata, &run, &parameters)?;
    let launcher = Launcher::new(id, parameters);
    Ok(Prepared {
        run,
        scheduler,
        launcher,
        origin,
    })
}

fn new_run(request: &RunRequest) -> NewRun {
    NewRun {
        flow: request.document.flow.name.as_str().into(),
        user: request.user.clone(),
        created_at: now(),
        origin: request.resume.as_ref().map(|resume| resume.run.number),
        owner: Owner::current(1),
        tags: request.tags.clone(),
        system_tags: request.system_tags.clone(),
        flow_spec: serde_json::to_string(&request.document).expect("plain data encodes"),
        parameters: request.given.clone(),
        file: request.document.flow.file.clone(),
    }
}

/// What the worker is given on resume: nothing stands for each parameter that the origin has, so
/// that no function computes it again and no file is read for it.
fn settled(request: &RunRequest, before: &Manifest) -> String {
    let known: HashSet<&str> = before.iter().map(|entry| entry.name.as_str()).collect();
    let parameters = request.document.flow.parameters.iter();
    let nothing = parameters
        .filter(|it| known.contains(it.attribute.as_str()))
        .map(|it| (it.name.clone(), serde_json::Value::Null));
    serde_json::Value::Object(nothing.collect()).to_string()
}

/// A resumed run has its origin's parameters, by reference, and the constants of today's code.
fn with_origin_values(
    request: &RunRequest,
    computed: &[u8],
    before: &Manifest,
) -> Result<Vec<u8>, RuntimeError> {
    let names: HashSet<&str> = request
        .document
        .flow
        .parameters
        .iter()
        .map(|it| it.attribute.as_str())
        .collect();
    let mut manifest = Manifest::decode(computed).map_err(|error| RuntimeError::Manifest {
        task: PARAMETERS_STEP.to_owned(),
        reason: error.to_string(),
    })?;
    for entry in before.iter() {
        if names.contains(entry.name.as_str()) {
            manifest.put(entry.clone());
        }
    }
    Ok(manifest.encode())
}

fn store_parameters(
    metadata: &dyn Metadata,
    run: &RunRecord,
    parameters: &[u8],
) -> Result<i64, RuntimeError> {
    let at = now();
    let mut task = new_task(
        TaskNumber::PARAMETERS,
        PARAMETERS_STEP,
        &Place::default(),
        &[],
        at,
    );
    task.step = StepName::from(PARAMETERS_STEP);
    task.state = TaskState::Succeeded;
    task.attempt = Some(AttemptNumber(0));
    task.finished_at = Some(at);
    task.manifest = Some(-1);
    let attempt = AttemptRecord {
        task: TaskNumber::PARAMETERS,
        attempt: AttemptNumber(0),
        state: AttemptState::Succeeded,
        started_at: at,
        finished_at: Some(at),
        pid: 0,
        manifest: Some(-1),
        failure: Vec::new(),
    };
    let commit = Commit {
        token: run.owner.token,
        first_event: 1,
        manifests: vec![ManifestRecord {
            id: -1,
            base: None,
            bytes: parameters.to_vec(),
        }],
        tasks: vec![task],
        attempts: vec![attempt],
        ..Commit::default()
    };
    let keys = metadata.commit(run.id, &commit)?;
    Ok(keys[0])
}

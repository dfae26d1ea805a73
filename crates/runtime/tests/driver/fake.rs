//! An executor whose tasks are closures, and flows to run on it.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use pave_artifact::{Blobs, Encoding, Manifest, value::ValueWriter};
use pave_exec::{End, ExecError, ExecEvent, Executor, Output, Session};
use pave_graph::{Decorator, FlowSpec, StepSpec, Tail, Target, validate};
use pave_metadata::Metadata;
use pave_protocol::{Description, Failure, FailureKind, Finished, Outcome, Taken, TaskSpec};
use pave_runtime::{
    Driver, FlowDocument, Limits, Notice, Observer, ResumeFrom, RunReport, RunRequest,
    RuntimeError, Signals,
};
use pave_scheduler::Scheduler;

/// What a scripted task does.
pub(crate) enum Does {
    /// Succeeds; leaves one artifact of this name and value.
    Leaves(&'static str, i64),
    /// Succeeds and fans out.
    FansOut(u64),
    /// Raises.
    Raises(&'static str),
    /// Its process is killed.
    Dies,
    /// Its worker is lost.
    IsLost,
    /// Prints this, then succeeds.
    Prints(&'static str),
}

type Script = Box<dyn FnMut(&TaskSpec) -> Does>;

pub(crate) struct FakeExecutor {
    script: Script,
    folder: std::path::PathBuf,
    waiting: VecDeque<(Session, TaskSpec)>,
    /// Steps in the order they were launched, with their attempts.
    pub(crate) launched: Vec<(String, u32)>,
    pub(crate) is_shut: bool,
}

impl FakeExecutor {
    pub(crate) fn new(folder: &Path, script: impl FnMut(&TaskSpec) -> Does + 'static) -> Self {
        Self {
            script: Box::new(script),
            folder: folder.to_owned(),
            waiting: VecDeque::new(),
            launched: Vec::new(),
            is_shut: false,
        }
    }

    fn manifest(&self, name: &str, value: i64) -> Vec<u8> {
        let mut writer = ValueWriter::new();
        writer.int(value).unwrap();
        let bytes = writer.finish().unwrap();
        let stored = Blobs::open(&self.folder).put(&[&bytes]).unwrap();
        let mut manifest = Manifest::new();
        manifest.put(stored.into_entry(name, Encoding::Value, "builtins.int", "int"));
        manifest.encode()
    }

    fn next_of(spec: &TaskSpec) -> Vec<String> {
        let next = match spec.step.as_str() {
            "start" => "work",
            "work" => "join",
            "join" => "end",
            _ => return Vec::new(),
        };
        vec![next.to_owned()]
    }

    fn answer(&mut self, session: Session, spec: &TaskSpec, events: &mut Vec<ExecEvent>) {
        let taken = |splits| Taken {
            steps: Self::next_of(spec),
            splits,
            labels: Vec::new(),
        };
        let empty = Manifest::new().encode();
        let (outcome, manifest) = match (self.script)(spec) {
            Does::Leaves(name, value) => (succeeded(taken(None)), self.manifest(name, value)),
            Does::FansOut(count) => (succeeded(taken(Some(count))), empty),
            Does::Prints(text) => {
                let bytes = text.as_bytes().to_vec();
                events.push(ExecEvent::Printed {
                    session,
                    output: Output::Stdout,
                    bytes,
                });
                (succeeded(taken(None)), empty)
            }
            Does::Raises(message) => {
                let failure = Failure {
                    kind: FailureKind::Raised,
                    exception: "builtins.ValueError".to_owned(),
                    message: message.to_owned(),
                    traceback: String::new(),
                };
                (Outcome::Failed(failure), empty)
            }
            Does::Dies => {
                events.push(ExecEvent::Ended {
                    session,
                    end: End::Killed(11),
                });
                return;
            }
            Does::IsLost => {
                let end = End::Lost("gone".to_owned());
                events.push(ExecEvent::Ended { session, end });
                return;
            }
        };
        let finished = Box::new(Finished {
            outcome,
            manifest,
            body_ms: 1,
        });
        events.push(ExecEvent::Finished { session, finished });
    }
}

fn succeeded(taken: Taken) -> Outcome {
    Outcome::Succeeded {
        taken,
        caught: None,
    }
}

impl Executor for FakeExecutor {
    fn describe(&mut self) -> Result<Description, ExecError> {
        unreachable!("the tests bring their own flow")
    }

    fn parameters(&mut self, _given: &str, _user: &str) -> Result<Vec<u8>, ExecError> {
        Ok(self.manifest("alpha", 5))
    }

    fn launch(&mut self, session: Session, task: TaskSpec) {
        self.launched.push((task.step.clone(), task.attempt));
        self.waiting.push_back((session, task));
    }

    fn stop(&mut self, session: Session) {
        self.waiting.retain(|(other, _)| *other != session);
    }

    fn wait(
        &mut self,
        _limit: Duration,
        _wake: Option<BorrowedFd<'_>>,
    ) -> Result<Vec<ExecEvent>, ExecError> {
        let mut events = Vec::new();
        if let Some((session, spec)) = self.waiting.pop_front() {
            events.push(ExecEvent::Started { session, pid: 4711 });
            self.answer(session, &spec, &mut events);
        }
        Ok(events)
    }

    fn shutdown(&mut self) {
        self.is_shut = true;
    }
}

/// Keeps the lines and the notices' names.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) lines: Vec<String>,
    pub(crate) cloned: u64,
    pub(crate) failed_attempts: u64,
}

impl Observer for Seen {
    fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Line { task, text, .. } => self.lines.push(format!("{task}: {text}")),
            Notice::Cloned { count, .. } => self.cloned += count,
            Notice::AttemptFailed { .. } => self.failed_attempts += 1,
            _ => {}
        }
    }

    fn tick(&mut self, _scheduler: &Scheduler) {}
}

fn step(name: &str, inputs: i32, targets: &[&str], foreach: Option<&str>) -> StepSpec {
    let tail = if targets.is_empty() {
        Tail::None
    } else {
        Tail::Next {
            line: 1,
            source: String::new(),
            targets: targets
                .iter()
                .map(|name| Target::Step((*name).to_owned()))
                .collect(),
            foreach: foreach.map(|name| Some(name.to_owned())),
            num_parallel: false,
            condition: None,
            unknown_keywords: Vec::new(),
            cases: None,
        }
    };
    StepSpec {
        name: name.to_owned(),
        inputs,
        tail,
        ..StepSpec::default()
    }
}

/// start → work for each of xs → join → end, with decorators on work.
pub(crate) fn foreach_flow(decorators: Vec<Decorator>) -> FlowDocument {
    let mut work = step("work", 0, &["join"], None);
    work.decorators = decorators;
    document(vec![
        step("start", 0, &["work"], Some("xs")),
        work,
        step("join", 1, &["end"], None),
        step("end", 0, &[], None),
    ])
}

fn document(steps: Vec<StepSpec>) -> FlowDocument {
    let flow = FlowSpec {
        name: "F".to_owned(),
        language: "python".to_owned(),
        file: "f.py".to_owned(),
        steps,
        ..FlowSpec::default()
    };
    let graph = validate(&flow).unwrap();
    FlowDocument { flow, graph }
}

pub(crate) fn retry(times: u64) -> Decorator {
    let mut decorator = Decorator {
        name: "retry".to_owned(),
        ..Decorator::default()
    };
    decorator
        .attributes
        .insert("times".to_owned(), times.into());
    decorator
}

/// Runs a flow in a folder.
pub(crate) fn run(
    folder: &Path,
    metadata: &dyn Metadata,
    executor: &mut FakeExecutor,
    document: FlowDocument,
    resume: Option<ResumeFrom>,
) -> Result<(RunReport, Seen), RuntimeError> {
    let request = RunRequest {
        document,
        given: "{}".to_owned(),
        limits: Limits {
            grace_ms: 0,
            ..Limits::default()
        },
        user: "ada".to_owned(),
        namespace: "user:ada".to_owned(),
        tags: vec!["t".to_owned()],
        system_tags: vec!["user:ada".to_owned()],
        store: folder.to_owned(),
        resume,
    };
    let mut seen = Seen::default();
    let driver = Driver::create(metadata, executor, request)?;
    let report = driver.drive(&mut Signals::install().unwrap(), &mut seen)?;
    Ok((report, seen))
}

//! An executor with a scripted worker, and what it told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pave_exec::{End, ExecEvent, Executor, ForkMode, LocalExecutor, Output, Session, WorkerSpec};
use pave_protocol::{Finished, TaskSpec};

use crate::processes::lives;

/// Nothing here takes as long, however busy the machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The program that stands in for the interpreter and the guard.
pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_scripted-worker");

/// An executor whose flow is described.
pub(crate) struct Stage {
    pub(crate) executor: LocalExecutor,
    pub(crate) folder: Folder,
    stories: BTreeMap<Session, Story>,
}

/// Where a worker's script is.
pub(crate) struct Folder(tempfile::TempDir);

/// What became of an attempt so far.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) pid: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    pub(crate) last: Option<Last>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Last {
    Finished(Box<Finished>),
    Ended(End),
}

impl Folder {
    /// A script of these moods.
    pub(crate) fn new(moods: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("flow.py"), moods).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A pipe with a name: opening it waits for the other side.
    pub(crate) fn fifo(&self, name: &str) -> String {
        let path = self.path(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn spec(&self, fork: ForkMode) -> WorkerSpec {
        WorkerSpec {
            interpreter: WORKER.into(),
            file: self.path("flow.py"),
            store: self.path("store"),
            fork,
            guard: Some(WORKER.into()),
            ..WorkerSpec::default()
        }
    }

    /// The worker that started last.
    pub(crate) fn worker(&self) -> i32 {
        let text = std::fs::read_to_string(self.path("flow.worker")).unwrap();
        text.parse().unwrap()
    }
}

impl Stage {
    /// A worker with these moods.
    pub(crate) fn new(moods: &str) -> Self {
        Self::in_mode(ForkMode::Auto, moods)
    }

    pub(crate) fn in_mode(fork: ForkMode, moods: &str) -> Self {
        let folder = Folder::new(moods);
        Self::of(folder.spec(fork), folder)
    }

    pub(crate) fn of(spec: WorkerSpec, folder: Folder) -> Self {
        let mut executor = LocalExecutor::start(spec).unwrap();
        executor.describe().unwrap();
        let stories = BTreeMap::new();
        Self {
            executor,
            folder,
            stories,
        }
    }

    /// Both ways to start a task, one after the other.
    pub(crate) fn both(test: impl Fn(Self)) {
        for fork in [ForkMode::Auto, ForkMode::Never] {
            test(Self::in_mode(fork, ""));
        }
    }

    /// Starts a task that does these things.
    pub(crate) fn launch(&mut self, actions: &[&str]) -> Session {
        self.launch_spec(task(actions))
    }

    pub(crate) fn launch_spec(&mut self, spec: TaskSpec) -> Session {
        let session = self.stories.len() as Session + 1;
        self.stories.insert(session, Story::default());
        self.executor.launch(session, spec);
        session
    }

    /// Starts a task and waits for its end.
    pub(crate) fn run(&mut self, actions: &[&str]) -> &Story {
        let session = self.launch(actions);
        self.until_over(session)
    }

    pub(crate) fn story(&self, session: Session) -> &Story {
        &self.stories[&session]
    }

    pub(crate) fn until_over(&mut self, session: Session) -> &Story {
        self.until(session, |story| story.last.is_some())
    }

    /// Waits until something is true of an attempt.
    pub(crate) fn until(&mut self, session: Session, is_so: impl Fn(&Story) -> bool) -> &Story {
        let began = Instant::now();
        while !is_so(self.story(session)) {
            let story = self.story(session);
            assert!(began.elapsed() < LONG, "nothing more became of {story:?}");
            self.take_in(Duration::from_secs(1));
        }
        self.story(session)
    }

    /// Waits, as a runtime does for other tasks, until processes have ended.
    pub(crate) fn until_dead(&mut self, pids: &[i32]) {
        let began = Instant::now();
        while pids.iter().any(|pid| lives(*pid)) {
            assert!(began.elapsed() < LONG, "some of {pids:?} live on");
            self.take_in(Duration::from_millis(5));
        }
    }

    /// Waits once. Events come in the order that the port promises.
    pub(crate) fn take_in(&mut self, limit: Duration) {
        for event in self.executor.wait(limit, None).unwrap() {
            let session = match &event {
                ExecEvent::Started { session, .. }
                | ExecEvent::Printed { session, .. }
                | ExecEvent::Finished { session, .. }
                | ExecEvent::Ended { session, .. } => *session,
            };
            let story = self.stories.get_mut(&session).unwrap();
            assert_eq!(story.last, None, "followed by {event:?}");
            story.add(event);
        }
    }
}

impl Story {
    fn add(&mut self, event: ExecEvent) {
        match event {
            ExecEvent::Started { pid, .. } => assert_eq!(self.pid.replace(pid), None),
            ExecEvent::Printed { output, bytes, .. } => {
                assert!(self.pid.is_some(), "it printed before it started");
                assert!(!bytes.is_empty());
                match output {
                    Output::Stdout => self.out.extend(bytes),
                    Output::Stderr => self.err.extend(bytes),
                }
            }
            ExecEvent::Finished { finished, .. } => self.last = Some(Last::Finished(finished)),
            ExecEvent::Ended { end, .. } => self.last = Some(Last::Ended(end)),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// The numbers that it printed, one to a line.
    pub(crate) fn numbers(&self) -> Vec<i32> {
        self.text()
            .lines()
            .map(|line| line.parse().unwrap())
            .collect()
    }

    pub(crate) fn end(&self) -> &End {
        match &self.last {
            Some(Last::Ended(end)) => end,
            other => panic!("not an end: {other:?}"),
        }
    }

    /// Why it was lost.
    pub(crate) fn reason(&self) -> &str {
        match self.end() {
            End::Lost(reason) => reason,
            other => panic!("not lost: {other:?}"),
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.last, Some(Last::Finished(_)))
    }

    pub(crate) fn manifest(&self) -> &[u8] {
        match &self.last {
            Some(Last::Finished(finished)) => &finished.manifest,
            other => panic!("not finished: {other:?}"),
        }
    }
}

/// A task that does these things.
pub(crate) fn task(actions: &[&str]) -> TaskSpec {
    TaskSpec {
        tags: actions.iter().map(|action| (*action).to_owned()).collect(),
        ..TaskSpec::default()
    }
}

/// A task that needs a worker with another mood.
pub(crate) fn moody_task(mood: &str, actions: &[&str]) -> TaskSpec {
    TaskSpec {
        environment: vec![("MOOD".to_owned(), mood.to_owned())],
        ..task(actions)
    }
}

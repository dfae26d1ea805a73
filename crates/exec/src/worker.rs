//! A warm worker: it imports the flow file once, then forks a process for each task.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use pave_protocol::{FromWorker, ToWorker, encode};

use crate::link::Link;
use crate::process::Process;
use crate::task::TaskEnds;
use crate::{ExecError, FoundWorker, Session, WorkerSpec, command};

/// How long a worker that closed its socket may take to exit.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// A warm worker, as seen from here.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Tells workers of one executor apart.
    pub(crate) id: u32,
    process: Process,
    pub(crate) link: Link,
    state: State,
    /// Its variables beyond the runtime's own.
    pub(crate) environment: Vec<(String, String)>,
}

/// A task that waits for its process, and what it is given.
pub(crate) type Waiting = (Session, TaskEnds);

#[derive(Debug)]
enum State {
    /// It imports the flow file; these tasks wait for it.
    Importing(Vec<Waiting>),
    /// It forks.
    Ready,
    /// What it has imported makes forking unsafe: tasks start in processes of their own.
    Unforkable,
}

/// Why a worker will say nothing more.
#[derive(Debug)]
pub(crate) enum Silence {
    /// It closed the conversation.
    Closed,
    /// It said something that is no message.
    Nonsense(String),
}

impl Worker {
    /// Starts one; it says [`FromWorker::Ready`] later.
    pub(crate) fn start(
        spec: &WorkerSpec,
        id: u32,
        environment: Vec<(String, String)>,
    ) -> Result<Self, ExecError> {
        let (ours, theirs) = UnixStream::pair().map_err(system("make a socket"))?;
        let link = Link::new(ours).map_err(system("use a socket"))?;
        let process = start_process(spec, &mut command::warm(spec, &environment, &theirs))?;
        Ok(Self::new(id, process, link, environment))
    }

    /// Takes over the worker that the user's process forked off before it became this program.
    /// `None` if there is no such worker: the variable was meant for another process.
    pub(crate) fn adopt(
        spec: &WorkerSpec,
        id: u32,
        found: FoundWorker,
    ) -> Result<Option<Self>, ExecError> {
        let Some(process) = Process::found(found.pid) else {
            return Ok(None);
        };
        // SAFETY: who forked that child handed the descriptor to this process together with it,
        // and nobody else uses it.
        let socket = unsafe { UnixStream::from_raw_fd(found.descriptor) };
        fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
            .map_err(|error| system("use the worker's socket")(error.into()))?;
        let link = Link::new(socket).map_err(system("use the worker's socket"))?;
        let mut worker = Self::new(id, process, link, Vec::new());
        let begin = ToWorker::Begin {
            store: spec.store.to_string_lossy().into_owned(),
            with: spec.with.clone(),
            fork: command::fork_word(spec.fork).to_owned(),
        };
        worker.say(&begin, Vec::new());
        Ok(Some(worker))
    }

    fn new(id: u32, process: Process, link: Link, environment: Vec<(String, String)>) -> Self {
        Self {
            id,
            process,
            link,
            state: State::Importing(Vec::new()),
            environment,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Asks for a task's process, now or as soon as the flow file is imported. Gives the
    /// descriptors back if the task must start without it.
    pub(crate) fn fork(&mut self, session: Session, ends: TaskEnds) -> Option<TaskEnds> {
        match &mut self.state {
            State::Importing(waiting) => waiting.push((session, ends)),
            State::Ready => {
                let descriptors = vec![ends.socket, ends.stdout, ends.stderr];
                self.say(&ToWorker::Fork { session }, descriptors);
            }
            State::Unforkable => return Some(ends),
        }
        None
    }

    /// Forgets a task that it has not been asked for yet. Whether there was one.
    pub(crate) fn forget(&mut self, session: Session) -> bool {
        let State::Importing(waiting) = &mut self.state else {
            return false;
        };
        let before = waiting.len();
        waiting.retain(|(other, _)| *other != session);
        waiting.len() < before
    }

    /// The flow file is imported: asks for what has waited, or gives it back if tasks must start
    /// without this worker.
    pub(crate) fn become_ready(&mut self, may_fork: bool) -> Vec<Waiting> {
        let state = match may_fork {
            true => State::Ready,
            false => State::Unforkable,
        };
        let State::Importing(waiting) = std::mem::replace(&mut self.state, state) else {
            return Vec::new();
        };
        let back = waiting
            .into_iter()
            .filter_map(|(session, ends)| Some((session, self.fork(session, ends)?)));
        back.collect()
    }

    pub(crate) fn say(&mut self, message: &ToWorker, descriptors: Vec<OwnedFd>) {
        let bytes = encode(message).expect("messages to workers are small and plain");
        self.link.send(bytes, descriptors);
    }

    /// Sends and reads what can be at this moment.
    pub(crate) fn progress(&mut self) {
        self.link.flush();
        self.link.receive();
    }

    /// The next message of those that were read.
    pub(crate) fn next(&mut self) -> Result<Option<FromWorker>, Silence> {
        match self.link.next() {
            Ok(None) if self.link.is_closed() => Err(Silence::Closed),
            Ok(message) => Ok(message),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let said = format!("{error}{}", cause.unwrap_or_default());
                Err(Silence::Nonsense(said))
            }
        }
    }

    /// Whether the process has ended, which its conversation may not show.
    pub(crate) fn is_dead(&self) -> bool {
        self.process.is_over()
    }

    /// Ends one that will say nothing more; how it ended. It may do so by itself first, so that
    /// the real reason comes to light.
    pub(crate) fn bury(self) -> String {
        let until = Instant::now() + LAST_MOMENT;
        while !self.process.is_over() {
            if Instant::now() >= until {
                self.kill();
                return "it closed its socket without exiting".to_owned();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.process.end().to_string()
    }

    /// Kills the process and whatever is in its group.
    pub(crate) fn kill(self) {
        self.process.end();
    }
}

/// Starts a process of its own for one task.
pub(crate) fn start_fresh(
    spec: &WorkerSpec,
    environment: &[(String, String)],
    ends: TaskEnds,
) -> Result<Process, ExecError> {
    let (mut command, _socket) = command::fresh(spec, environment, ends);
    start_process(spec, &mut command)
}

fn start_process(spec: &WorkerSpec, command: &mut Command) -> Result<Process, ExecError> {
    Process::start(command).map_err(|cause| {
        let mut program = spec.interpreter.clone().into_os_string();
        if cause.kind() == std::io::ErrorKind::NotFound {
            program.push(" (no such file)");
        }
        let program = PathBuf::from(program);
        ExecError::Start { program, cause }
    })
}

pub(crate) fn system(action: &'static str) -> impl Fn(std::io::Error) -> ExecError {
    move |cause| ExecError::System { action, cause }
}

//! The port: what can run attempts.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

use pave_model::Code;
use pave_protocol::{Description, Failure, Finished, TaskSpec};

/// Names an attempt towards its executor. Never used twice in a process.
pub type Session = u64;

/// Which stream a piece of output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How an attempt's process ended without finishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this code before its last message.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It never ran, or its worker died under it; the reason for people.
    Lost(String),
}

/// What happened to an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum ExecEvent {
    /// Its process exists.
    Started {
        /// Which.
        session: Session,
        /// The process id, which is its process group too.
        pid: i32,
    },
    /// It printed something.
    Printed {
        /// Which.
        session: Session,
        /// Where to.
        output: Output,
        /// What: not necessarily whole lines.
        bytes: Vec<u8>,
    },
    /// It reported its result. All that it printed by then has been told before. Nothing follows:
    /// what its process does until it ends, nobody hears.
    Finished {
        /// Which.
        session: Session,
        /// The result.
        finished: Box<Finished>,
    },
    /// It ended without a result. All that it printed has been told before. Nothing follows.
    Ended {
        /// Which.
        session: Session,
        /// How.
        end: End,
    },
}

/// Whether tasks are forked from a warm worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForkMode {
    /// Forked, unless the worker says that isn't safe.
    #[default]
    Auto,
    /// Forked, whatever the worker says.
    Always,
    /// Each task in a fresh process.
    Never,
}

/// The variable that tells of a worker that is there already: `descriptor:pid`.
pub const FOUND_WORKER: &str = "PAVE_WARM_WORKER";

/// A warm worker that forked itself off the process that became this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundWorker {
    /// The control socket.
    pub descriptor: i32,
    /// The process: a child of this one.
    pub pid: i32,
}

impl FoundWorker {
    /// Reads what [`FOUND_WORKER`] says.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (descriptor, pid) = text.split_once(':')?;
        let (descriptor, pid) = (descriptor.parse().ok()?, pid.parse().ok()?);
        (descriptor > 2 && pid > 1).then_some(Self { descriptor, pid })
    }
}

/// How to start a worker for a flow.
#[derive(Clone, Debug, Default)]
pub struct WorkerSpec {
    /// The interpreter, by its real path.
    pub interpreter: PathBuf,
    /// The flow file, absolute.
    pub file: PathBuf,
    /// The flow's class, if the file has several.
    pub class: Option<String>,
    /// The store's folder, absolute.
    pub store: PathBuf,
    /// Decorators to add to every step, as given to `--with`.
    pub with: Vec<String>,
    /// Fork or not.
    pub fork: ForkMode,
    /// A worker that is there already.
    pub found: Option<FoundWorker>,
    /// The binary that guards process groups: `pave` itself. `None` leaves them unguarded.
    pub guard: Option<PathBuf>,
}

/// Why an executor can't go on.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The interpreter can't be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The flow file can't be used: it doesn't import, or holds no flow.
    #[error("cannot use the flow file")]
    Unusable(Failure),
    /// The worker died before the first task.
    #[error("the worker died while it {action} ({how})")]
    Died {
        /// What it was about to do, such as `imported the flow file`.
        action: &'static str,
        /// Exit code or signal.
        how: String,
    },
    /// The worker said something that is no message, or not one that was due.
    #[error("the worker sent no valid message ({said}); the flow file may have used its socket")]
    Nonsense {
        /// What it said.
        said: String,
    },
    /// The worker speaks another version.
    #[error("the flow's Pave speaks protocol {theirs}, this program speaks {ours}")]
    Protocol {
        /// The worker's.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// The wait for the user's code was broken off.
    #[error("interrupted")]
    Interrupted,
    /// The system refused something basic.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl ExecError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        use pave_protocol::FailureKind as Kind;
        match self {
            Self::Start { .. } => Code::W005,
            Self::Unusable(failure) => match failure.kind {
                Kind::NoFlow => Code::W002,
                Kind::SeveralFlows => Code::W006,
                Kind::Parameter => Code::P005,
                Kind::Definition => Code::G016,
                _ => Code::W001,
            },
            Self::Died { .. } | Self::Nonsense { .. } | Self::System { .. } => Code::W003,
            Self::Protocol { .. } => Code::W004,
            Self::Interrupted => Code::R002,
        }
    }
}

/// What can run attempts. Used from one thread; every call but [`Executor::wait`],
/// [`Executor::describe`] and [`Executor::parameters`] returns at once.
pub trait Executor {
    /// Waits until the flow is imported, and tells what it is.
    ///
    /// # Errors
    /// If the worker died, speaks another protocol, or can't use the file.
    fn describe(&mut self) -> Result<Description, ExecError>;

    /// Computes the manifest of parameters and constants from the values given.
    ///
    /// # Errors
    /// [`ExecError::Unusable`] with what the user's code raised; or if the worker died.
    fn parameters(&mut self, given: &str, user: &str) -> Result<Vec<u8>, ExecError>;

    /// Starts an attempt. Whatever becomes of it arrives through [`Executor::wait`].
    fn launch(&mut self, session: Session, task: TaskSpec);

    /// Kills an attempt's process group, if it is still there. Its end arrives as usual, or its
    /// result if that had come first. One that has no process yet never runs.
    fn stop(&mut self, session: Session);

    /// Waits for events, at most so long; returns early, perhaps with none, when `wake` is readable.
    ///
    /// # Errors
    /// Only if nothing can be waited for any more.
    fn wait(
        &mut self,
        limit: Duration,
        wake: Option<BorrowedFd<'_>>,
    ) -> Result<Vec<ExecEvent>, ExecError>;

    /// Kills whatever still runs. No other call follows.
    fn shutdown(&mut self);
}

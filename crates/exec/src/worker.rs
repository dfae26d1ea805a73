//! Worker processes: a warm one that forks tasks, or a fresh one for a single task.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::Pid;
use pave_protocol::{FromWorker, ToWorker, encode};

use crate::link::Link;
use crate::process::Process;
use crate::task::TaskEnds;
use crate::{End, ExecError, FOUND_WORKER, ForkMode, FoundWorker, Session, WorkerSpec};

/// How long a worker that closed its socket may take to exit.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// A warm worker, as seen from here.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Tells workers of one executor apart.
    pub(crate) id: u32,
    process: Process,
    pub(crate) link: Link,
    /// Whether the flow file is imported.
    pub(crate) is_ready: bool,
    /// Its variables beyond the runtime's own.
    pub(crate) environment: Vec<(String, String)>,
    /// Attempts that wait for it to be ready.
    pub(crate) waiting: Vec<(Session, TaskEnds)>,
}

impl Worker {
    /// Starts one; it says [`FromWorker::Ready`] later.
    pub(crate) fn start(
        spec: &WorkerSpec,
        id: u32,
        environment: Vec<(String, String)>,
    ) -> Result<Self, ExecError> {
        let (ours, theirs) = UnixStream::pair().map_err(system("make a socket"))?;
        let mut command = command(spec, &environment);
        give(&mut command, "PAVE_CONTROL_FD", theirs.as_raw_fd());
        // What the file prints while it is imported must not mix with the runtime's own words.
        command.stdout(std::io::stderr());
        let child = command.spawn().map_err(|cause| start_error(spec, cause))?;
        drop(theirs);
        let link = Link::new(ours).map_err(system("use a socket"))?;
        Ok(Self {
            id,
            process: Process::Started(child),
            link,
            is_ready: false,
            environment,
            waiting: Vec::new(),
        })
    }

    /// Takes over the worker that the user's process forked off before it became this program.
    pub(crate) fn adopt(spec: &WorkerSpec, found: FoundWorker) -> Result<Self, ExecError> {
        // SAFETY: the descriptor was handed to this process for this, and nobody else uses it.
        let socket = unsafe { UnixStream::from_raw_fd(found.descriptor) };
        fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
            .map_err(|error| system("use the worker's socket")(error.into()))?;
        let link = Link::new(socket).map_err(system("use the worker's socket"))?;
        let process = Process::Found(Pid::from_raw(found.pid));
        let (id, environment, waiting) = (0, Vec::new(), Vec::new());
        let mut worker = Self {
            id,
            process,
            link,
            is_ready: false,
            environment,
            waiting,
        };
        let begin = ToWorker::Begin {
            store: spec.store.to_string_lossy().into_owned(),
            with: spec.with.clone(),
            fork: fork_word(spec.fork).to_owned(),
        };
        worker.say(&begin, Vec::new());
        Ok(worker)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Asks for a task, now or as soon as the worker is ready.
    pub(crate) fn fork(&mut self, session: Session, ends: TaskEnds) {
        if !self.is_ready {
            self.waiting.push((session, ends));
            return;
        }
        let descriptors = vec![ends.socket, ends.stdout, ends.stderr];
        self.say(&ToWorker::Fork { session }, descriptors);
    }

    pub(crate) fn become_ready(&mut self) {
        self.is_ready = true;
        for (session, ends) in std::mem::take(&mut self.waiting) {
            self.fork(session, ends);
        }
    }

    pub(crate) fn say(&mut self, message: &ToWorker, descriptors: Vec<OwnedFd>) {
        let bytes = encode(message).expect("messages to workers are small and plain");
        self.link.send(bytes, descriptors);
    }

    /// The next message, or why there will be none.
    pub(crate) fn hear(&mut self) -> Result<Option<FromWorker>, String> {
        match self.link.next() {
            Ok(None) if self.link.is_closed() => Err("it is gone".to_owned()),
            Ok(message) => Ok(message),
            Err(error) => Err(error.to_string()),
        }
    }

    /// How the process ended. It is given a moment to end by itself, then killed.
    pub(crate) fn bury(&mut self) -> String {
        let until = Instant::now() + LAST_MOMENT;
        while Instant::now() < until {
            if let Some(how) = self.process.try_wait() {
                return how;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.kill()
    }

    /// Kills the process and whatever is in its group.
    pub(crate) fn kill(&mut self) -> String {
        self.process.kill()
    }
}

/// Starts a process of its own for one task. Returns the process, whose id is its group.
pub(crate) fn spawn_task(
    spec: &WorkerSpec,
    environment: &[(String, String)],
    ends: TaskEnds,
) -> Result<Child, ExecError> {
    let mut command = command(spec, environment);
    give(&mut command, "PAVE_TASK_FD", ends.socket.as_raw_fd());
    command
        .stdout(Stdio::from(ends.stdout))
        .stderr(Stdio::from(ends.stderr));
    let child = command.spawn().map_err(|cause| start_error(spec, cause))?;
    drop(ends.socket);
    Ok(child)
}

/// How a process that was waited for ended.
pub(crate) fn end_of(status: i32) -> End {
    use std::os::unix::process::ExitStatusExt;
    let status = std::process::ExitStatus::from_raw(status);
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(signal)) => End::Killed(signal),
        (None, None) => End::Lost(status.to_string()),
    }
}

fn command(spec: &WorkerSpec, environment: &[(String, String)]) -> Command {
    let mut file = spec.file.clone().into_os_string();
    if let Some(class) = &spec.class {
        file.push(":");
        file.push(class);
    }
    let mut command = Command::new(&spec.interpreter);
    command
        .args(["-c", "from pave._worker.main import main; main()"])
        .arg(file)
        .stdin(Stdio::null())
        .env("PAVE_WORKER", "1")
        .env("PAVE_STORE", &spec.store)
        .env("PAVE_FORK", fork_word(spec.fork))
        .env_remove(FOUND_WORKER)
        .env("PAVE_WITH", json_list(&spec.with))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        // Its own group: Ctrl-C at the terminal is the runtime's business.
        .process_group(0);
    die_with_parent(&mut command);
    command
}

fn fork_word(mode: ForkMode) -> &'static str {
    match mode {
        ForkMode::Auto => "auto",
        ForkMode::Always => "always",
        ForkMode::Never => "never",
    }
}

/// The number under which a worker finds its socket.
const SOCKET: RawFd = 3;

/// Hands a socket over to the process, which finds its number in a variable.
fn give(command: &mut Command, variable: &str, ours: RawFd) {
    command.env(variable, SOCKET.to_string());
    // SAFETY: the closure only makes async-signal-safe system calls.
    unsafe {
        command.pre_exec(move || {
            let done = if ours == SOCKET {
                nix::libc::fcntl(ours, nix::libc::F_SETFD, 0)
            } else {
                nix::libc::dup2(ours, SOCKET)
            };
            if done < 0 {
                Err(std::io::Error::last_os_error())
            } else {
                Ok(())
            }
        });
    }
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let parent = nix::unistd::getpid();
    // SAFETY: the closure only makes async-signal-safe system calls.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            // The parent may have died before the signal was set.
            if nix::unistd::getppid() != parent {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}

fn json_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts
        .iter()
        .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("[{}]", quoted.join(","))
}

fn start_error(spec: &WorkerSpec, cause: std::io::Error) -> ExecError {
    let program = if Path::new(&spec.interpreter).exists() {
        spec.interpreter.clone()
    } else {
        Path::new(&format!("{} (no such file)", spec.interpreter.display())).to_owned()
    };
    ExecError::Start { program, cause }
}

pub(crate) fn system(action: &'static str) -> impl Fn(std::io::Error) -> ExecError {
    move |cause| ExecError::System { action, cause }
}

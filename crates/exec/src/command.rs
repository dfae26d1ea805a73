//! How the programs are called that run flows: a warm worker, or a fresh process for one task.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc::rlim_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::task::TaskEnds;
use crate::{FOUND_WORKER, ForkMode, WorkerSpec};

/// The variables that hand a process its socket.
const CONTROL: &str = "PAVE_CONTROL_FD";
const TASK: &str = "PAVE_TASK_FD";

/// A warm worker that speaks over `socket`, which must stay open until it has started.
pub(crate) fn warm(
    spec: &WorkerSpec,
    environment: &[(String, String)],
    socket: &impl AsFd,
) -> Command {
    let mut command = command(spec, environment);
    // What the file prints while it is imported must not mix with the runtime's own words.
    command.stdout(std::io::stderr());
    give(&mut command, CONTROL, socket.as_fd().as_raw_fd());
    command
}

/// A process for a single task. Its socket must stay open until it has started.
pub(crate) fn fresh(
    spec: &WorkerSpec,
    environment: &[(String, String)],
    ends: TaskEnds,
) -> (Command, impl AsFd) {
    let mut command = command(spec, environment);
    command
        .stdout(Stdio::from(ends.stdout))
        .stderr(Stdio::from(ends.stderr));
    give(&mut command, TASK, ends.socket.as_raw_fd());
    (command, ends.socket)
}

fn command(spec: &WorkerSpec, environment: &[(String, String)]) -> Command {
    let mut file = spec.file.clone().into_os_string();
    if let Some(class) = &spec.class {
        file.push(":");
        file.push(class);
    }
    let with = serde_json::to_string(&spec.with).expect("a list of texts is plain data");
    let mut command = Command::new(&spec.interpreter);
    command
        .args(["-c", "from pave._worker.main import main; main()"])
        .arg(file)
        .stdin(Stdio::null())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("PAVE_WORKER", "1")
        .env("PAVE_STORE", &spec.store)
        .env("PAVE_FORK", fork_word(spec.fork))
        .env("PAVE_WITH", with)
        // This program may itself run inside a task.
        .env_remove(FOUND_WORKER)
        .env_remove(CONTROL)
        .env_remove(TASK);
    command
}

/// The mode as workers know it.
pub(crate) fn fork_word(mode: ForkMode) -> &'static str {
    match mode {
        ForkMode::Auto => "auto",
        ForkMode::Always => "always",
        ForkMode::Never => "never",
    }
}

/// Hands a socket over to the process, which finds its number in a variable, and ties the process
/// to this one.
fn give(command: &mut Command, variable: &str, socket: RawFd) {
    command.env(variable, socket.to_string());
    let limit = DESCRIPTORS.get().copied().flatten();
    let parent = nix::unistd::getpid();
    let prepare = move || {
        die_with(parent)?;
        // SAFETY: the caller keeps the socket open until the process has started.
        let socket = unsafe { std::os::fd::BorrowedFd::borrow_raw(socket) };
        fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
        if let Some((soft, hard)) = limit {
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls that are safe after a fork, and allocates nothing.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Lets the kernel kill this process as soon as the thread ends that started it.
#[cfg(target_os = "linux")]
fn die_with(parent: nix::unistd::Pid) -> std::io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    // The parent may have died before that.
    if nix::unistd::getppid() != parent {
        return Err(nix::errno::Errno::ESRCH.into());
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn die_with(_parent: nix::unistd::Pid) -> std::io::Result<()> {
    Ok(())
}

/// How many descriptors a process may have open, as this program found it: soft and hard.
static DESCRIPTORS: OnceLock<Option<(rlim_t, rlim_t)>> = OnceLock::new();

/// Lets this program have as many descriptors open as the system allows: each task takes three.
///
/// What is started from here gets the usual number back: programs exist that break when they meet
/// a descriptor above 1023.
pub(crate) fn raise_descriptor_limit() {
    DESCRIPTORS.get_or_init(|| {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok()?;
        Some((soft, hard))
    });
}

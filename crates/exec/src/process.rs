//! Processes that lead a group of their own, and what becomes of the group.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::End;

/// A child process of this one, and its group.
///
/// It must be given to [`Process::end`] at last: until then its number stays its own, and that of
/// its group.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
}

impl Process {
    /// Starts a program as the leader of a new group: Ctrl-C at the terminal doesn't reach it.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let pid = i32::try_from(child.id()).expect("process ids fit");
        Ok(Self {
            pid: Pid::from_raw(pid),
        })
    }

    /// Takes over a process, if it is a child of this one that nobody has waited for.
    pub(crate) fn found(pid: i32) -> Option<Self> {
        let process = Self {
            pid: Pid::from_raw(pid),
        };
        (process.peek() != Err(Errno::ECHILD)).then_some(process)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Whether it has ended. Its number stays its own.
    pub(crate) fn is_over(&self) -> bool {
        // nix has no name for every signal that may have killed it; that is an error, and an end.
        self.peek() != Ok(WaitStatus::StillAlive)
    }

    fn peek(&self) -> nix::Result<WaitStatus> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            match waitid(Id::Pid(self.pid), flags) {
                Err(Errno::EINTR) => {}
                known => return known,
            }
        }
    }

    /// Kills whatever is left of the process and its group, and tells how the process ended.
    pub(crate) fn end(self) -> End {
        kill_group(self.pid());
        // One that was found may not have made its group yet.
        let _ = kill(self.pid, Signal::SIGKILL);
        let mut status = 0;
        loop {
            // SAFETY: waitpid writes to `status` alone, which outlives the call.
            let waited = unsafe { libc::waitpid(self.pid(), &raw mut status, 0) };
            if waited == self.pid() {
                return end_of(status);
            }
            let error = Errno::last();
            if error != Errno::EINTR {
                return End::Lost(error.desc().to_owned());
            }
        }
    }
}

/// Kills every process of a group at once. A group that is gone is no error.
///
/// The number must still mean that group. Whoever waits for the group's leader sees to that: it
/// kills the group first. Between the moment in which a warm worker does so and that in which its
/// message arrives here, process numbers would have to come full circle to do harm.
pub(crate) fn kill_group(group: i32) {
    // 0 would be our own group, -1 everybody.
    if group > 1 {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

/// What a wait status, as the kernel gives it, says of a process's end.
pub(crate) fn end_of(status: i32) -> End {
    if libc::WIFEXITED(status) {
        End::Exited(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        End::Killed(libc::WTERMSIG(status))
    } else {
        End::Lost(format!("it ended with the unknown wait status {status}"))
    }
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(out, "exit status: {code}"),
            Self::Killed(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(out, "signal: {number} ({signal})"),
                Err(_) => write!(out, "signal: {number}"),
            },
            Self::Lost(reason) => out.write_str(reason),
        }
    }
}

//! A worker's process: one that this program started, or one that the user's own process forked
//! off before it became this program.

use std::process::Child;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A child process, however it came to be.
#[derive(Debug)]
pub(crate) enum Process {
    /// Started here.
    Started(Child),
    /// Found as a child when this program began.
    Found(Pid),
}

impl Process {
    pub(crate) fn pid(&self) -> i32 {
        match self {
            Self::Started(child) => i32::try_from(child.id()).expect("process ids fit"),
            Self::Found(pid) => pid.as_raw(),
        }
    }

    /// How it ended, if it has.
    pub(crate) fn try_wait(&mut self) -> Option<String> {
        match self {
            Self::Started(child) => match child.try_wait() {
                Ok(status) => status.map(|status| status.to_string()),
                Err(error) => Some(error.to_string()),
            },
            Self::Found(pid) => match waitpid(*pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => None,
                other => Some(words(other)),
            },
        }
    }

    /// Kills it and whatever is in its group; how it ended.
    pub(crate) fn kill(&mut self) -> String {
        let _ = killpg(Pid::from_raw(self.pid()), Signal::SIGKILL);
        match self {
            Self::Started(child) => match child.wait() {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            Self::Found(pid) => {
                // It may not have made its own group yet.
                let _ = nix::sys::signal::kill(*pid, Signal::SIGKILL);
                words(waitpid(*pid, None))
            }
        }
    }
}

fn words(status: nix::Result<WaitStatus>) -> String {
    match status {
        Ok(WaitStatus::Exited(_, code)) => format!("exit status: {code}"),
        Ok(WaitStatus::Signaled(_, signal, _)) => format!("signal: {signal}"),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

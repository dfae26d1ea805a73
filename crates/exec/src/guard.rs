//! The guard: a small process that outlives its runtime by a moment.
//!
//! When a runtime is killed outright, the kernel kills its worker and the worker's tasks
//! (`PR_SET_PDEATHSIG`), but not what those tasks had started themselves. The guard knows every
//! process group; when its input ends, its runtime is gone, and it kills those that are left.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

use crate::process::{Process, kill_group};

/// The runtime's end of the guard.
#[derive(Debug)]
pub(crate) struct Guard {
    process: Process,
    input: File,
    /// What the guard doesn't have to know at once, or has had no room for yet.
    unsent: Vec<u8>,
}

impl Guard {
    /// Starts a guard: `binary` must hand over to [`run_guard`] when called with `guard`.
    pub(crate) fn start(binary: &Path) -> std::io::Result<Self> {
        let (theirs, ours) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut command = Command::new(binary);
        command
            .arg("guard")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self {
            process: Process::start(&mut command)?,
            input: File::from(ours),
            unsent: Vec::new(),
        })
    }

    /// From now on the group dies with this process.
    pub(crate) fn add(&mut self, group: i32) {
        self.say('+', group);
        self.flush();
    }

    /// The group is gone; its number may come to mean another one, but not soon: the guard isn't
    /// woken for this until [`Guard::flush`].
    pub(crate) fn remove(&mut self, group: i32) {
        self.say('-', group);
    }

    fn say(&mut self, sign: char, group: i32) {
        let line = format!("{sign}{group}\n");
        self.unsent.extend_from_slice(line.as_bytes());
    }

    /// Tells the guard what it takes now. A runtime doesn't wait for its guard.
    pub(crate) fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.input.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A guard that died is no reason to stop working.
                Err(_) => self.unsent.clear(),
            }
        }
    }

    /// Ends a guard whose groups have all been killed.
    pub(crate) fn end(self) {
        self.process.end();
    }
}

/// Reads `+group` and `-group` lines until the input ends, then kills the groups that are left.
pub fn run_guard(input: impl BufRead) {
    let mut groups = BTreeSet::new();
    for line in input.lines().map_while(Result::ok) {
        let (sign, number) = line.split_at_checked(1).unwrap_or_default();
        match (sign, number.parse::<i32>()) {
            ("+", Ok(group)) => {
                groups.insert(group);
            }
            ("-", Ok(group)) => {
                groups.remove(&group);
            }
            _ => {}
        }
    }
    groups.into_iter().for_each(kill_group);
}

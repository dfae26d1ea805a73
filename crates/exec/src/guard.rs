//! The guard: a small process that outlives its runtime by a moment.
//!
//! When a runtime is killed outright, the kernel kills its worker and the worker's tasks
//! (`PR_SET_PDEATHSIG`), but not what those tasks had started themselves. The guard knows every
//! process group; when its input ends, its runtime is gone, and it kills those that are left.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The runtime's end of the guard.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
    input: Option<ChildStdin>,
}

impl Guard {
    /// Starts a guard: `binary` must hand over to [`run_guard`] when called with `guard`.
    pub(crate) fn start(binary: &Path) -> std::io::Result<Self> {
        let mut child = Command::new(binary)
            .arg("guard")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C and a closing terminal are meant for the runtime.
            .process_group(0)
            .spawn()?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    pub(crate) fn add(&mut self, group: i32) {
        self.say('+', group);
    }

    pub(crate) fn remove(&mut self, group: i32) {
        self.say('-', group);
    }

    fn say(&mut self, sign: char, group: i32) {
        // A guard that died is no reason to stop working.
        if let Some(input) = &mut self.input {
            let _ = writeln!(input, "{sign}{group}");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

/// Reads `+group` and `-group` lines until the input ends, then kills the groups that are left.
pub fn run_guard(input: impl BufRead) {
    let mut groups = BTreeSet::new();
    for line in input.lines().map_while(Result::ok) {
        let (sign, number) = line.split_at(line.len().min(1));
        match (sign, number.parse::<i32>()) {
            ("+", Ok(group)) if group > 1 => {
                groups.insert(group);
            }
            ("-", Ok(group)) => {
                groups.remove(&group);
            }
            _ => {}
        }
    }
    for group in groups {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

//! Whether the process that drives a run still lives, as far as this machine can tell.
//!
//! | the owner's | against ours | verdict |
//! |---|---|---|
//! | host | unknown, or another | can't tell |
//! | boot | another | dead: the machine was restarted |
//! | process id space | unknown, or another | can't tell: a container's ids mean nothing here |
//! | process | gone, a zombie, or started at another time | dead |
//! | process | the same | alive |

use std::fs;

use pave_model::RunState;

use crate::{Owner, RunRecord};

/// What this machine says of itself and of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Probe {
    host: String,
    boot: String,
    space: String,
    /// Ticks from boot to the start of the process; `None` if it doesn't run.
    ticks: Option<u64>,
}

impl Owner {
    /// This process, as the owner of a run under `token`.
    ///
    /// On systems without `/proc` the host and start stay empty, and nobody can tell whether it lives.
    #[must_use]
    pub fn current(token: u64) -> Self {
        let pid = std::process::id();
        let probe = Probe::take(pid);
        let started = match probe.ticks {
            Some(ticks) => format!("{ticks}@{}/{}", probe.boot, probe.space),
            None => String::new(),
        };
        Self {
            token,
            host: probe.host,
            pid,
            started,
        }
    }

    /// Whether the process still runs; `None` if it can't be told from here.
    #[must_use]
    pub fn is_alive(&self) -> Option<bool> {
        self.judge(&Probe::take(self.pid))
    }

    /// The table above, without looking at the machine.
    fn judge(&self, probe: &Probe) -> Option<bool> {
        if self.host.is_empty() || self.host != probe.host {
            return None;
        }
        let (ticks, rest) = self.started.split_once('@')?;
        let (boot, space) = rest.split_once('/')?;
        let ticks: u64 = ticks.parse().ok()?;
        if probe.boot.is_empty() {
            return None;
        }
        if boot != probe.boot {
            return Some(false);
        }
        if space.is_empty() || space != probe.space {
            return None;
        }
        Some(probe.ticks == Some(ticks))
    }
}

impl RunRecord {
    /// The state to show: `Interrupted` where the stored one is `Running` but its owner is known dead.
    #[must_use]
    pub fn state_now(&self) -> RunState {
        if self.state == RunState::Running && self.owner.is_alive() == Some(false) {
            return RunState::Interrupted;
        }
        self.state
    }
}

impl Probe {
    fn take(pid: u32) -> Self {
        let line = |path: &str| {
            fs::read_to_string(path).map_or_else(|_| String::new(), |text| text.trim().to_owned())
        };
        Self {
            host: line("/proc/sys/kernel/hostname"),
            boot: line("/proc/sys/kernel/random/boot_id"),
            space: fs::read_link("/proc/self/ns/pid").map_or_else(
                |_| String::new(),
                |link| link.to_string_lossy().into_owned(),
            ),
            ticks: fs::read_to_string(format!("/proc/{pid}/stat"))
                .ok()
                .and_then(|stat| ticks_of(&stat)),
        }
    }
}

/// The start time in a line of `/proc/PID/stat`; `None` if the process is a zombie or dead.
fn ticks_of(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses; it may itself hold spaces and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::{Metadata, NewRun};

    fn probe(ticks: Option<u64>) -> Probe {
        Probe {
            host: "lab".to_owned(),
            boot: "b1".to_owned(),
            space: "pid:[1]".to_owned(),
            ticks,
        }
    }

    fn owner(started: &str) -> Owner {
        Owner {
            token: 1,
            host: "lab".to_owned(),
            pid: 7,
            started: started.to_owned(),
        }
    }

    #[test]
    fn the_same_process_is_alive_and_another_with_its_id_is_not() {
        let owner = owner("55@b1/pid:[1]");
        assert_eq!(owner.judge(&probe(Some(55))), Some(true));
        assert_eq!(owner.judge(&probe(Some(56))), Some(false));
        assert_eq!(owner.judge(&probe(None)), Some(false));
    }

    #[test]
    fn a_restart_of_the_machine_means_death() {
        assert_eq!(owner("55@b0/pid:[1]").judge(&probe(Some(55))), Some(false));
    }

    #[test]
    fn nothing_is_claimed_about_other_hosts_and_process_id_spaces() {
        let mut far = owner("55@b1/pid:[1]");
        far.host = "other".to_owned();
        assert_eq!(far.judge(&probe(None)), None);
        far.host.clear();
        assert_eq!(far.judge(&Probe::default()), None);
        for started in ["", "55", "55@b1", "55@b1/", "x@b1/pid:[1]", "55@b1/pid:[2]"] {
            assert_eq!(owner(started).judge(&probe(None)), None, "{started}");
        }
        let blind = Probe {
            boot: String::new(),
            ..probe(None)
        };
        assert_eq!(owner("55@b1/pid:[1]").judge(&blind), None);
    }

    #[test]
    fn the_start_is_read_past_names_with_parentheses_and_not_of_zombies() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 1000 1";
        assert_eq!(ticks_of(stat), Some(12345));
        assert_eq!(ticks_of(&stat.replace(") S ", ") Z ")), None);
        assert_eq!(ticks_of("7 (a"), None);
    }

    #[test]
    fn this_process_lives_and_a_finished_child_does_not() {
        let ours = Owner::current(3);
        assert_eq!((ours.token, ours.pid), (3, std::process::id()));
        assert_eq!(ours.is_alive(), Some(true));

        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let probe = Probe::take(child.id());
        let theirs = Owner {
            pid: child.id(),
            started: format!("{}@{}/{}", probe.ticks.unwrap(), probe.boot, probe.space),
            ..ours
        };
        assert_eq!(theirs.is_alive(), Some(true));
        let store = crate::MemoryMetadata::new();
        let new = NewRun {
            owner: theirs.clone(),
            ..NewRun::default()
        };
        let record = store.create_run(&new).unwrap();
        assert_eq!(record.state_now(), RunState::Running);

        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(theirs.is_alive(), Some(false));
        assert_eq!(record.state_now(), RunState::Interrupted);
        let finished = RunRecord {
            state: RunState::Failed,
            ..record
        };
        assert_eq!(finished.state_now(), RunState::Failed);
    }
}

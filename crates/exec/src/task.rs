//! One attempt under way: its socket, its two pipes, and how far it is.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollFlags;
use nix::unistd::pipe2;
use pave_protocol::{FromTask, TaskSpec, ToTask, encode};

use crate::link::Link;
use crate::process::kill_group;
use crate::{End, ExecEvent, Output, Session};

/// This much of a pipe is read in one turn: one that prints without end must not keep the others
/// waiting.
const TURN: usize = 1 << 20;

/// The task's ends of its descriptors.
#[derive(Debug)]
pub(crate) struct TaskEnds {
    pub(crate) socket: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// An attempt, as seen from here.
///
/// | state | `pid` | `is_told` |
/// |---|---|---|
/// | its process is asked for | no | no |
/// | under way | yes | no |
/// | stopped before its process was known: killed once it is | no | yes |
/// | over, and its process about to leave | yes | yes |
#[derive(Debug)]
pub(crate) struct Task {
    session: Session,
    link: Link,
    pipes: [(Output, Option<File>); 2],
    /// The message to send once the process is known.
    order: Vec<u8>,
    /// The warm worker that forks it; `None` for a process of its own.
    pub(crate) worker: Option<u32>,
    /// The process, which leads a group.
    pid: Option<i32>,
    /// Whether its last event has been told.
    is_told: bool,
}

impl Task {
    /// Makes the descriptors.
    pub(crate) fn new(session: Session, spec: TaskSpec) -> std::io::Result<(Self, TaskEnds)> {
        let order = encode(&ToTask::Run(Box::new(spec))).map_err(std::io::Error::other)?;
        let (ours, theirs) = UnixStream::pair()?;
        let (out_read, out_write) = pipe2(OFlag::O_CLOEXEC)?;
        let (err_read, err_write) = pipe2(OFlag::O_CLOEXEC)?;
        for end in [&out_read, &err_read] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let task = Self {
            session,
            link: Link::new(ours)?,
            pipes: [
                (Output::Stdout, Some(File::from(out_read))),
                (Output::Stderr, Some(File::from(err_read))),
            ],
            order,
            worker: None,
            pid: None,
            is_told: false,
        };
        let ends = TaskEnds {
            socket: theirs.into(),
            stdout: out_write,
            stderr: err_write,
        };
        Ok((task, ends))
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// What to wait for: nothing until the process is known, for its words make no sense before.
    pub(crate) fn watch(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let link = self.link.watch().filter(|_| !self.is_told);
        let pipes = self.pipes.iter().filter_map(|(_, pipe)| pipe.as_ref());
        let pipes = pipes.map(|pipe| (pipe.as_fd(), PollFlags::POLLIN));
        let all = link.into_iter().chain(pipes);
        self.pid.is_some().then_some(all).into_iter().flatten()
    }

    /// Takes notice of the process, which has waited for this before it runs anything of the
    /// user's: what it starts is in a group that is known by now.
    pub(crate) fn begin(&mut self, pid: i32, events: &mut Vec<ExecEvent>) {
        self.pid = Some(pid);
        if self.is_told {
            return self.kill();
        }
        let session = self.session;
        events.push(ExecEvent::Started { session, pid });
        self.link.send(std::mem::take(&mut self.order), Vec::new());
    }

    /// Takes in what has arrived, and tells what it comes to.
    pub(crate) fn hear(&mut self, events: &mut Vec<ExecEvent>) {
        if self.is_told {
            // Nobody listens any more, but the process must not wait for somebody to.
            drop(self.read_pipes(TURN));
            return;
        }
        self.link.flush();
        self.link.receive();
        match self.last_message() {
            Some(last) => self.tell(last, events),
            None => events.extend(self.read_pipes(TURN)),
        }
    }

    /// The process is over: tells how, unless its result or something as final is there.
    pub(crate) fn end(&mut self, end: End, events: &mut Vec<ExecEvent>) {
        if self.is_told {
            return;
        }
        loop {
            let has_more = self.link.receive();
            if let Some(last) = self.last_message() {
                return self.tell(last, events);
            }
            if !has_more {
                let session = self.session;
                return self.tell(ExecEvent::Ended { session, end }, events);
            }
        }
    }

    /// Kills its group. If nothing is known of a process, the attempt is over at once, for a
    /// worker that hangs would never tell of one.
    pub(crate) fn stop(&mut self, events: &mut Vec<ExecEvent>) {
        self.kill();
        if self.pid.is_none() && !self.is_told {
            let session = self.session;
            let end = End::Lost("it was stopped before it began".to_owned());
            events.push(ExecEvent::Ended { session, end });
            self.is_told = true;
        }
    }

    /// Kills its group, if there is one.
    pub(crate) fn kill(&self) {
        self.pid.into_iter().for_each(kill_group);
    }

    /// The event that ends it, if the process has sent it.
    fn last_message(&mut self) -> Option<ExecEvent> {
        let session = self.session;
        match self.link.next::<FromTask>() {
            Ok(None) => None,
            Ok(Some(FromTask::Finished(finished))) => {
                Some(ExecEvent::Finished { session, finished })
            }
            Err(error) => {
                // Whatever it is doing, nobody will understand how it ends.
                self.kill();
                let end = End::Lost(format!("it sent no valid message: {error}"));
                Some(ExecEvent::Ended { session, end })
            }
        }
    }

    /// Tells the last event, and before it all that was printed before it.
    fn tell(&mut self, last: ExecEvent, events: &mut Vec<ExecEvent>) {
        // What was printed by now is in the pipes. A process that is left behind may go on
        // printing while they are read; what they can hold is enough.
        let most = self.pipes.iter().filter_map(|(_, pipe)| pipe.as_ref());
        let most = most.map(capacity).max().unwrap_or(0);
        events.extend(self.read_pipes(most));
        events.push(last);
        self.is_told = true;
    }

    /// Reads what is in the pipes, up to so much of each.
    fn read_pipes(&mut self, most: usize) -> impl Iterator<Item = ExecEvent> {
        let session = self.session;
        let printed = self.pipes.each_mut().map(|(output, pipe)| {
            let bytes = read_some(pipe, most);
            let output = *output;
            (!bytes.is_empty()).then_some(ExecEvent::Printed {
                session,
                output,
                bytes,
            })
        });
        printed.into_iter().flatten()
    }
}

/// Reads what is in a pipe, up to so much, and closes it at its end.
fn read_some(slot: &mut Option<File>, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while let Some(pipe) = slot {
        let room = buffer.len().min(most - bytes.len());
        if room == 0 {
            break;
        }
        match pipe.read(&mut buffer[..room]) {
            Ok(0) => *slot = None,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => *slot = None,
        }
    }
    bytes
}

/// The most that a pipe can hold.
#[cfg(target_os = "linux")]
fn capacity(pipe: &File) -> usize {
    let found = fcntl(pipe, FcntlArg::F_GETPIPE_SZ).ok();
    found
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(TURN)
}

#[cfg(not(target_os = "linux"))]
fn capacity(_pipe: &File) -> usize {
    TURN
}

//! One attempt under way: its socket, its two pipes, and how far it is.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use pave_protocol::{Finished, FromTask, TaskSpec, ToTask, encode};

use crate::link::Link;
use crate::{End, ExecEvent, Output, Session};

/// The task's ends of its descriptors: socket, stdout, stderr.
#[derive(Debug)]
pub(crate) struct TaskEnds {
    pub(crate) socket: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// An attempt's process, as seen from here.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) session: Session,
    pub(crate) link: Link,
    pipes: [(Output, Option<File>); 2],
    /// The warm worker that forks it; `None` for a process of its own.
    pub(crate) worker: Option<u32>,
    /// The process group, once known.
    pub(crate) pid: Option<i32>,
    /// A stop was asked for before the process was known.
    pub(crate) stop_when_known: bool,
    finished: Option<Box<Finished>>,
    /// How the process ended, once known.
    pub(crate) ended: Option<End>,
    /// Whether its last event has been told.
    pub(crate) told: bool,
}

impl Task {
    /// Makes the descriptors and queues the task's one message.
    pub(crate) fn new(session: Session, spec: TaskSpec) -> std::io::Result<(Self, TaskEnds)> {
        let (ours, theirs) = UnixStream::pair()?;
        let (out_read, out_write) = pipe2(OFlag::O_CLOEXEC)?;
        let (err_read, err_write) = pipe2(OFlag::O_CLOEXEC)?;
        for end in [&out_read, &err_read] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let mut link = Link::new(ours)?;
        let message = encode(&ToTask::Run(Box::new(spec))).map_err(std::io::Error::other)?;
        link.send(message, Vec::new());
        let task = Self {
            session,
            link,
            pipes: [
                (Output::Stdout, Some(File::from(out_read))),
                (Output::Stderr, Some(File::from(err_read))),
            ],
            worker: None,
            pid: None,
            stop_when_known: false,
            finished: None,
            ended: None,
            told: false,
        };
        Ok((
            task,
            TaskEnds {
                socket: theirs.into(),
                stdout: out_write,
                stderr: err_write,
            },
        ))
    }

    /// The descriptors to wait on.
    pub(crate) fn readable(&self) -> impl Iterator<Item = RawFd> {
        let link = (!self.link.is_closed()).then(|| self.link.descriptor());
        let pipes = self
            .pipes
            .iter()
            .filter_map(|(_, pipe)| pipe.as_ref().map(AsRawFd::as_raw_fd));
        link.into_iter().chain(pipes)
    }

    /// Takes in all that has arrived, and tells what it comes to.
    pub(crate) fn progress(&mut self, events: &mut Vec<ExecEvent>) {
        if self.told {
            return;
        }
        // The result is read before the pipes: what was printed before it is then in the pipes.
        self.link.flush();
        self.link.receive();
        match self.link.next::<FromTask>() {
            Ok(Some(FromTask::Finished(finished))) => self.finished = Some(finished),
            Ok(None) => {}
            Err(error) => {
                self.ended
                    .get_or_insert(End::Lost(format!("it sent no valid message: {error}")));
            }
        }
        self.drain(events);
        if let Some(finished) = self.finished.take() {
            self.told = true;
            events.push(ExecEvent::Finished {
                session: self.session,
                finished,
            });
        } else if let Some(end) = self.ended.clone() {
            self.told = true;
            events.push(ExecEvent::Ended {
                session: self.session,
                end,
            });
        }
    }

    fn drain(&mut self, events: &mut Vec<ExecEvent>) {
        let session = self.session;
        // A task that prints without end must not keep the others waiting; what is left of one
        // that is over is taken whole, within reason: a process it left behind may still print.
        let is_over = self.finished.is_some() || self.ended.is_some();
        let most = if is_over { 64 << 20 } else { 1 << 20 };
        for (output, slot) in &mut self.pipes {
            let mut bytes = Vec::new();
            let mut buffer = [0; 16 * 1024];
            while let Some(pipe) = slot {
                match pipe.read(&mut buffer) {
                    Ok(0) => *slot = None,
                    Ok(length) => {
                        bytes.extend_from_slice(&buffer[..length]);
                        if bytes.len() >= most {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => *slot = None,
                }
            }
            if !bytes.is_empty() {
                events.push(ExecEvent::Printed {
                    session,
                    output: *output,
                    bytes,
                });
            }
        }
    }
}

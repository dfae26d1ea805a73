//! Waiting for many descriptors at once, and whose turn it is then.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{ExecError, Session};

/// Descriptors to wait for.
#[derive(Default)]
pub(crate) struct Watch<'a> {
    polled: Vec<PollFd<'a>>,
    owners: Vec<Owner>,
}

/// Whose descriptor something is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Wake,
    Worker(u32),
    Task(Session),
}

/// Whose descriptors are ready.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pub(crate) woken: bool,
    pub(crate) workers: Vec<u32>,
    pub(crate) tasks: Vec<Session>,
}

impl Ready {
    /// Whether the time was up before anything happened.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.woken && self.workers.is_empty() && self.tasks.is_empty()
    }
}

impl<'a> Watch<'a> {
    pub(crate) fn wake(&mut self, descriptor: BorrowedFd<'a>) {
        self.add(Owner::Wake, descriptor, PollFlags::POLLIN);
    }

    pub(crate) fn worker(&mut self, id: u32, descriptor: BorrowedFd<'a>, flags: PollFlags) {
        self.add(Owner::Worker(id), descriptor, flags);
    }

    pub(crate) fn task(&mut self, session: Session, descriptor: BorrowedFd<'a>, flags: PollFlags) {
        self.add(Owner::Task(session), descriptor, flags);
    }

    fn add(&mut self, owner: Owner, descriptor: BorrowedFd<'a>, flags: PollFlags) {
        self.polled.push(PollFd::new(descriptor, flags));
        self.owners.push(owner);
    }

    /// Waits until one of them is ready, at most so long. A signal may end the wait early.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<Ready, ExecError> {
        // Rounded up, so that a short rest doesn't become a busy loop.
        let millis = limit.as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut self.polled, timeout) {
            Ok(_) => Ok(self.ready()),
            Err(Errno::EINTR) => Ok(Ready::default()),
            Err(error) => Err(ExecError::System {
                action: "wait for tasks",
                cause: error.into(),
            }),
        }
    }

    fn ready(&self) -> Ready {
        let mut ready = Ready::default();
        for (polled, owner) in self.polled.iter().zip(&self.owners) {
            // Flags that nix doesn't know mean that there is something to look at, too.
            if polled.any() == Some(false) {
                continue;
            }
            match *owner {
                Owner::Wake => ready.woken = true,
                Owner::Worker(id) => ready.workers.push(id),
                // The descriptors of one task follow each other.
                Owner::Task(session) if ready.tasks.last() == Some(&session) => {}
                Owner::Task(session) => ready.tasks.push(session),
            }
        }
        ready
    }
}

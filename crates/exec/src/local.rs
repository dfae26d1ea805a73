//! Attempts as processes of this machine: forked from warm workers, one for each set of
//! environment variables, or each in a fresh process where forking isn't safe.
//!
//! Everything happens in one thread, in [`Executor::wait`]: one `poll` over all sockets and pipes.

use std::collections::HashMap;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use pave_protocol::{Description, FromWorker, PROTOCOL_VERSION, TaskSpec, ToWorker};

use crate::guard::Guard;
use crate::task::Task;
use crate::worker::{Worker, end_of, spawn_task, system};
use crate::{End, ExecError, ExecEvent, Executor, ForkMode, Session, WorkerSpec};

/// How often fresh processes are asked whether they are gone.
const REAP_EVERY: Duration = Duration::from_millis(20);

/// The executor of one machine.
#[derive(Debug)]
pub struct LocalExecutor {
    spec: WorkerSpec,
    /// The first to start has no variables of its own and describes the flow.
    workers: Vec<Worker>,
    next_worker: u32,
    tasks: HashMap<Session, Task>,
    /// Processes of fresh tasks.
    fresh: HashMap<Session, Child>,
    guard: Option<Guard>,
    must_spawn: bool,
    pending: Vec<ExecEvent>,
}

impl LocalExecutor {
    /// Starts the first worker, which begins to import the flow file at once.
    ///
    /// # Errors
    /// If the interpreter can't be started.
    pub fn start(spec: WorkerSpec) -> Result<Self, ExecError> {
        let mut first = match spec.found {
            Some(found) => Worker::adopt(&spec, found)?,
            None => Worker::start(&spec, 0, Vec::new())?,
        };
        let guard = match &spec.guard {
            Some(binary) => match Guard::start(binary) {
                Ok(mut guard) => {
                    guard.add(first.pid());
                    Some(guard)
                }
                Err(cause) => {
                    first.kill();
                    return Err(ExecError::System {
                        action: "start the process guard",
                        cause,
                    });
                }
            },
            None => None,
        };
        Ok(Self {
            spec,
            workers: vec![first],
            next_worker: 1,
            tasks: HashMap::new(),
            fresh: HashMap::new(),
            guard,
            must_spawn: false,
            pending: Vec::new(),
        })
    }

    /// Waits for one message of the first worker, the only one that speaks at that time.
    fn ask_first(&mut self) -> Result<FromWorker, ExecError> {
        loop {
            let first = self.first()?;
            match first.hear() {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(_) => return Err(ExecError::Died { how: first.bury() }),
            }
            let descriptor = first.link.descriptor();
            wait_on(&[(descriptor, first.link.wants_write())], None, None)?;
            first.link.flush();
            first.link.receive();
        }
    }

    fn first(&mut self) -> Result<&mut Worker, ExecError> {
        let died = || ExecError::Died {
            how: "it is gone".to_owned(),
        };
        self.workers.first_mut().ok_or_else(died)
    }

    /// The worker for a set of variables; started if there is none.
    fn worker_for(&mut self, environment: &[(String, String)]) -> Result<&mut Worker, ExecError> {
        let found = self
            .workers
            .iter()
            .position(|it| it.environment == environment);
        let at = match found {
            Some(at) => at,
            None => {
                let worker = Worker::start(&self.spec, self.next_worker, environment.to_vec())?;
                self.next_worker += 1;
                if let Some(guard) = &mut self.guard {
                    guard.add(worker.pid());
                }
                self.workers.push(worker);
                self.workers.len() - 1
            }
        };
        Ok(&mut self.workers[at])
    }

    fn try_launch(&mut self, session: Session, spec: TaskSpec) -> Result<(), ExecError> {
        let environment = spec.environment.clone();
        let (mut task, ends) = Task::new(session, spec).map_err(system("make a task's pipes"))?;
        if self.must_spawn {
            let child = spawn_task(&self.spec, &environment, ends)?;
            let pid = i32::try_from(child.id()).expect("process ids fit");
            self.fresh.insert(session, child);
            self.note_start(&mut task, pid);
        } else {
            let worker = self.worker_for(&environment)?;
            worker.fork(session, ends);
            task.worker = Some(worker.id);
        }
        self.tasks.insert(session, task);
        Ok(())
    }

    fn note_start(&mut self, task: &mut Task, pid: i32) {
        task.pid = Some(pid);
        if let Some(guard) = &mut self.guard {
            guard.add(pid);
        }
        self.pending.push(ExecEvent::Started {
            session: task.session,
            pid,
        });
        if task.stop_when_known {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    fn hear_workers(&mut self) {
        let mut heard = Vec::new();
        let mut dead = Vec::new();
        for worker in &mut self.workers {
            worker.link.flush();
            worker.link.receive();
            loop {
                match worker.hear() {
                    Ok(Some(FromWorker::Ready(_))) => worker.become_ready(),
                    Ok(Some(FromWorker::Unusable(failure))) => {
                        dead.push((worker.id, failure.message));
                        break;
                    }
                    Ok(Some(message)) => heard.push(message),
                    Ok(None) => break,
                    Err(reason) => {
                        dead.push((worker.id, reason));
                        break;
                    }
                }
            }
        }
        for message in heard {
            self.handle(message);
        }
        for (id, reason) in dead {
            self.lose_worker(id, &reason);
        }
    }

    fn handle(&mut self, message: FromWorker) {
        match message {
            FromWorker::Forked { session, pid } => {
                if let Some(mut task) = self.tasks.remove(&session) {
                    self.note_start(&mut task, pid);
                    self.tasks.insert(session, task);
                }
            }
            FromWorker::Exited { session, status } => self.end(session, end_of(status)),
            FromWorker::Refused { session, reason } => {
                self.end(
                    session,
                    End::Lost(format!("the worker could not fork: {reason}")),
                );
            }
            FromWorker::Ready(_) | FromWorker::Unusable(_) | FromWorker::Parameters { .. } => {}
        }
    }

    fn end(&mut self, session: Session, end: End) {
        let Some(mut task) = self.tasks.remove(&session) else {
            return;
        };
        task.ended.get_or_insert(end);
        task.progress(&mut self.pending);
        if let (Some(pid), Some(guard)) = (task.pid, &mut self.guard) {
            guard.remove(pid);
        }
    }

    /// A warm worker is gone, and with it, by the kernel's hand, its tasks. The next launch starts
    /// another one.
    fn lose_worker(&mut self, id: u32, reason: &str) {
        let Some(at) = self.workers.iter().position(|worker| worker.id == id) else {
            return;
        };
        let mut worker = self.workers.remove(at);
        let how = worker.bury();
        if let Some(guard) = &mut self.guard {
            guard.remove(worker.pid());
        }
        let mine = |task: &&Task| task.worker == Some(id);
        let lost: Vec<Session> = self
            .tasks
            .values()
            .filter(mine)
            .map(|it| it.session)
            .collect();
        for session in lost {
            self.stop(session);
            self.end(
                session,
                End::Lost(format!("its worker died: {reason} ({how})")),
            );
        }
    }

    fn reap_fresh(&mut self) {
        let is_over = |child: &Child| {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("process ids fit"));
            !matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive))
        };
        let over: Vec<Session> = self
            .fresh
            .iter()
            .filter(|(_, it)| is_over(it))
            .map(|(session, _)| *session)
            .collect();
        for session in over {
            // What the task itself had started goes with it, while its number is still its own.
            self.stop(session);
            let Some(mut child) = self.fresh.remove(&session) else {
                continue;
            };
            let end = match child.wait() {
                Ok(status) => end_of(status.into_raw()),
                Err(error) => End::Lost(error.to_string()),
            };
            self.end(session, end);
        }
    }

    fn poll_list(&self) -> Vec<(RawFd, bool)> {
        let links = self
            .workers
            .iter()
            .map(|it| (it.link.descriptor(), it.link.wants_write()));
        // A forked child may speak before its worker has told that it exists: its words can wait.
        let tasks = self
            .tasks
            .values()
            .filter(|task| !task.told)
            .flat_map(|task| {
                let writes = task
                    .link
                    .wants_write()
                    .then(|| (task.link.descriptor(), true));
                writes
                    .into_iter()
                    .chain(task.readable().map(|descriptor| (descriptor, false)))
            });
        links.chain(tasks).collect()
    }
}

impl Executor for LocalExecutor {
    fn describe(&mut self) -> Result<Description, ExecError> {
        match self.ask_first()? {
            FromWorker::Ready(description) if description.protocol != PROTOCOL_VERSION => {
                let theirs = description.protocol;
                Err(ExecError::Protocol {
                    theirs,
                    ours: PROTOCOL_VERSION,
                })
            }
            FromWorker::Ready(description) => {
                self.first()?.become_ready();
                self.must_spawn = match self.spec.fork {
                    ForkMode::Auto => description.unsafe_to_fork.is_some(),
                    ForkMode::Always => false,
                    ForkMode::Never => true,
                };
                Ok(*description)
            }
            FromWorker::Unusable(failure) => Err(ExecError::Unusable(failure)),
            other => Err(ExecError::Died {
                how: format!("it said {other:?} before it was ready"),
            }),
        }
    }

    fn parameters(&mut self, given: &str, user: &str) -> Result<Vec<u8>, ExecError> {
        let message = ToWorker::Parameters {
            given: given.to_owned(),
            user: user.to_owned(),
        };
        self.first()?.say(&message, Vec::new());
        match self.ask_first()? {
            FromWorker::Parameters { manifest } => manifest
                .map(|bytes| bytes.into_vec())
                .map_err(ExecError::Unusable),
            other => Err(ExecError::Died {
                how: format!("it said {other:?} out of turn"),
            }),
        }
    }

    fn launch(&mut self, session: Session, task: TaskSpec) {
        if let Err(error) = self.try_launch(session, task) {
            let mut reason = error.to_string();
            if let Some(cause) = std::error::Error::source(&error) {
                reason = format!("{reason}: {cause}");
            }
            self.pending.push(ExecEvent::Ended {
                session,
                end: End::Lost(reason),
            });
        }
    }

    fn stop(&mut self, session: Session) {
        if let Some(task) = self.tasks.get_mut(&session) {
            match task.pid {
                Some(pid) => {
                    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
                }
                None => task.stop_when_known = true,
            }
        }
    }

    fn wait(
        &mut self,
        limit: Duration,
        wake: Option<BorrowedFd<'_>>,
    ) -> Result<Vec<ExecEvent>, ExecError> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let nap = if !self.pending.is_empty() {
                Duration::ZERO
            } else if self.fresh.is_empty() {
                left
            } else {
                left.min(REAP_EVERY)
            };
            let woken = wait_on(&self.poll_list(), wake, Some(nap))?;
            self.hear_workers();
            self.reap_fresh();
            for task in self.tasks.values_mut().filter(|task| task.pid.is_some()) {
                task.progress(&mut self.pending);
            }
            if woken || !self.pending.is_empty() || Instant::now() >= until {
                return Ok(std::mem::take(&mut self.pending));
            }
        }
    }

    fn shutdown(&mut self) {
        for task in self.tasks.values() {
            if let Some(pid) = task.pid {
                let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        for worker in &mut self.workers {
            worker.kill();
        }
        for child in self.fresh.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.tasks.clear();
        self.fresh.clear();
        self.workers.clear();
        self.guard = None;
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// Waits until one of the descriptors is ready. Whether `wake` is.
fn wait_on(
    descriptors: &[(RawFd, bool)],
    wake: Option<BorrowedFd<'_>>,
    limit: Option<Duration>,
) -> Result<bool, ExecError> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|(descriptor, writes)| {
            let flags = if *writes {
                PollFlags::POLLIN | PollFlags::POLLOUT
            } else {
                PollFlags::POLLIN
            };
            // SAFETY: the caller holds the descriptors' owners for the length of this call.
            let borrowed = unsafe { BorrowedFd::borrow_raw(*descriptor) };
            PollFd::new(borrowed, flags)
        })
        .collect();
    if let Some(wake) = wake {
        polled.push(PollFd::new(wake, PollFlags::POLLIN));
    }
    let timeout = limit.map_or(PollTimeout::NONE, |limit| {
        // Rounded up, so that a short rest doesn't become a busy loop.
        let millis = limit.as_micros().div_ceil(1000);
        PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
    });
    match poll(&mut polled, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => {
            return Err(ExecError::System {
                action: "wait for tasks",
                cause: error.into(),
            });
        }
    }
    // The wake descriptor is the last one.
    let last = polled.last().and_then(PollFd::any);
    Ok(wake.is_some() && last == Some(true))
}

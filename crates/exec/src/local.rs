//! Attempts as processes of this machine: forked from warm workers, one for each set of
//! environment variables, or each in a fresh process where forking isn't safe.
//!
//! Everything happens in one thread, in [`Executor::wait`]: one `poll` over all sockets and pipes.

mod hear;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use pave_protocol::{Description, FromWorker, PROTOCOL_VERSION, TaskSpec, ToWorker};

use crate::guard::Guard;
use crate::process::Process;
use crate::task::{Task, TaskEnds};
use crate::watch::Watch;
use crate::worker::{Silence, Worker, start_fresh, system};
use crate::{End, ExecError, ExecEvent, Executor, ForkMode, Session, WorkerSpec, command};

/// How often fresh processes are asked whether they are gone.
const REAP_EVERY: Duration = Duration::from_millis(20);

/// How often warm workers are, at least. Mostly the end of the conversation tells; but a process
/// that the flow file has forked may hold its other end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The worker that describes the flow.
const FIRST: u32 = 0;

/// The executor of one machine.
///
/// It stays in the thread that made it. On Linux the kernel kills a process when the *thread* that
/// started it ends, so whichever thread starts one must live as long as the run:
///
/// ```compile_fail
/// # use pave_exec::LocalExecutor;
/// fn hand_over(executor: LocalExecutor) {
///     std::thread::spawn(move || drop(executor));
/// }
/// ```
#[derive(Debug)]
pub struct LocalExecutor {
    spec: WorkerSpec,
    /// [`FIRST`] has no variables of its own and describes the flow.
    workers: Vec<Worker>,
    next_worker: u32,
    tasks: BTreeMap<Session, Task>,
    /// Processes of fresh tasks.
    fresh: BTreeMap<Session, Process>,
    guard: Option<Guard>,
    must_spawn: bool,
    pending: Vec<ExecEvent>,
    interrupt: Option<OwnedFd>,
    in_this_thread: PhantomData<*const ()>,
}

impl LocalExecutor {
    /// Starts the first worker, which begins to import the flow file at once, or adopts the one
    /// that is there already.
    ///
    /// # Errors
    /// If the interpreter or the guard can't be started.
    pub fn start(spec: WorkerSpec) -> Result<Self, ExecError> {
        command::raise_descriptor_limit();
        let adopted = match spec.found {
            Some(found) => Worker::adopt(&spec, FIRST, found)?,
            None => None,
        };
        let first = match adopted {
            Some(worker) => worker,
            None => Worker::start(&spec, FIRST, Vec::new())?,
        };
        let mut executor = Self {
            spec,
            workers: vec![first],
            next_worker: FIRST + 1,
            tasks: BTreeMap::new(),
            fresh: BTreeMap::new(),
            guard: None,
            must_spawn: false,
            pending: Vec::new(),
            interrupt: None,
            in_this_thread: PhantomData,
        };
        executor.start_guard()?;
        Ok(executor)
    }

    /// Lets [`Executor::describe`] and [`Executor::parameters`], which wait for the user's code,
    /// give up with [`ExecError::Interrupted`] once `descriptor` is readable.
    pub fn interrupt_by(&mut self, descriptor: OwnedFd) {
        self.interrupt = Some(descriptor);
    }

    fn start_guard(&mut self) -> Result<(), ExecError> {
        let Some(binary) = &self.spec.guard else {
            return Ok(());
        };
        let mut guard = Guard::start(binary).map_err(system("start the process guard"))?;
        for worker in &self.workers {
            guard.add(worker.pid());
        }
        self.guard = Some(guard);
        Ok(())
    }

    /// Waits for one message of the first worker, the only one that speaks at that time.
    fn ask_first(&mut self, action: &'static str) -> Result<FromWorker, ExecError> {
        loop {
            let died = |how: String| ExecError::Died { action, how };
            let Some(first) = self.workers.first_mut() else {
                return Err(died("it is gone".to_owned()));
            };
            // Asked before its last words are read, so that none of them is missed.
            let is_dead = first.is_dead();
            first.progress();
            match first.next() {
                Ok(Some(message)) => return Ok(message),
                Ok(None) if is_dead => return Err(died(self.workers.remove(0).bury())),
                Ok(None) => {}
                Err(Silence::Nonsense(said)) => return Err(ExecError::Nonsense { said }),
                Err(Silence::Closed) => return Err(died(self.workers.remove(0).bury())),
            }
            let mut watch = Watch::default();
            if let Some((descriptor, flags)) = first.link.watch() {
                watch.worker(first.id, descriptor, flags);
            }
            if let Some(interrupt) = &self.interrupt {
                watch.wake(interrupt.as_fd());
            }
            if watch.wait(LOOK_EVERY)?.woken {
                return Err(ExecError::Interrupted);
            }
        }
    }

    /// The worker for a set of variables; started if there is none.
    fn worker_for(&mut self, environment: &[(String, String)]) -> Result<&mut Worker, ExecError> {
        let mut workers = self.workers.iter();
        let at = match workers.position(|it| it.environment == environment) {
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
        let mut ends = Some(ends);
        if !self.must_spawn {
            let worker = self.worker_for(&environment)?;
            ends = ends.and_then(|ends| worker.fork(session, ends));
            task.worker = Some(worker.id);
        }
        self.tasks.insert(session, task);
        match ends {
            Some(ends) => self.start_fresh(session, &environment, ends),
            None => Ok(()),
        }
    }

    /// Starts a task in a process of its own.
    fn start_fresh(
        &mut self,
        session: Session,
        environment: &[(String, String)],
        ends: TaskEnds,
    ) -> Result<(), ExecError> {
        let process = match start_fresh(&self.spec, environment, ends) {
            Ok(process) => process,
            Err(error) => {
                self.tasks.remove(&session);
                return Err(error);
            }
        };
        let pid = process.pid();
        self.fresh.insert(session, process);
        if let Some(task) = self.tasks.get_mut(&session) {
            task.worker = None;
        }
        self.begin(session, pid);
        Ok(())
    }

    /// A task's process is known. The guard hears of it before the task may go on.
    fn begin(&mut self, session: Session, pid: i32) {
        if let Some(task) = self.tasks.get_mut(&session) {
            if let Some(guard) = &mut self.guard {
                guard.add(pid);
            }
            task.begin(pid, &mut self.pending);
        }
    }

    /// An attempt that never came to a process.
    fn lose(&mut self, session: Session, error: &ExecError) {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        let end = End::Lost(format!("{error}{}", cause.unwrap_or_default()));
        self.pending.push(ExecEvent::Ended { session, end });
    }

    fn may_fork(&self, description: &Description) -> bool {
        match self.spec.fork {
            ForkMode::Auto => description.unsafe_to_fork.is_none(),
            ForkMode::Always => true,
            ForkMode::Never => false,
        }
    }

    fn watch<'a>(&'a self, wake: Option<BorrowedFd<'a>>) -> Watch<'a> {
        let mut watch = Watch::default();
        if let Some(wake) = wake {
            watch.wake(wake);
        }
        for worker in &self.workers {
            if let Some((descriptor, flags)) = worker.link.watch() {
                watch.worker(worker.id, descriptor, flags);
            }
        }
        for (session, task) in &self.tasks {
            for (descriptor, flags) in task.watch() {
                watch.task(*session, descriptor, flags);
            }
        }
        watch
    }

    /// How long to wait for something to happen.
    fn nap(&self, until: Option<Instant>) -> Duration {
        if !self.pending.is_empty() {
            return Duration::ZERO;
        }
        let most = match self.fresh.is_empty() {
            true => LOOK_EVERY,
            false => REAP_EVERY,
        };
        until.map_or(most, |until| {
            most.min(until.saturating_duration_since(Instant::now()))
        })
    }
}

impl Executor for LocalExecutor {
    fn describe(&mut self) -> Result<Description, ExecError> {
        match self.ask_first("imported the flow file")? {
            FromWorker::Ready(description) => {
                check_protocol(&description)?;
                self.must_spawn = !self.may_fork(&description);
                self.welcome(FIRST, &description);
                Ok(*description)
            }
            FromWorker::Unusable(failure) => Err(ExecError::Unusable(failure)),
            other => Err(ExecError::Nonsense {
                said: format!("{other:?} before it was ready"),
            }),
        }
    }

    fn parameters(&mut self, given: &str, user: &str) -> Result<Vec<u8>, ExecError> {
        let message = ToWorker::Parameters {
            given: given.to_owned(),
            user: user.to_owned(),
        };
        if let Some(first) = self.workers.first_mut() {
            first.say(&message, Vec::new());
        }
        match self.ask_first("computed the parameters")? {
            FromWorker::Parameters { manifest } => manifest
                .map(|bytes| bytes.into_vec())
                .map_err(ExecError::Unusable),
            other => Err(ExecError::Nonsense {
                said: format!("{other:?} instead of the parameters"),
            }),
        }
    }

    fn launch(&mut self, session: Session, task: TaskSpec) {
        if let Err(error) = self.try_launch(session, task) {
            self.lose(session, &error);
        }
    }

    fn stop(&mut self, session: Session) {
        let Some(task) = self.tasks.get_mut(&session) else {
            return;
        };
        task.stop(&mut self.pending);
        if self.workers.iter_mut().any(|it| it.forget(session)) {
            self.tasks.remove(&session);
        }
    }

    fn wait(
        &mut self,
        limit: Duration,
        wake: Option<BorrowedFd<'_>>,
    ) -> Result<Vec<ExecEvent>, ExecError> {
        let until = Instant::now().checked_add(limit);
        loop {
            let ready = self.watch(wake).wait(self.nap(until))?;
            if let (true, Some(guard)) = (ready.is_nothing(), &mut self.guard) {
                guard.flush();
            }
            for id in ready.workers {
                self.hear_worker(id);
            }
            for session in ready.tasks {
                if let Some(task) = self.tasks.get_mut(&session) {
                    task.hear(&mut self.pending);
                }
            }
            self.look_after_workers();
            self.reap_fresh();
            let is_late = until.is_some_and(|until| Instant::now() >= until);
            if ready.woken || is_late || !self.pending.is_empty() {
                return Ok(std::mem::take(&mut self.pending));
            }
        }
    }

    fn shutdown(&mut self) {
        self.tasks.values().for_each(Task::kill);
        for worker in self.workers.drain(..) {
            worker.kill();
        }
        for (_, process) in std::mem::take(&mut self.fresh) {
            process.end();
        }
        self.tasks.clear();
        self.pending.clear();
        if let Some(guard) = self.guard.take() {
            guard.end();
        }
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn check_protocol(description: &Description) -> Result<(), ExecError> {
    match description.protocol {
        PROTOCOL_VERSION => Ok(()),
        theirs => Err(ExecError::Protocol {
            theirs,
            ours: PROTOCOL_VERSION,
        }),
    }
}

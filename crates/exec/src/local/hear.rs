//! What workers say, and what their silence means.

use pave_protocol::{Description, FromWorker};

use super::{LocalExecutor, check_protocol};
use crate::process::end_of;
use crate::worker::Silence;
use crate::{End, Session};

impl LocalExecutor {
    /// Buries workers that are dead though their conversations aren't closed.
    pub(super) fn look_after_workers(&mut self) {
        let workers = self.workers.iter_mut();
        let dead: Vec<u32> = workers
            .filter_map(|worker| worker.is_dead().then_some(worker.id))
            .collect();
        for id in dead {
            // Its last words, which may come to the same.
            self.hear_worker(id);
            self.lose_worker(id, None);
        }
    }

    pub(super) fn hear_worker(&mut self, id: u32) {
        if let Some(worker) = self.workers.iter_mut().find(|worker| worker.id == id) {
            worker.progress();
        }
        while let Some(worker) = self.workers.iter_mut().find(|worker| worker.id == id) {
            match worker.next() {
                Ok(None) => return,
                Ok(Some(message)) => {
                    if let Err(why) = self.handle(id, message) {
                        self.lose_worker(id, Some(why));
                    }
                }
                Err(Silence::Closed) => self.lose_worker(id, None),
                Err(Silence::Nonsense(said)) => {
                    self.lose_worker(id, Some(format!("sent no valid message: {said}")));
                }
            }
        }
    }

    /// Takes in a worker's message, or tells what is so wrong with it that the worker must go.
    fn handle(&mut self, id: u32, message: FromWorker) -> Result<(), String> {
        match message {
            FromWorker::Ready(description) => {
                check_protocol(&description).map_err(|error| format!("is of no use: {error}"))?;
                self.welcome(id, &description);
            }
            FromWorker::Unusable(failure) => {
                let why = failure.message;
                return Err(format!("could not use the flow file a second time: {why}"));
            }
            FromWorker::Forked { pid, .. } if pid <= 1 => {
                return Err(format!("claims to have forked process {pid}"));
            }
            FromWorker::Forked { session, pid } => self.begin(session, pid),
            FromWorker::Exited { session, status } => self.end(session, end_of(status)),
            FromWorker::Refused { session, reason } => {
                let end = End::Lost(format!("the worker could not fork: {reason}"));
                self.end(session, end);
            }
            // An answer that nobody waits for any more.
            FromWorker::Parameters { .. } => {}
        }
        Ok(())
    }

    /// A worker has imported the flow file: its tasks get their processes.
    pub(super) fn welcome(&mut self, id: u32, description: &Description) {
        let may_fork = self.may_fork(description);
        let Some(worker) = self.workers.iter_mut().find(|worker| worker.id == id) else {
            return;
        };
        let environment = worker.environment.clone();
        for (session, ends) in worker.become_ready(may_fork) {
            if let Err(error) = self.start_fresh(session, &environment, ends) {
                self.lose(session, &error);
            }
        }
    }

    /// A warm worker is gone or of no use, and with it, by the kernel's hand, its tasks. The next
    /// launch starts another one.
    fn lose_worker(&mut self, id: u32, why: Option<String>) {
        let Some(at) = self.workers.iter().position(|worker| worker.id == id) else {
            return;
        };
        let worker = self.workers.remove(at);
        let pid = worker.pid();
        let reason = match why {
            None => format!("its worker died ({})", worker.bury()),
            Some(why) => {
                worker.kill();
                format!("its worker {why}")
            }
        };
        if let Some(guard) = &mut self.guard {
            guard.remove(pid);
        }
        let tasks = self.tasks.iter();
        let lost: Vec<Session> = tasks
            .filter(|(_, task)| task.worker == Some(id))
            .map(|(session, _)| *session)
            .collect();
        for session in lost {
            if let Some(task) = self.tasks.get(&session) {
                task.kill();
            }
            self.end(session, End::Lost(reason.clone()));
        }
    }

    pub(super) fn reap_fresh(&mut self) {
        let fresh = self.fresh.iter();
        let over: Vec<Session> = fresh
            .filter(|(_, process)| process.is_over())
            .map(|(session, _)| *session)
            .collect();
        for session in over {
            if let Some(process) = self.fresh.remove(&session) {
                self.end(session, process.end());
            }
        }
    }

    /// A task's process is over, and its group with it.
    fn end(&mut self, session: Session, end: End) {
        let Some(mut task) = self.tasks.remove(&session) else {
            return;
        };
        task.end(end, &mut self.pending);
        if let (Some(pid), Some(guard)) = (task.pid(), &mut self.guard) {
            guard.remove(pid);
        }
    }
}

//! A warm worker's loop, and how it goes wrong.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, setpgid};
use pave_protocol::{FromWorker, ToWorker};

use crate::channel::Channel;
use crate::{Moods, task};

/// Serves until the executor is gone. In the mood `deaf` it hears nothing.
pub(crate) fn serve(mut channel: Channel, moods: &Moods) {
    if moods.get("deaf").is_some() {
        task::sleep_for_ever();
    }
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGCHLD);
    ends.thread_block().unwrap();
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let signals = SignalFd::with_flags(&ends, flags).unwrap();
    let mut children = BTreeMap::new();
    loop {
        let mut polled = [
            PollFd::new(channel.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut polled, PollTimeout::NONE).unwrap();
        let [speaks, ended] = polled.map(|it| it.any().unwrap());
        if ended {
            while signals.read_signal().unwrap().is_some() {}
            reap(&mut channel, &mut children);
        }
        if speaks && !channel.fill() {
            return;
        }
        while let Some(message) = channel.next() {
            match message {
                ToWorker::Fork { session } => {
                    channel = start(channel, moods, session, &mut children);
                }
                ToWorker::Parameters { given, .. } => answer(&mut channel, moods, given),
                ToWorker::Begin { .. } => {}
                ToWorker::Stop => return,
            }
        }
    }
}

/// `ponder`: never answers.
fn answer(channel: &mut Channel, moods: &Moods, given: String) {
    if moods.get("ponder").is_some() {
        task::sleep_for_ever();
    }
    let manifest = Ok(given.into_bytes().into());
    channel.send(&FromWorker::Parameters { manifest });
}

/// `die CODE` · `close` hangs up and stays · `mutter` says nonsense · `lie PID` ·
/// `refuse REASON` · otherwise it forks, and with `slow FIFO` the task reads its order only when
/// somebody writes there.
fn start(
    mut channel: Channel,
    moods: &Moods,
    session: u64,
    children: &mut BTreeMap<i32, u64>,
) -> Channel {
    let ends: Vec<OwnedFd> = channel.descriptors.drain(..3).collect();
    if let Some(code) = moods.get("die") {
        std::process::exit(code.parse().unwrap());
    }
    if moods.get("close").is_some() {
        drop(channel);
        task::sleep_for_ever();
    }
    if moods.get("mutter").is_some() {
        channel.send_raw(&[0, 0, 0, 1, 0xc1]);
        return channel;
    }
    if let Some(pid) = moods.get("lie") {
        let pid = pid.parse().unwrap();
        channel.send(&FromWorker::Forked { session, pid });
        return channel;
    }
    if let Some(reason) = moods.get("refuse") {
        let reason = reason.to_owned();
        channel.send(&FromWorker::Refused { session, reason });
        return channel;
    }
    let parent = getpid();
    // SAFETY: this process has one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            drop(channel);
            if let Some(fifo) = moods.get("slow") {
                task::wait_at(fifo);
            }
            become_task(parent, ends)
        }
        ForkResult::Parent { child } => {
            // Both sides set it, so that it holds before either goes on.
            let _ = setpgid(child, child);
            let pid = child.as_raw();
            children.insert(pid, session);
            channel.send(&FromWorker::Forked { session, pid });
            channel
        }
    }
}

fn become_task(parent: Pid, ends: Vec<OwnedFd>) -> ! {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).unwrap();
    if nix::unistd::getppid() != parent {
        std::process::exit(1);
    }
    SigSet::all().thread_unblock().unwrap();
    let [socket, stdout, stderr]: [OwnedFd; 3] = ends.try_into().unwrap();
    nix::unistd::dup2_stdout(&stdout).unwrap();
    nix::unistd::dup2_stderr(&stderr).unwrap();
    drop((stdout, stderr));
    task::run(Channel::new(socket), "forked")
}

fn reap(channel: &mut Channel, children: &mut BTreeMap<i32, u64>) {
    let pids: Vec<i32> = children.keys().copied().collect();
    for number in pids {
        let pid = Pid::from_raw(number);
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        if waitid(Id::Pid(pid), flags) == Ok(WaitStatus::StillAlive) {
            continue;
        }
        // While its number is still its own.
        let _ = killpg(pid, Signal::SIGKILL);
        let status = match waitpid(pid, None).unwrap() {
            WaitStatus::Exited(_, code) => code << 8,
            WaitStatus::Signaled(_, signal, _) => signal as i32,
            other => panic!("{other:?}"),
        };
        if let Some(session) = children.remove(&number) {
            channel.send(&FromWorker::Exited { session, status });
        }
    }
}

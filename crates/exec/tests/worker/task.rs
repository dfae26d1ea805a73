//! What a task does.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::unistd::{ForkResult, fork, setsid};
use pave_protocol::{Finished, FromTask, Outcome, Taken, TaskSpec, ToTask};

use crate::channel::Channel;

/// Does what the order's tags say, then ends. `kind` is what the action `kind` prints.
pub(crate) fn run(mut channel: Channel, kind: &str) -> ! {
    let Some(ToTask::Run(spec)) = channel.order() else {
        std::process::exit(1);
    };
    let mut channel = Some(channel);
    for action in &spec.tags {
        act(action, &spec, &mut channel, kind);
    }
    std::process::exit(0)
}

/// | action | |
/// |---|---|
/// | `out TEXT`, `err TEXT`, `fill BYTES` | print |
/// | `kind`, `variable NAME`, `descriptors`, `limit` | print something about the process |
/// | `child`, `daemon`, `escape` | start a process: in the group, in it by way of a second fork, out of it; print its number |
/// | `chatter` | start a process that prints without end |
/// | `gate FIFO` | wait until somebody writes there |
/// | `finish`, `finish BYTES`, `measure` | report success, with a manifest of that size, or one that tells the size of the order's |
/// | `garbage`, `close` | misuse the socket |
/// | `exit CODE`, `signal NUMBER`, `hang` | end, or not |
fn act(action: &str, spec: &TaskSpec, channel: &mut Option<Channel>, kind: &str) {
    let (verb, rest) = action.split_once(' ').unwrap_or((action, ""));
    let mut out = std::io::stdout();
    match verb {
        "out" => print(rest.as_bytes()),
        "err" => std::io::stderr().write_all(rest.as_bytes()).unwrap(),
        "fill" => print(&pattern(rest.parse().unwrap())),
        "kind" => print(kind.as_bytes()),
        "variable" => print(std::env::var(rest).unwrap_or_default().as_bytes()),
        "descriptors" => print(open_descriptors().as_bytes()),
        "limit" => {
            let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            print(soft.to_string().as_bytes());
        }
        "child" => writeln!(out, "{}", start_child()).unwrap(),
        "daemon" => writeln!(out, "{}", start_daemon()).unwrap(),
        "escape" => writeln!(out, "{}", start_escaped()).unwrap(),
        "chatter" => _ = start_chatter(),
        "gate" => wait_at(rest),
        "finish" => finish(channel, vec![7; rest.parse().unwrap_or(0)]),
        "measure" => finish(channel, spec.base.len().to_string().into_bytes()),
        "garbage" => channel.as_mut().unwrap().send_raw(b"not a message"),
        "close" => *channel = None,
        "exit" => std::process::exit(rest.parse().unwrap()),
        "signal" => die_of(rest.parse().unwrap()),
        "hang" => sleep_for_ever(),
        other => panic!("no action `{other}`"),
    }
}

/// What `fill` prints: bytes that tell their place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn print(bytes: &[u8]) {
    let mut out = std::io::stdout();
    out.write_all(bytes).unwrap();
    out.flush().unwrap();
}

fn finish(channel: &mut Option<Channel>, manifest: Vec<u8>) {
    let taken = Taken::default();
    let outcome = Outcome::Succeeded {
        taken,
        caught: None,
    };
    let finished = Box::new(Finished {
        outcome,
        manifest,
        body_ms: 1,
    });
    let channel = channel.as_mut().unwrap();
    channel.send(&FromTask::Finished(finished));
}

fn open_descriptors() -> String {
    let found = std::fs::read_dir("/proc/self/fd").unwrap();
    // The folder's own is among them.
    (found.count() - 1).to_string()
}

/// Waits until somebody writes to a named pipe.
pub(crate) fn wait_at(fifo: &str) {
    File::open(fifo).unwrap().read_exact(&mut [0]).unwrap();
}

fn die_of(number: i32) {
    if let Ok(signal) = Signal::try_from(number) {
        let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        if signal != Signal::SIGKILL {
            // SAFETY: the default action runs no code of ours.
            unsafe { sigaction(signal, &action) }.unwrap();
        }
        raise(signal).unwrap();
    } else {
        // SAFETY: a plain system call; signals without a name end the process.
        unsafe { nix::libc::raise(number) };
    }
    sleep_for_ever();
}

/// Starts a process in this one's group that sleeps, with all that this one has open.
pub(crate) fn start_child() -> i32 {
    start(|| (), || ())
}

fn start_daemon() -> i32 {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    let fork_again = || theirs.write_all(&start_child().to_ne_bytes()).unwrap();
    start(fork_again, || std::process::exit(0));
    let mut pid = [0; 4];
    ours.read_exact(&mut pid).unwrap();
    i32::from_ne_bytes(pid)
}

fn start_escaped() -> i32 {
    let escape = || {
        setsid().unwrap();
    };
    start(escape, || ())
}

fn start_chatter() -> i32 {
    start(
        || (),
        || {
            loop {
                print(b"chatter ");
            }
        },
    )
}

/// Starts a process that prepares itself, and then lives and sleeps. Returns when it is prepared.
fn start(prepare: impl FnOnce(), live: impl FnOnce()) -> i32 {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    // SAFETY: this process has one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            prepare();
            theirs.write_all(&[1]).unwrap();
            live();
            sleep_for_ever()
        }
        ForkResult::Parent { child } => {
            ours.read_exact(&mut [0]).unwrap();
            child.as_raw()
        }
    }
}

pub(crate) fn sleep_for_ever() -> ! {
    loop {
        nix::unistd::pause();
    }
}

//! A worker that does as its script says, for tests of the executor. It stands in for the
//! interpreter, and for the guard's binary.
//!
//! The flow file holds moods, one to a line, which say how it imports and serves; the variable
//! `MOOD` adds one. `first: MOOD` counts only when the file is imported for the first time,
//! `later: MOOD` only after that. What a task does is in its tags: see [`task::act`].
#![expect(clippy::unwrap_used, reason = "it may die like a test")]

mod channel;
mod serve;
mod task;

use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use pave_protocol::{Description, Failure, FailureKind, FromWorker, PROTOCOL_VERSION};

use channel::Channel;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("guard") {
        return pave_exec::run_guard(std::io::stdin().lock());
    }
    let file = PathBuf::from(arguments.next_back().unwrap());
    let moods = Moods::read(&file);
    std::fs::write(
        file.with_extension("worker"),
        std::process::id().to_string(),
    )
    .unwrap();
    match handed("PAVE_TASK_FD") {
        Some(socket) => {
            import(&moods);
            task::run(Channel::new(socket), "fresh");
        }
        None => {
            let mut channel = Channel::new(handed("PAVE_CONTROL_FD").unwrap());
            import(&moods);
            introduce(&mut channel, &moods);
            serve::serve(channel, &moods);
        }
    }
}

/// The socket whose number is in a variable.
fn handed(variable: &str) -> Option<OwnedFd> {
    let number = std::env::var(variable).ok()?.parse().unwrap();
    // SAFETY: the executor handed this descriptor to this process, and it is taken once.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// How a worker behaves.
struct Moods(Vec<String>);

impl Moods {
    fn read(file: &Path) -> Self {
        let counter = file.with_extension("starts");
        let is_first = !counter.exists();
        std::fs::write(counter, "").unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let extra = std::env::var("MOOD").ok();
        let lines = text.lines().map(str::to_owned).chain(extra);
        let counted = lines.filter_map(|line| {
            let (first, later) = (line.strip_prefix("first: "), line.strip_prefix("later: "));
            match (first, later) {
                (Some(mood), _) => is_first.then(|| mood.to_owned()),
                (_, Some(mood)) => (!is_first).then(|| mood.to_owned()),
                _ => Some(line),
            }
        });
        Self(counted.collect())
    }

    /// What follows a mood's name, if it is in that mood.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|mood| match mood.split_once(' ') {
            Some((found, rest)) => (found == name).then_some(rest),
            None => (mood == name).then_some(""),
        })
    }
}

/// `child FIFO` starts a process and tells its number · `exit CODE` · `hang`
fn import(moods: &Moods) {
    if let Some(fifo) = moods.get("child") {
        let pid = task::start_child();
        let mut fifo = std::fs::OpenOptions::new().write(true).open(fifo).unwrap();
        writeln!(fifo, "{} {pid}", std::process::id()).unwrap();
    }
    if let Some(code) = moods.get("exit") {
        std::process::exit(code.parse().unwrap());
    }
    if moods.get("hang").is_some() {
        task::sleep_for_ever();
    }
}

/// `unusable MESSAGE` · `garbage` · `protocol VERSION` · `unsafe REASON`
fn introduce(channel: &mut Channel, moods: &Moods) {
    if let Some(message) = moods.get("unusable") {
        channel.send(&FromWorker::Unusable(Failure {
            kind: FailureKind::Import,
            exception: "builtins.ImportError".to_owned(),
            message: message.to_owned(),
            traceback: String::new(),
        }));
        std::process::exit(0);
    }
    if moods.get("garbage").is_some() {
        channel.send_raw(b"Segmentation fault, or so\n");
        task::sleep_for_ever();
    }
    let theirs = moods.get("protocol").map(|text| text.parse().unwrap());
    channel.send(&FromWorker::Ready(Box::new(Description {
        protocol: theirs.unwrap_or(PROTOCOL_VERSION),
        flow: Default::default(),
        unsafe_to_fork: moods.get("unsafe").map(str::to_owned),
        sdk_version: "0.0.0".to_owned(),
        language_version: "0.0.0".to_owned(),
    })));
}

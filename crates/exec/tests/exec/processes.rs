//! Looking at processes, and tests that need one of their own.

use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::stage::LONG;

/// Says which part of a test this process plays.
const PART: &str = "PAVE_TEST_PART";

/// Runs a test in a process of its own, because it looks at all of its process.
pub(crate) fn alone(test: impl FnOnce()) {
    if std::env::var(PART).is_ok() {
        return test();
    }
    let output = this_test("alone").output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs the first in a process of its own, and the second with that process.
pub(crate) fn beside(victim: impl FnOnce(), test: impl FnOnce(Child)) {
    if std::env::var(PART).is_ok() {
        return victim();
    }
    let child = this_test("victim").stdout(Stdio::piped()).spawn();
    test(child.unwrap());
}

/// The running test once more.
fn this_test(part: &str) -> Command {
    let name = std::thread::current().name().unwrap().to_owned();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(PART, part);
    command
}

/// Tells the other process numbers of processes.
pub(crate) fn tell(numbers: &[i32]) {
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    println!("\npids {}", words.join(" "));
}

/// The numbers that a process told.
pub(crate) fn told(child: &mut Child) -> Vec<i32> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = lines.filter_map(|line| Some(line.unwrap().strip_prefix("pids ")?.to_owned()));
    let words = told.next().unwrap();
    words.split(' ').map(|word| word.parse().unwrap()).collect()
}

/// Waits until a process has ended. One that nobody has reaped counts as ended.
pub(crate) fn until_gone(pid: i32) {
    // SAFETY: a plain system call.
    let number = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if number < 0 {
        assert_eq!(Errno::last(), Errno::ESRCH);
        return;
    }
    // SAFETY: the kernel has just opened it for this process.
    let process = unsafe { OwnedFd::from_raw_fd(i32::try_from(number).unwrap()) };
    let mut polled = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(LONG).unwrap();
    assert_eq!(poll(&mut polled, timeout), Ok(1), "process {pid} lives on");
}

/// Whether a process exists and has not ended.
pub(crate) fn lives(pid: i32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| !is_over(state))
}

/// The children of a process, and their children, and so on, as far as they live.
pub(crate) fn descendants(ancestor: i32) -> Vec<i32> {
    let mut all = family(ancestor);
    all.retain(|(_, state)| !is_over(*state));
    all.into_iter().map(|(pid, _)| pid).collect()
}

/// The descendants of a process that have ended and that nobody has reaped.
pub(crate) fn zombies(ancestor: i32) -> Vec<i32> {
    let mut all = family(ancestor);
    all.retain(|(_, state)| is_over(*state));
    all.into_iter().map(|(pid, _)| pid).collect()
}

fn is_over(state: char) -> bool {
    matches!(state, 'Z' | 'X')
}

/// The descendants of a process with their states.
fn family(ancestor: i32) -> Vec<(i32, char)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let name = entry.unwrap().file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            all.extend(state_and_parent(pid).map(|(state, parent)| (pid, state, parent)));
        }
    }
    let mut found = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(above) = parents.pop() {
        for (pid, state, _) in all.iter().filter(|(_, _, parent)| *parent == above) {
            found.push((*pid, *state));
            parents.push(*pid);
        }
    }
    found
}

fn state_and_parent(pid: i32) -> Option<(char, i32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = text[text.rfind(')')? + 2..].split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

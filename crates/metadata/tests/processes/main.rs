//! The SQLite store among real processes: crowded, killed, out of disk, read-only.
//!
//! A child is this same program, asked for the test [`child`] with a role in its environment.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers panic as tests do, and children report to their parent"
)]

mod crowd;
mod disk;
mod kill;
mod script;

use std::path::Path;
use std::process::{Command, Output};

/// Names the role that a child plays, and the folder that it plays in.
const ROLE: &str = "PAVE_TEST_ROLE";
const FOLDER: &str = "PAVE_TEST_FOLDER";

/// What a child does; not a test by itself.
#[test]
#[ignore = "runs in child processes only"]
fn child() {
    let (Ok(role), Ok(folder)) = (std::env::var(ROLE), std::env::var(FOLDER)) else {
        return;
    };
    let folder = Path::new(&folder);
    match role.as_str() {
        "crowd" => crowd::play(folder),
        "writer" => kill::play(folder),
        "full-disk" => disk::play_full(folder),
        "file-limit" => disk::play_limit(folder),
        "read-only" => disk::play_read_only(folder),
        other => panic!("no role `{other}`"),
    }
}

/// This program in a role, started by `wrapper` (a program and its arguments), if any.
fn command(role: &str, folder: &Path, wrapper: &[&str]) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(this),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
    };
    command
        .args([
            "--exact",
            "child",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ROLE, role)
        .env(FOLDER, folder);
    command
}

/// Panics with what a child printed, unless it succeeded.
fn assert_succeeded(output: &Output) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(
        out.contains("1 passed"),
        "the child played its role\n{out}\n{err}"
    );
}

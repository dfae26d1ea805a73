//! Killed processes, full disks, read-only folders, writers that meet.
//!
//! What happens to a process is tried on a child: this test program again, told by an environment
//! variable what to play.
#![expect(unsafe_code, reason = "forks, and switches a signal off")]
#![expect(clippy::print_stdout, reason = "children talk to their test over it")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use nix::{
    sys::{
        resource::{Resource, setrlimit},
        signal::{SigHandler, Signal, signal},
        wait::waitpid,
    },
    unistd::{ForkResult, Uid, fork, setuid},
};
use pave_artifact::{ArtifactError, Blobs, CHUNK_SIZE, Codec, Entry};
use pave_model::Code;

use crate::sample::{noise, numbers, put};

const ROLE: &str = "PAVE_TEST_ROLE";
const FOLDER: &str = "PAVE_TEST_FOLDER";

/// Starts a child that plays a role; its output can be read line by line.
fn start(role: &str, folder: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "hard_days::child",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// Waits for a line that a child prints.
fn await_line(out: &mut impl BufRead, expected: &str) {
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 {
        if line.trim_end().ends_with(expected) {
            return;
        }
        line.clear();
    }
    panic!("the child ended before it said `{expected}`");
}

/// Plays a role to the end and gives all that it printed.
fn play(role: &str, folder: &Path) -> String {
    let (mut child, mut out) = start(role, folder);
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

#[test]
fn child() {
    let (Ok(role), Ok(folder)) = (env::var(ROLE), env::var(FOLDER)) else {
        return;
    };
    let folder = Path::new(&folder);
    match role.as_str() {
        "put and wait" => put_and_wait(folder),
        "put forever" => put_forever(folder),
        "put the same" => put_the_same(folder),
        "limited files" => limited_files(folder),
        "read-only" => read_only(folder),
        "fork" => fork_with_pending(folder),
        other => panic!("unknown role {other}"),
    }
}

fn put_and_wait(folder: &Path) {
    let blobs = Blobs::open(folder);
    put(&blobs, &noise(CHUNK_SIZE + 5, 1));
    println!("\nput");
    let _ = std::io::stdin().read(&mut [0]);
}

fn put_forever(folder: &Path) {
    let blobs = Blobs::open(folder);
    for seed in 0.. {
        put(&blobs, &noise(300_000, seed));
        put(&blobs, &[numbers(300_000), noise(100, seed)].concat());
        if seed % 3 == 2 {
            blobs.sync().unwrap();
        }
        println!("\nround {seed}");
    }
}

fn put_the_same(folder: &Path) {
    let blobs = Blobs::open(folder);
    println!("\nready");
    let _ = std::io::stdin().read(&mut [0]);
    for seed in 0..20 {
        let entry = put(&blobs, &noise(200_000, seed));
        blobs.sync().unwrap();
        blobs.verify(&entry).unwrap();
    }
}

fn limited_files(folder: &Path) {
    // SAFETY: no handler is installed; the signal would kill the process, its error is wanted.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.unwrap();
    let blobs = Blobs::open(folder);
    let kept = put(&blobs, &noise(500_000, 1));
    blobs.sync().unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, 1 << 20, 1 << 20).unwrap();
    refuse(&blobs, "Raise the limit");
    blobs.verify(&kept).unwrap();
    println!("\nfine");
}

fn read_only(folder: &Path) {
    if Uid::effective().is_root() {
        setuid(Uid::from_raw(65_534)).unwrap();
    }
    let blobs = Blobs::open(folder);
    assert_eq!(blobs.list().unwrap().len(), 1);
    // What is there is readable, and putting it again needs no writing.
    blobs.verify(&put(&blobs, &noise(500_000, 1))).unwrap();
    refuse(&blobs, "writable");
    println!("\nfine");
}

/// Putting fails with the code, the path and a word of advice.
fn refuse(blobs: &Blobs, advice: &str) {
    let error = blobs.put(&[&noise(3 << 20, 2)]).unwrap_err();
    assert_eq!(error.code(), Code::A003);
    let message = error.to_string();
    assert!(
        message.contains("/blobs/") && message.contains(advice),
        "{message}"
    );
    assert!(matches!(error, ArtifactError::Write { cause, .. } if cause.raw_os_error().is_some()));
}

fn fork_with_pending(folder: &Path) {
    let blobs = Blobs::open(folder);
    let entry = put(&blobs, &noise(500_000, 1));
    // SAFETY: the test runs on one thread, and the child only drops and exits.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            blobs.sync().unwrap();
            drop(blobs);
            // SAFETY: ends the process at once.
            unsafe { nix::libc::_exit(0) };
        }
        ForkResult::Parent { child } => {
            waitpid(child, None).unwrap();
        }
    }
    assert_eq!(
        blobs.list().unwrap(),
        [],
        "the child published what is the parent's"
    );
    blobs.sync().unwrap();
    blobs.verify(&entry).unwrap();
    println!("\nfine");
}

fn temp_files(folder: &Path) -> usize {
    fs::read_dir(folder.join("blobs/tmp")).map_or(0, Iterator::count)
}

/// Every visible chunk is whole: its content has the hash that is its name.
fn check_all(folder: &Path) -> usize {
    let blobs = Blobs::open(folder).verifying();
    let chunks = blobs.list().unwrap();
    for chunk in &chunks {
        let length = match chunk.id.codec {
            Codec::Raw => chunk.stored,
            Codec::Zstd => 300_100,
        };
        let entry = Entry {
            name: "data".to_owned(),
            encoding: "value".into(),
            type_name: String::new(),
            size: length,
            hash: chunk.id.hash,
            place: pave_artifact::Placement::Chunks(vec![pave_artifact::Chunk {
                hash: chunk.id.hash,
                length,
                stored: chunk.stored,
                codec: chunk.id.codec,
            }]),
            label: String::new(),
        };
        blobs.map(&entry).unwrap();
    }
    chunks.len()
}

#[test]
fn kill_before_sync_leaves_nothing_visible_and_the_next_process_cleans_up() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut out) = start("put and wait", folder.path());
    await_line(&mut out, "put");
    assert_eq!(temp_files(folder.path()), 2);
    let blobs = Blobs::open(folder.path());
    assert_eq!(
        temp_files(folder.path()),
        2,
        "those of a living process stay"
    );
    child.kill().unwrap();
    await_death(&child);
    // Dead, though nobody has waited for it yet.
    assert_eq!(blobs.list().unwrap(), []);
    let _ = Blobs::open(folder.path());
    assert_eq!(temp_files(folder.path()), 0);
    child.wait().unwrap();
}

/// Waits until a killed child is dead, without reaping it.
fn await_death(child: &Child) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
}

#[test]
fn kill_at_any_time_leaves_only_whole_chunks() {
    for rounds in [0, 1, 2, 5, 9] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, mut out) = start("put forever", folder.path());
        await_line(&mut out, &format!("round {rounds}"));
        child.kill().unwrap();
        child.wait().unwrap();
        let synced = (rounds + 1) / 3 * 3 * 2;
        assert!(check_all(folder.path()) >= synced, "synced chunks are lost");
        assert_eq!(temp_files(folder.path()), 0);
    }
}

#[test]
fn writers_of_the_same_content_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..4)
        .map(|_| start("put the same", folder.path()))
        .collect();
    for (_, out) in &mut children {
        await_line(out, "ready");
    }
    for (child, _) in &mut children {
        drop(child.stdin.take());
    }
    for (mut child, mut out) in children {
        out.read_to_string(&mut String::new()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(check_all(folder.path()), 20);
    assert_eq!(temp_files(folder.path()), 0);
}

#[test]
fn a_file_that_cannot_grow_is_reported_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let said = play("limited files", folder.path());
    assert!(said.contains("fine"), "{said}");
    assert_eq!(check_all(folder.path()), 1);
    assert_eq!(temp_files(folder.path()), 0);
}

#[test]
fn a_read_only_store_can_be_read_and_refuses_writing() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path());
    put(&blobs, &noise(500_000, 1));
    blobs.sync().unwrap();
    let root = folder.path().join("blobs");
    for place in [&root.join("tmp"), &root] {
        fs::set_permissions(place, fs::Permissions::from_mode(0o555)).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let said = play("read-only", folder.path());
    assert!(said.contains("fine"), "{said}");
    for place in [folder.path(), &root, &root.join("tmp")] {
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_forked_child_leaves_what_its_parent_has_pending_alone() {
    let folder = tempfile::tempdir().unwrap();
    let said = play("fork", folder.path());
    assert!(said.contains("fine"), "{said}");
}

#[test]
fn a_full_disk_is_reported_and_what_was_there_stays() {
    let Ok(small) = SmallDisk::mount(8 << 20) else {
        println!("skipped: mounting a small disk needs privileges");
        return;
    };
    let blobs = Blobs::open(&small.folder);
    let kept = put(&blobs, &noise(1 << 20, 1));
    blobs.sync().unwrap();
    let error = blobs.put(&[&noise(20 << 20, 2)]).unwrap_err();
    assert_eq!(error.code(), Code::A003);
    assert!(error.to_string().contains("Free space"), "{error}");
    drop(blobs);
    assert_eq!(temp_files(&small.folder), 0);
    let blobs = Blobs::open(&small.folder);
    blobs.verify(&kept).unwrap();
    put(&blobs, &noise(2 << 20, 3));
    blobs.sync().unwrap();
}

/// A file system of a few megabytes, unmounted when dropped.
struct SmallDisk {
    folder: std::path::PathBuf,
    _around: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(size: usize) -> Result<Self, String> {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("disk");
        fs::create_dir(&folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&folder)
            .output()
            .map_err(|cause| cause.to_string())?;
        if !mounted.status.success() {
            return Err(String::from_utf8_lossy(&mounted.stderr).into_owned());
        }
        Ok(Self {
            folder,
            _around: around,
        })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.folder).status();
    }
}

//! Files that are being written: temporary until they are durable, then renamed into place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};

/// Writeback begins after so many bytes, while the next ones are still being hashed.
const WRITEBACK_STEP: usize = 4 << 20;

/// Temporary files of processes that can't be asked for (of another machine, another container or
/// before the last boot) are removed when they are so old.
const STRANGERS_KEEP: Duration = Duration::from_secs(24 * 3600);

/// Start time of a process where the system doesn't tell.
const UNKNOWN: &str = "unknown";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A file that goes away when dropped, unless it was renamed into place.
#[derive(Debug)]
pub(crate) struct TempFile {
    file: File,
    path: PathBuf,
    /// The process that made it: a forked child drops its copy without removing the file.
    pid: u32,
    kept: AtomicBool,
}

impl TempFile {
    /// Makes a file in `folder` and writes `parts` to it.
    pub(crate) fn write(folder: &Path, parts: &[&[u8]]) -> io::Result<Self> {
        let pid = process::id();
        let path = folder.join(temp_name(pid));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        let temp = Self {
            file,
            path,
            pid,
            kept: AtomicBool::new(false),
        };
        write_all(&temp.file, parts)?;
        Ok(temp)
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Renames it to `target`, whose folder is made if need be. Done already, it does nothing.
    pub(crate) fn persist(&self, target: &Path) -> io::Result<()> {
        if self.kept.load(Ordering::Acquire) {
            return Ok(());
        }
        match fs::rename(&self.path, target) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = target.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::rename(&self.path, target)?;
            }
            other => other?,
        }
        self.kept.store(true, Ordering::Release);
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.kept.load(Ordering::Acquire) && self.pid == process::id() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the temporary files that dead processes left in `folder`. Failing to is no error.
pub(crate) fn clean(folder: &Path) {
    let Ok(files) = fs::read_dir(folder) else {
        return;
    };
    let here = whereabouts();
    for file in files.flatten() {
        let name = file.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_stale = match Owner::parse(name) {
            Some(owner) if owner.whereabouts == here => !owner.is_alive(),
            _ => is_old(&file),
        };
        if is_stale {
            let _ = fs::remove_file(file.path());
        }
    }
}

/// Who made a temporary file, as its name tells.
struct Owner<'a> {
    whereabouts: &'a str,
    pid: u32,
    started: &'a str,
}

impl<'a> Owner<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.split('-');
        Some(Self {
            whereabouts: parts.next()?,
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?,
        })
    }

    fn is_alive(&self) -> bool {
        if self.started == UNKNOWN {
            let pid = i32::try_from(self.pid).map(Pid::from_raw);
            return pid.is_ok_and(|pid| kill(pid, None) != Err(Errno::ESRCH));
        }
        start_time(self.pid).is_some_and(|started| started == self.started)
    }
}

fn temp_name(pid: u32) -> String {
    let started = start_time(pid).unwrap_or_else(|| UNKNOWN.to_owned());
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{pid}-{started}-{count}", whereabouts())
}

/// Names this boot of this machine and this process namespace: only within them does a process id
/// mean the same.
fn whereabouts() -> &'static str {
    static HERE: OnceLock<String> = OnceLock::new();
    HERE.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let both = format!("{boot}{}", namespace.display());
        blake3::hash(both.as_bytes()).to_hex()[..12].to_owned()
    })
}

/// When a process started, in ticks since boot; `None` if it is gone, or dead and only not yet waited
/// for. With the id it names a process even after its id was given to another one.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in brackets, may hold anything. Then come the state and other fields.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let started = fields.nth(18)?;
    (!is_dead).then(|| started.to_owned())
}

fn is_old(file: &fs::DirEntry) -> bool {
    let modified = file.metadata().and_then(|meta| meta.modified());
    let age = modified.map(|then| SystemTime::now().duration_since(then).unwrap_or_default());
    age.is_ok_and(|age| age > STRANGERS_KEEP)
}

fn write_all(mut file: &File, parts: &[&[u8]]) -> io::Result<()> {
    let (mut begun, mut written) = (0, 0);
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut rest = &mut slices[..];
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        // One call takes no more than a step, so that the disk starts early.
        let step = first_step(rest);
        let count = match step {
            Step::Part(bytes) => file.write(bytes),
            Step::Slices(count) => file.write_vectored(&rest[..count]),
        };
        match count {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                written += count;
                IoSlice::advance_slices(&mut rest, count);
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
        if written - begun >= WRITEBACK_STEP {
            start_writeback(file, begun, written - begun);
            begun = written;
        }
    }
    start_writeback(file, begun, written - begun);
    Ok(())
}

enum Step<'a> {
    Part(&'a [u8]),
    Slices(usize),
}

fn first_step<'a>(rest: &'a [IoSlice<'_>]) -> Step<'a> {
    const MOST_SLICES: usize = 1024;
    if rest[0].len() > WRITEBACK_STEP {
        return Step::Part(&rest[0][..WRITEBACK_STEP]);
    }
    let mut total = 0;
    let fitting = rest.iter().take(MOST_SLICES).take_while(|slice| {
        total += slice.len();
        total <= WRITEBACK_STEP
    });
    Step::Slices(fitting.count().max(1))
}

/// Asks the disk to begin, without waiting. Only a hint: `sync` waits for everything.
fn start_writeback(file: &File, offset: usize, length: usize) {
    #[cfg(target_os = "linux")]
    writeback(file, offset, length, nix::libc::SYNC_FILE_RANGE_WRITE);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, length);
}

/// Waits until a file's bytes are written. It is not durable then: its length and place may still
/// be only in memory. But when all files of a batch have come so far, the first `fdatasync` makes
/// the file system write that for all of them, and the others find nothing left to do.
pub(crate) fn finish_writeback(file: &File) {
    #[cfg(target_os = "linux")]
    {
        use nix::libc::{
            SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE,
        };
        let all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
        writeback(file, 0, 0, all);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

#[cfg(target_os = "linux")]
fn writeback(file: &File, offset: usize, length: usize, flags: u32) {
    use std::os::fd::AsRawFd;

    let (Ok(offset), Ok(length)) = (i64::try_from(offset), i64::try_from(length)) else {
        return;
    };
    #[expect(unsafe_code, reason = "no crate of ours wraps this call")]
    // SAFETY: the descriptor is open; the call touches no memory of this process. An error shows
    // again when the file is synced.
    unsafe {
        nix::libc::sync_file_range(file.as_raw_fd(), offset, length, flags)
    };
}

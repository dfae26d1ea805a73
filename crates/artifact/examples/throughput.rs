//! Compares the artifact store with a plain file, for 256 MiB of three kinds of data.
//!
//! `cargo run --release -p pave-artifact --example throughput [FOLDER]`
//!
//! Plain: write, fsync, read back. Pave: put, sync, map, touch every page. Both end with the bytes
//! durable on disk and readable in memory. Each is repeated and the median is shown.
#![expect(clippy::print_stdout, reason = "prints a table")]

use std::{
    env,
    error::Error,
    fs::{self, File},
    hint::black_box,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use pave_artifact::{Blobs, Encoding, Placement};

const SIZE: usize = 256 << 20;
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(env::temp_dir, PathBuf::from);
    let work = tempfile::tempdir_in(folder)?;
    println!("{SIZE} bytes, median of {ROUNDS} rounds, times in ms");
    println!(
        "{:<12} {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7} {:>7} {:>7} | {:>6}",
        "data", "write", "fsync", "read", "put", "sync", "map", "touch", "stored", "ratio"
    );
    for (name, data) in [
        ("random", random()),
        ("prices", prices()),
        ("categories", categories()),
    ] {
        let (mut plain, mut ours) = (Vec::new(), Vec::new());
        let mut stored = 0;
        for _ in 0..ROUNDS {
            plain.push(plain_file(work.path(), &data)?);
            let (times, size) = artifact(work.path(), &data)?;
            ours.push(times);
            stored = size;
        }
        let (plain, ours) = (medians(&plain), medians(&ours));
        let ratio = total(&ours).as_secs_f64() / total(&plain).as_secs_f64();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{name:<12} {:>7.0} {:>7.0} {:>7.0} | {:>7.0} {:>7.0} {:>7.1} {:>7.1} {:>6.0}% | {ratio:>6.2}",
            ms(plain[0]),
            ms(plain[1]),
            ms(plain[2]),
            ms(ours[0]),
            ms(ours[1]),
            ms(ours[2]),
            ms(ours[3]),
            stored as f64 * 100.0 / SIZE as f64,
        );
    }
    Ok(())
}

/// Milliseconds to write, fsync and read back.
fn plain_file(folder: &Path, data: &[u8]) -> Result<[Duration; 4], Box<dyn Error>> {
    let path = folder.join("plain");
    let mut clock = Clock::start();
    let mut file = File::create(&path)?;
    file.write_all(data)?;
    let write = clock.lap();
    file.sync_all()?;
    let fsync = clock.lap();
    let mut back = Vec::with_capacity(data.len());
    File::open(&path)?.read_to_end(&mut back)?;
    touch(&back);
    let read = clock.lap();
    assert!(back.len() == data.len());
    fs::remove_file(&path)?;
    Ok([write, fsync, read, Duration::ZERO])
}

/// Milliseconds to put, sync, map and touch, and the bytes that it takes on disk.
fn artifact(folder: &Path, data: &[u8]) -> Result<([Duration; 4], u64), Box<dyn Error>> {
    let store = folder.join("store");
    let blobs = Blobs::open(&store);
    let mut clock = Clock::start();
    let stored = blobs.put(&[data])?;
    let put = clock.lap();
    blobs.sync()?;
    let sync = clock.lap();
    let entry = stored.into_entry("data", Encoding::Array, "bytes", "");
    let mapping = blobs.map(&entry)?;
    let map = clock.lap();
    touch(&mapping);
    let touched = clock.lap();
    assert!(mapping[..] == *data);
    drop(mapping);
    let size = match &entry.place {
        Placement::Chunks(chunks) => chunks.iter().map(|chunk| chunk.stored).sum(),
        Placement::Inline(_) => 0,
    };
    fs::remove_dir_all(&store)?;
    Ok(([put, sync, map, touched], size))
}

fn touch(bytes: &[u8]) {
    black_box(bytes.iter().step_by(4096).fold(0u8, |sum, byte| sum ^ byte));
}

struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}

fn medians(rounds: &[[Duration; 4]]) -> [Duration; 4] {
    std::array::from_fn(|at| {
        let mut times: Vec<Duration> = rounds.iter().map(|round| round[at]).collect();
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn total(times: &[Duration; 4]) -> Duration {
    times.iter().sum()
}

/// A small generator, so that the data is the same every time.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

fn random() -> Vec<u8> {
    numbers()
        .take(SIZE / 8)
        .flat_map(u64::to_le_bytes)
        .collect()
}

/// Floats in cents around a wandering price: about half of their bytes repeat.
fn prices() -> Vec<u8> {
    let mut cents = 10_000_i64;
    let steps = numbers()
        .take(SIZE / 8)
        .map(|number| (number % 21) as i64 - 10);
    steps
        .flat_map(|step| {
            cents = (cents + step).clamp(100, 1_000_000);
            (cents as f64 / 100.0).to_le_bytes()
        })
        .collect()
}

/// 64-bit codes of 50 categories: most bytes are zero.
fn categories() -> Vec<u8> {
    numbers()
        .take(SIZE / 8)
        .flat_map(|number| (number % 50).to_le_bytes())
        .collect()
}

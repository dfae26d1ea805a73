//! What a task costs the runtime's own thread: launch, output, result, end.
//!
//! `cargo bench -p pave-exec`
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may die"
)]

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use pave_exec::{ExecEvent, Executor, LocalExecutor, WorkerSpec};
use pave_protocol::TaskSpec;

const TASKS: u64 = 5_000;
const WORKER: &str = env!("CARGO_BIN_EXE_scripted-worker");

fn main() {
    println!("  at once   CPU per task   time per task");
    for at_once in [1, 2, 16, 100] {
        let (cpu, wall) = measure(at_once);
        println!("{at_once:>9} {cpu:>14?} {wall:>15?}");
    }
}

/// Runs all tasks, so many at once; CPU time of this thread and elapsed time for each.
fn measure(at_once: u64) -> (Duration, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flow.py");
    std::fs::write(&file, "").unwrap();
    let spec = WorkerSpec {
        interpreter: WORKER.into(),
        file,
        store: folder.path().into(),
        guard: Some(WORKER.into()),
        ..WorkerSpec::default()
    };
    let mut executor = LocalExecutor::start(spec).unwrap();
    executor.describe().unwrap();
    run(&mut executor, 0..100, at_once);
    let (cpu, began) = (cpu_time(), Instant::now());
    run(&mut executor, 100..100 + TASKS, at_once);
    let each = |total: Duration| total / u32::try_from(TASKS).unwrap();
    (each(cpu_time() - cpu), each(began.elapsed()))
}

fn run(executor: &mut LocalExecutor, mut sessions: std::ops::Range<u64>, at_once: u64) {
    let mut left = sessions.end - sessions.start;
    for session in sessions.by_ref().take(at_once.try_into().unwrap()) {
        executor.launch(session, task());
    }
    while left > 0 {
        for event in executor.wait(Duration::from_secs(10), None).unwrap() {
            if let ExecEvent::Finished { .. } = event {
                left -= 1;
                if let Some(session) = sessions.next() {
                    executor.launch(session, task());
                }
            }
        }
    }
}

/// As large as that of a small flow.
fn task() -> TaskSpec {
    TaskSpec {
        parameters: vec![1; 500],
        tags: vec!["out one line\n".to_owned(), "finish 500".to_owned()],
        ..TaskSpec::default()
    }
}

fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    let of = |time: &nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec().unsigned_abs())
            + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    times.iter().map(of).sum()
}

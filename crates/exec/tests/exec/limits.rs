//! Many tasks, large messages, few descriptors.

use std::io::Write;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::wait::{WaitPidFlag, waitpid};
use pave_exec::{Executor, ForkMode};
use pave_protocol::TaskSpec;

use crate::processes::{alone, descendants, zombies};
use crate::stage::{Stage, moody_task, task};

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    times
        .iter()
        .map(|time| {
            Duration::from_secs(time.tv_sec() as u64) + Duration::from_micros(time.tv_usec() as u64)
        })
        .sum()
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// How many descriptors besides the usual three a program would find that this one starts.
fn inheritable_descriptors() -> usize {
    let names = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = names.map(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    });
    let inheritable = numbers.filter(|number: &i32| {
        // SAFETY: a plain system call, which fails if the descriptor is closed by now.
        let flags = unsafe { nix::libc::fcntl(*number, nix::libc::F_GETFD) };
        *number > 2 && flags & nix::libc::FD_CLOEXEC == 0
    });
    inheritable.count()
}

/// Runs so many tasks, a few at a time.
fn run_many(stage: &mut Stage, count: usize) {
    let mut running = std::collections::VecDeque::new();
    for _ in 0..count {
        running.push_back(stage.launch(&["out x\n", "finish"]));
        if running.len() == 8 {
            let oldest = running.pop_front().unwrap();
            assert!(stage.until_over(oldest).is_finished());
        }
    }
    for session in running {
        assert!(stage.until_over(session).is_finished());
    }
}

#[test]
fn two_thousand_tasks_leave_no_descriptor_and_no_zombie() {
    alone(|| {
        let mut stage = Stage::new("");
        run_many(&mut stage, 10);
        // What has reported may still be on its way out.
        let settle = |stage: &mut Stage| {
            let worker = stage.folder.worker();
            while !(descendants(worker).is_empty() && zombies(worker).is_empty()) {
                stage.take_in(Duration::from_millis(5));
            }
            stage.take_in(Duration::from_millis(5));
        };
        settle(&mut stage);
        let before = open_descriptors();
        run_many(&mut stage, 2000);
        settle(&mut stage);
        assert_eq!(open_descriptors(), before);
        stage.executor.shutdown();
        let children = waitpid(None, Some(WaitPidFlag::WNOHANG));
        assert_eq!(children, Err(nix::errno::Errno::ECHILD));
    });
}

#[test]
fn fresh_tasks_leave_no_descriptor_and_no_zombie() {
    alone(|| {
        let mut stage = Stage::in_mode(ForkMode::Never, "");
        let settle = |stage: &mut Stage| {
            // The worker and the guard remain.
            let own = i32::try_from(std::process::id()).unwrap();
            while descendants(own).len() + zombies(own).len() > 2 {
                stage.take_in(Duration::from_millis(5));
            }
        };
        run_many(&mut stage, 1);
        settle(&mut stage);
        let before = open_descriptors();
        run_many(&mut stage, 100);
        settle(&mut stage);
        assert_eq!(open_descriptors(), before);
        stage.executor.shutdown();
        let children = waitpid(None, Some(WaitPidFlag::WNOHANG));
        assert_eq!(children, Err(nix::errno::Errno::ECHILD));
    });
}

#[test]
fn a_task_inherits_its_three_descriptors_and_nothing_else() {
    let mut stage = Stage::in_mode(ForkMode::Never, "");
    let others: Vec<_> = (0..5).map(|_| stage.launch(&["hang"])).collect();
    // Its socket beside stdin, stdout, stderr, and whatever whoever runs these tests left open.
    let expected = 4 + inheritable_descriptors();
    assert_eq!(stage.run(&["descriptors"]).text(), expected.to_string());
    assert!(
        others
            .iter()
            .all(|session| stage.story(*session).last.is_none())
    );
}

#[test]
fn without_descriptors_a_launch_is_lost_with_the_reason() {
    alone(|| {
        setrlimit(Resource::RLIMIT_NOFILE, 32, 32).unwrap();
        for mode in [ForkMode::Auto, ForkMode::Never] {
            let mut stage = Stage::in_mode(mode, "");
            let sessions: Vec<_> = (0..20).map(|_| stage.launch(&["hang"])).collect();
            stage.until(sessions[0], |story| story.pid.is_some());
            let is_lost = |stage: &Stage, session: u64| stage.story(session).last.is_some();
            let (lost, running): (Vec<u64>, Vec<u64>) = sessions
                .into_iter()
                .partition(|session| is_lost(&stage, *session));
            assert!(!lost.is_empty() && !running.is_empty());
            for session in lost {
                let reason = stage.story(session).reason();
                assert!(reason.contains("Too many open files"), "{reason}");
            }
            for session in running {
                stage.executor.stop(session);
                stage.until_over(session);
            }
            assert!(stage.run(&["finish"]).is_finished());
        }
    });
}

#[test]
fn the_runtime_uses_all_descriptors_that_it_may_have_and_tasks_the_usual_number() {
    alone(|| {
        setrlimit(Resource::RLIMIT_NOFILE, 64, 1024).unwrap();
        for mode in [ForkMode::Auto, ForkMode::Never] {
            let mut stage = Stage::in_mode(mode, "");
            let sessions: Vec<_> = (0..40).map(|_| stage.launch(&["limit", "hang"])).collect();
            for session in sessions {
                let story = stage.until(session, |story| !story.out.is_empty());
                assert_eq!(story.text(), "64");
            }
            assert_eq!(getrlimit(Resource::RLIMIT_NOFILE), Ok((1024, 1024)));
        }
    });
}

#[test]
fn two_hundred_megabytes_reach_a_task_that_takes_its_time() {
    let mut stage = Stage::new("");
    let gate = stage.folder.fifo("gate");
    let spec = TaskSpec {
        base: vec![5; 200_000_000],
        ..moody_task(&format!("slow {gate}"), &["measure"])
    };
    let slow = stage.launch_spec(spec);
    stage.until(slow, |story| story.pid.is_some());
    // It reads nothing yet: others go on, and waiting costs nothing.
    assert!(stage.run(&["finish 1000"]).is_finished());
    let before = cpu_time();
    stage.take_in(Duration::from_millis(200));
    let spent = cpu_time() - before;
    assert!(spent < Duration::from_millis(20), "{spent:?} to do nothing");
    let mut gate = std::fs::OpenOptions::new().write(true).open(gate).unwrap();
    gate.write_all(&[1]).unwrap();
    assert_eq!(stage.until_over(slow).manifest(), b"200000000");
}

#[test]
fn a_large_result_arrives_whole() {
    Stage::both(|mut stage| {
        assert_eq!(stage.run(&["finish 50000000"]).manifest().len(), 50_000_000);
        // It may be gone before all of it is read.
        let story = stage.run(&["finish 50000000", "exit 1"]);
        assert_eq!(story.manifest().len(), 50_000_000);
    });
}

#[test]
fn waiting_costs_nothing() {
    for mode in [ForkMode::Auto, ForkMode::Never] {
        let mut stage = Stage::in_mode(mode, "");
        let silent = stage.launch(&["out x", "hang"]);
        stage.until(silent, |story| !story.out.is_empty());
        let deaf = stage.launch(&["close", "out x", "hang"]);
        stage.until(deaf, |story| !story.out.is_empty());
        let reported = stage.launch(&["child", "finish", "hang"]);
        stage.until_over(reported);
        let importing = stage.launch_spec(moody_task("hang", &["finish"]));
        stage.take_in(Duration::from_millis(50));
        let before = cpu_time();
        stage.take_in(Duration::from_millis(300));
        let spent = cpu_time() - before;
        assert!(spent < Duration::from_millis(30), "{spent:?} to do nothing");
        assert!(stage.story(importing).last.is_none());
    }
}

#[test]
fn a_task_costs_the_runtime_little() {
    let mut stage = Stage::new("");
    run_many(&mut stage, 10);
    let before = cpu_time();
    run_many(&mut stage, 500);
    let each = (cpu_time() - before) / 500;
    // Ten times what it takes where code is optimised and nobody else is busy.
    assert!(each < Duration::from_millis(1), "{each:?} for each task");
}

#[test]
fn a_wait_ends_early_for_the_wake_descriptor_and_late_for_none() {
    use std::os::fd::AsFd;
    let mut stage = Stage::new("");
    let (wake, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut &theirs, &[1]).unwrap();
    let began = std::time::Instant::now();
    let events = stage.executor.wait(Duration::MAX, Some(wake.as_fd()));
    assert_eq!(events.unwrap(), []);
    let limit = Duration::from_millis(30);
    assert_eq!(stage.executor.wait(limit, None).unwrap(), []);
    assert!(began.elapsed() >= limit);
}

#[test]
fn hundreds_of_tasks_at_once_are_all_heard() {
    let mut stage = Stage::new("");
    let actions = ["out x", "finish"];
    let sessions: Vec<_> = (0..200)
        .map(|_| stage.launch_spec(task(&actions)))
        .collect();
    for session in sessions {
        let story = stage.until_over(session);
        assert!(story.is_finished() && story.text() == "x");
    }
}

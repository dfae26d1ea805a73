//! Nothing that a task or a worker started lives on.

use std::io::BufRead;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pave_exec::{Executor, ForkMode, LocalExecutor, run_guard};

use crate::processes::{alone, beside, descendants, lives, tell, told, until_gone};
use crate::stage::{Folder, LONG, Stage, WORKER};

#[test]
fn what_a_task_started_dies_when_it_ends() {
    Stage::both(|mut stage| {
        for end in ["finish", "exit 1", "signal 9"] {
            let pids = stage.run(&["child", "daemon", end]).numbers();
            assert_eq!(pids.len(), 2);
            // With forks the worker sees to it, with fresh processes we do.
            stage.until_dead(&pids);
        }
    });
}

#[test]
fn what_a_task_started_dies_when_it_is_stopped() {
    Stage::both(|mut stage| {
        let session = stage.launch(&["child", "daemon", "hang"]);
        let is_there = |story: &crate::stage::Story| story.text().lines().count() == 2;
        let pids = stage.until(session, is_there).numbers();
        stage.executor.stop(session);
        stage.until_over(session);
        pids.into_iter().for_each(until_gone);
    });
}

#[test]
fn everything_dies_at_a_shutdown() {
    Stage::both(|mut stage| {
        let session = stage.launch(&["child", "daemon", "hang"]);
        let is_there = |story: &crate::stage::Story| story.text().lines().count() == 2;
        let story = stage.until(session, is_there);
        let mut pids = story.numbers();
        pids.extend(story.pid);
        pids.push(stage.folder.worker());
        // What has reported is killed too, if it hasn't left.
        let reported = stage.launch(&["finish", "hang"]);
        pids.extend(stage.until_over(reported).pid);
        stage.executor.shutdown();
        pids.into_iter().for_each(until_gone);
    });
}

#[test]
fn only_what_leaves_the_group_on_purpose_escapes() {
    Stage::both(|mut stage| {
        let pid = stage.run(&["escape", "finish"]).numbers()[0];
        stage.executor.shutdown();
        assert!(lives(pid));
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    });
}

#[test]
fn what_the_flow_file_started_dies_with_its_worker() {
    let folder = Folder::new("");
    let news = folder.fifo("news");
    std::fs::write(folder.path("flow.py"), format!("child {news}")).unwrap();
    let mut executor = LocalExecutor::start(folder.spec(ForkMode::Auto)).unwrap();
    let pids = read_numbers(&news);
    executor.describe().unwrap();
    kill(Pid::from_raw(pids[0]), Signal::SIGTERM).unwrap();
    // The executor hears of it and buries the worker, and whatever was in its group.
    executor
        .wait(std::time::Duration::from_millis(500), None)
        .unwrap();
    pids.into_iter().for_each(until_gone);
}

#[test]
fn nothing_outlives_a_runtime_that_is_killed() {
    kill_runtime(ForkMode::Auto);
}

#[test]
fn nothing_outlives_a_runtime_that_is_killed_among_fresh_processes() {
    kill_runtime(ForkMode::Never);
}

fn kill_runtime(mode: ForkMode) {
    let victim = || {
        let mut stage = Stage::in_mode(mode, "");
        let session = stage.launch(&["child", "daemon", "hang"]);
        let is_there = |story: &crate::stage::Story| story.text().lines().count() == 2;
        tell(&stage.until(session, is_there).numbers());
        stage.executor.wait(LONG, None).unwrap();
    };
    beside(victim, |mut runtime| {
        let mut pids = told(&mut runtime);
        let own = i32::try_from(runtime.id()).unwrap();
        pids.extend(descendants(own));
        // The child, the daemon, perhaps still its parent, the task, the worker and the guard.
        pids.sort_unstable();
        pids.dedup();
        assert!(pids.len() >= 5, "{pids:?}");
        runtime.kill().unwrap();
        runtime.wait().unwrap();
        pids.into_iter().for_each(until_gone);
    });
}

#[test]
fn ctrl_c_during_an_import_ends_the_runtime_and_all_that_was_started() {
    let victim = || {
        let folder = Folder::new("");
        let news = folder.fifo("news");
        std::fs::write(folder.path("flow.py"), format!("child {news}\nhang")).unwrap();
        let mut executor = LocalExecutor::start(folder.spec(ForkMode::Auto)).unwrap();
        tell(&read_numbers(&news));
        let _ = executor.describe();
    };
    beside(victim, |mut runtime| {
        let mut pids = told(&mut runtime);
        let own = i32::try_from(runtime.id()).unwrap();
        pids.extend(descendants(own));
        kill(Pid::from_raw(own), Signal::SIGINT).unwrap();
        let status = runtime.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::SIGINT as i32));
        pids.into_iter().for_each(until_gone);
    });
}

#[test]
fn the_guard_kills_the_groups_that_were_not_taken_back() {
    let sleeper = || {
        let mut command = Command::new("sleep");
        command.arg("3600").process_group(0);
        command.spawn().unwrap()
    };
    let (mut kept, mut taken_back) = (sleeper(), sleeper());
    let (first, second) = (kept.id(), taken_back.id());
    let lines = format!("+{first}\n+{second}\nnonsense\n\n+é\n+0\n+1\n+-1\n-{second}\n");
    run_guard(lines.as_bytes());
    assert_eq!(kept.wait().unwrap().signal(), Some(9));
    assert!(lives(i32::try_from(second).unwrap()));
    taken_back.kill().unwrap();
    taken_back.wait().unwrap();
}

#[test]
fn a_guard_that_is_stopped_or_dead_does_not_hold_up_the_runtime() {
    alone(|| {
        [Signal::SIGSTOP, Signal::SIGKILL]
            .into_iter()
            .for_each(disturb_guard)
    });
}

fn disturb_guard(signal: Signal) {
    let mut stage = Stage::new("");
    let own = i32::try_from(std::process::id()).unwrap();
    let name_of = |pid: i32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let expected = format!("{WORKER}\0guard\0");
    let mut started = descendants(own);
    started.retain(|pid| name_of(*pid) == expected.as_bytes());
    assert_eq!(started.len(), 1);
    kill(Pid::from_raw(started[0]), signal).unwrap();
    assert!(stage.run(&["finish"]).is_finished());
}

fn read_numbers(fifo: &str) -> Vec<i32> {
    let file = std::fs::File::open(fifo).unwrap();
    let line = std::io::BufReader::new(file).lines().next().unwrap();
    let words = line.unwrap();
    words.split(' ').map(|word| word.parse().unwrap()).collect()
}

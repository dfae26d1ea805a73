//! Workers that die, hang, refuse, or talk nonsense.

use std::io::Write;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pave_exec::{ExecError, Executor, ForkMode, FoundWorker, LocalExecutor, WorkerSpec};
use pave_model::Code;

use crate::processes::until_gone;
use crate::stage::{Folder, Stage, moody_task};

/// The error of a worker that can't describe its flow.
fn describe(moods: &str) -> ExecError {
    let folder = Folder::new(moods);
    let mut executor = LocalExecutor::start(folder.spec(ForkMode::Auto)).unwrap();
    executor.describe().unwrap_err()
}

#[test]
fn a_worker_that_dies_while_it_imports_tells_how() {
    let error = describe("exit 4");
    let words = "the worker died while it imported the flow file (exit status: 4)";
    assert_eq!((&*error.to_string(), error.code()), (words, Code::W003));
}

#[test]
fn a_worker_that_dies_while_its_child_holds_the_socket_is_missed_all_the_same() {
    let folder = Folder::new("");
    let news = folder.fifo("news");
    std::fs::write(folder.path("flow.py"), format!("child {news}\nexit 4")).unwrap();
    let mut executor = LocalExecutor::start(folder.spec(ForkMode::Auto)).unwrap();
    std::fs::read_to_string(news).unwrap();
    let words = executor.describe().unwrap_err().to_string();
    assert!(words.ends_with("(exit status: 4)"), "{words}");
}

#[test]
fn a_file_that_can_not_be_used_is_told_in_its_own_words() {
    let error = describe("unusable no module named panda");
    assert_eq!(error.code(), Code::W001);
    let ExecError::Unusable(failure) = error else {
        panic!("{error:?}");
    };
    assert_eq!(failure.message, "no module named panda");
}

#[test]
fn another_protocol_version_is_refused() {
    let error = describe("protocol 99");
    assert_eq!(error.code(), Code::W004);
    assert!(error.to_string().contains("protocol 99"), "{error}");
}

#[test]
fn nonsense_instead_of_a_description_is_no_death() {
    let error = describe("garbage");
    assert_eq!(error.code(), Code::W003);
    let words = error.to_string();
    assert!(
        words.starts_with("the worker sent no valid message"),
        "{words}"
    );
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let spec = WorkerSpec {
        interpreter: "/nowhere/python".into(),
        ..WorkerSpec::default()
    };
    let error = LocalExecutor::start(spec).unwrap_err();
    assert_eq!(error.code(), Code::W005);
    assert_eq!(
        error.to_string(),
        "cannot start /nowhere/python (no such file)"
    );
}

#[test]
fn a_guard_that_is_not_there_is_an_error_and_leaves_no_worker() {
    let folder = Folder::new("hang");
    let mut spec = folder.spec(ForkMode::Auto);
    spec.guard = Some("/nowhere/pave".into());
    let error = LocalExecutor::start(spec).unwrap_err();
    assert_eq!(error.to_string(), "cannot start the process guard");
}

#[test]
fn an_import_can_be_interrupted() {
    let folder = Folder::new("hang");
    let mut executor = LocalExecutor::start(folder.spec(ForkMode::Auto)).unwrap();
    let (signals, mut theirs) = UnixStream::pair().unwrap();
    executor.interrupt_by(OwnedFd::from(signals));
    theirs.write_all(&[2]).unwrap();
    let error = executor.describe().unwrap_err();
    assert!(matches!(error, ExecError::Interrupted), "{error:?}");
    assert_eq!(error.code(), Code::R002);
}

#[test]
fn computing_parameters_can_be_interrupted() {
    let mut stage = Stage::new("ponder");
    let (signals, mut theirs) = UnixStream::pair().unwrap();
    stage.executor.interrupt_by(OwnedFd::from(signals));
    theirs.write_all(&[2]).unwrap();
    let error = stage.executor.parameters("{}", "ada").unwrap_err();
    assert!(matches!(error, ExecError::Interrupted), "{error:?}");
}

#[test]
fn a_worker_that_dies_over_parameters_does_not_blame_the_import() {
    let mut stage = Stage::new("ponder");
    let worker = Pid::from_raw(stage.folder.worker());
    kill(worker, Signal::SIGKILL).unwrap();
    let words = stage
        .executor
        .parameters("{}", "ada")
        .unwrap_err()
        .to_string();
    let expected = "the worker died while it computed the parameters (signal: 9 (SIGKILL))";
    assert_eq!(words, expected);
}

#[test]
fn tasks_are_lost_with_their_worker_and_the_next_has_another() {
    let mut stage = Stage::new("");
    let running = stage.launch(&["child", "hang"]);
    let pids = stage
        .until(running, |story| !story.out.is_empty())
        .numbers();
    let finished = stage.launch(&["finish", "hang"]);
    stage.until_over(finished);
    let worker = stage.folder.worker();
    kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    let story = stage.until_over(running);
    assert_eq!(story.reason(), "its worker died (signal: 9 (SIGKILL))");
    until_gone(story.pid.unwrap());
    pids.into_iter().for_each(until_gone);
    assert!(stage.run(&["finish"]).is_finished());
    assert_ne!(stage.folder.worker(), worker);
}

#[test]
fn tasks_that_wait_for_a_worker_are_lost_with_it() {
    let mut stage = Stage::new("");
    let first = stage.launch_spec(moody_task("exit 3", &["finish"]));
    let second = stage.launch_spec(moody_task("exit 3", &["finish"]));
    for session in [first, second] {
        let reason = stage.until_over(session).reason();
        assert_eq!(reason, "its worker died (exit status: 3)");
    }
    assert!(stage.run(&["finish"]).is_finished());
}

#[test]
fn what_a_worker_does_at_a_fork_is_told_and_another_one_goes_on() {
    for (mood, expected) in [
        ("die 7", "its worker died (exit status: 7)"),
        (
            "close",
            "its worker died (it closed its socket without exiting)",
        ),
        (
            "mutter",
            "its worker sent no valid message: a message could not be decoded",
        ),
        ("lie 0", "its worker claims to have forked process 0"),
        ("lie -1", "its worker claims to have forked process -1"),
    ] {
        let mut stage = Stage::new(&format!("first: {mood}"));
        let worker = stage.folder.worker();
        let story = stage.run(&["finish"]);
        let reason = story.reason();
        assert!(reason.starts_with(expected), "{reason}");
        until_gone(worker);
        assert!(stage.run(&["finish"]).is_finished(), "after `{mood}`");
    }
}

#[test]
fn a_file_that_does_not_import_the_second_time_loses_each_task() {
    let mut stage = Stage::new("first: die 7\nlater: unusable no more");
    assert_eq!(
        stage.run(&["finish"]).reason(),
        "its worker died (exit status: 7)"
    );
    for _ in 0..2 {
        let reason = stage.run(&["finish"]).reason();
        assert_eq!(
            reason,
            "its worker could not use the flow file a second time: no more"
        );
    }
}

#[test]
fn a_later_worker_of_another_protocol_is_refused_too() {
    let mut stage = Stage::new("later: protocol 99");
    let session = stage.launch_spec(moody_task("new", &["finish"]));
    let reason = stage.until_over(session).reason();
    assert!(reason.contains("protocol 99"), "{reason}");
}

#[test]
fn tasks_of_a_later_worker_that_must_not_fork_start_fresh() {
    let mut stage = Stage::new("");
    let launch = |stage: &mut Stage| stage.launch_spec(moody_task("unsafe gpu", &["kind"]));
    // The first waits for the worker to say so, the second knows.
    for _ in 0..2 {
        let session = launch(&mut stage);
        assert_eq!(stage.until_over(session).text(), "fresh");
    }
    assert_eq!(stage.run(&["kind"]).text(), "forked");
}

#[test]
fn a_refused_fork_loses_the_task() {
    let mut stage = Stage::new("refuse Resource temporarily unavailable");
    let reason = stage.run(&["finish"]).reason();
    assert_eq!(
        reason,
        "the worker could not fork: Resource temporarily unavailable"
    );
}

#[test]
fn a_worker_that_dies_unused_is_not_missed() {
    let mut stage = Stage::new("");
    kill(Pid::from_raw(stage.folder.worker()), Signal::SIGKILL).unwrap();
    // Whether its death is heard of before or after, the next task isn't the one to suffer twice.
    stage.run(&["finish"]);
    assert!(stage.run(&["finish"]).is_finished());
}

#[test]
fn a_found_worker_that_is_no_child_is_left_alone() {
    let folder = Folder::new("");
    let mut spec = folder.spec(ForkMode::Auto);
    // A variable that came down from another process names a stranger.
    spec.found = Some(FoundWorker {
        descriptor: 1000,
        pid: 1,
    });
    let mut executor = LocalExecutor::start(spec).unwrap();
    executor.describe().unwrap();
    assert!(folder.worker() > 1);
}

#[test]
fn a_found_worker_is_adopted_and_used() {
    let folder = Folder::new("");
    let (ours, theirs) = UnixStream::pair().unwrap();
    fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    // It leads no group: whoever forks it off himself may be interrupted before it does.
    let mut found = std::process::Command::new(crate::stage::WORKER);
    found
        .args(["-c", "", folder.path("flow.py").to_str().unwrap()])
        .env("PAVE_CONTROL_FD", theirs.as_raw_fd().to_string());
    let pid = i32::try_from(found.spawn().unwrap().id()).unwrap();
    drop(theirs);
    let mut spec = folder.spec(ForkMode::Auto);
    spec.found = FoundWorker::parse(&format!("{}:{pid}", ours.into_raw_fd()));
    let mut stage = Stage::of(spec, folder);
    assert_eq!(stage.folder.worker(), pid);
    assert_eq!(stage.run(&["kind"]).text(), "forked");
    stage.executor.shutdown();
    until_gone(pid);
}

#[test]
fn a_fresh_task_whose_interpreter_is_gone_is_lost() {
    let folder = Folder::new("");
    let program = folder.path("python");
    std::fs::hard_link(crate::stage::WORKER, &program)
        .or_else(|_| std::fs::copy(crate::stage::WORKER, &program).map(drop))
        .unwrap();
    let mut spec = folder.spec(ForkMode::Never);
    spec.interpreter.clone_from(&program);
    let mut stage = Stage::of(spec, folder);
    std::fs::remove_file(&program).unwrap();
    let reason = stage.run(&["finish"]).reason();
    assert!(reason.contains("(no such file)"), "{reason}");
}

//! Stops, at every moment of an attempt.

use pave_exec::{End, Executor};

use crate::processes::until_gone;
use crate::stage::{Stage, moody_task, task};

#[test]
fn a_stopped_task_is_killed() {
    Stage::both(|mut stage| {
        let session = stage.launch(&["out x", "hang"]);
        stage.until(session, |story| !story.out.is_empty());
        stage.executor.stop(session);
        assert_eq!(stage.until_over(session).end(), &End::Killed(9));
    });
}

#[test]
fn a_stop_right_after_the_launch_leaves_nothing_that_runs() {
    Stage::both(|mut stage| {
        let session = stage.launch(&["out x", "hang"]);
        stage.executor.stop(session);
        assert_ne!(stage.until_over(session).end(), &End::Exited(0));
        assert!(stage.run(&["finish"]).is_finished());
    });
}

#[test]
fn a_task_whose_process_is_not_known_yet_runs_nothing() {
    let mut stage = Stage::new("");
    for _ in 0..50 {
        let session = stage.launch(&["out x", "finish"]);
        stage.executor.stop(session);
        let story = stage.until_over(session);
        assert_eq!((story.text(), story.is_finished()), ("", false));
    }
}

#[test]
fn a_worker_that_never_tells_of_a_process_can_not_keep_a_stop_waiting() {
    let mut stage = Stage::new("deaf");
    let session = stage.launch(&["finish"]);
    stage.executor.stop(session);
    let reason = stage.until_over(session).reason();
    assert_eq!(reason, "it was stopped before it began");
}

#[test]
fn an_import_that_hangs_can_not_keep_a_stop_waiting() {
    let mut stage = Stage::new("");
    let session = stage.launch_spec(moody_task("hang", &["finish"]));
    stage.take_in(std::time::Duration::from_millis(10));
    stage.executor.stop(session);
    let reason = stage.until_over(session).reason();
    assert_eq!(reason, "it was stopped before it began");
    // Once more than once is no harm.
    stage.executor.stop(session);
    assert!(stage.run(&["finish"]).is_finished());
}

#[test]
fn a_stop_after_the_result_does_not_take_it_back() {
    Stage::both(|mut stage| {
        let session = stage.launch(&["finish", "hang"]);
        let pid = {
            let story = stage.until_over(session);
            assert!(story.is_finished());
            story.pid.unwrap()
        };
        stage.executor.stop(session);
        until_gone(pid);
    });
}

#[test]
fn stopping_what_is_unknown_or_over_does_nothing() {
    let mut stage = Stage::new("");
    stage.executor.stop(4711);
    let session = stage.launch_spec(task(&["finish"]));
    stage.until_over(session);
    stage.executor.stop(session);
    assert!(stage.run(&["finish"]).is_finished());
}

//! How attempts end.

use pave_exec::{End, Executor, ForkMode};

use crate::stage::{Folder, Stage, moody_task, task};

#[test]
fn a_task_that_reports_its_result_is_finished() {
    Stage::both(|mut stage| {
        let story = stage.run(&["finish 3"]);
        assert_eq!(story.manifest(), [7, 7, 7]);
        assert!(story.pid.unwrap() > 1);
    });
}

#[test]
fn tasks_are_forked_unless_that_is_unsafe_or_unwanted() {
    let kind = |mode, moods| {
        let mut stage = Stage::in_mode(mode, moods);
        stage.run(&["kind"]).text().to_owned()
    };
    assert_eq!(kind(ForkMode::Auto, ""), "forked");
    assert_eq!(kind(ForkMode::Auto, "unsafe threads"), "fresh");
    assert_eq!(kind(ForkMode::Always, "unsafe threads"), "forked");
    assert_eq!(kind(ForkMode::Never, ""), "fresh");
}

#[test]
fn an_exit_before_the_result_tells_its_code() {
    Stage::both(|mut stage| {
        assert_eq!(stage.run(&["exit 3"]).end(), &End::Exited(3));
        assert_eq!(stage.run(&[]).end(), &End::Exited(0));
        assert_eq!(stage.run(&["exit 255"]).end(), &End::Exited(255));
    });
}

#[test]
fn a_deadly_signal_is_told_by_its_number() {
    Stage::both(|mut stage| {
        for number in [6, 9, 11, 15] {
            let story = stage.run(&[&format!("signal {number}")]);
            assert_eq!(story.end(), &End::Killed(number));
        }
    });
}

#[test]
fn a_signal_without_a_name_is_told_too() {
    let mut stage = Stage::in_mode(ForkMode::Never, "");
    assert_eq!(stage.run(&["signal 40"]).end(), &End::Killed(40));
}

#[test]
fn a_result_counts_whatever_the_process_does_afterwards() {
    Stage::both(|mut stage| {
        for after in ["exit 1", "signal 11", "close"] {
            assert!(stage.run(&["finish", after]).is_finished());
        }
    });
}

#[test]
fn a_task_that_sends_nonsense_is_lost_and_killed() {
    Stage::both(|mut stage| {
        let session = stage.launch(&["garbage", "hang"]);
        let story = stage.until_over(session);
        let reason = story.reason();
        assert!(reason.starts_with("it sent no valid message"), "{reason}");
        crate::processes::until_gone(story.pid.unwrap());
    });
}

#[test]
fn a_task_that_closes_its_socket_ends_by_its_exit_code() {
    Stage::both(|mut stage| {
        assert_eq!(stage.run(&["close", "exit 4"]).end(), &End::Exited(4));
    });
}

#[test]
fn a_task_finds_its_variables_wherever_it_runs() {
    for mode in [ForkMode::Auto, ForkMode::Never] {
        let mut stage = Stage::in_mode(mode, "");
        let session = stage.launch_spec(moody_task("sunny", &["variable MOOD"]));
        assert_eq!(stage.until_over(session).text(), "sunny");
        // The next one has another worker.
        assert_eq!(stage.run(&["variable MOOD"]).text(), "");
    }
}

#[test]
fn decorators_reach_the_worker_as_a_list_whatever_they_hold() {
    let folder = Folder::new("");
    let mut spec = folder.spec(ForkMode::Auto);
    spec.with = vec!["retry:times=3".to_owned(), "a \"b\" \\ \n\u{1}é".to_owned()];
    let mut stage = Stage::of(spec, folder);
    let expected = r#"["retry:times=3","a \"b\" \\ \n\u0001é"]"#;
    assert_eq!(stage.run(&["variable PAVE_WITH"]).text(), expected);
}

#[test]
fn parameters_come_from_the_worker() {
    let mut stage = Stage::new("");
    let manifest = stage.executor.parameters("{\"alpha\": 5}", "ada").unwrap();
    assert_eq!(manifest, b"{\"alpha\": 5}");
}

#[test]
fn a_task_that_can_not_be_encoded_is_lost() {
    let mut stage = Stage::new("");
    let mut spec = task(&["finish"]);
    // More than a message may hold.
    spec.base = vec![0; (1 << 30) + 1];
    let session = stage.launch_spec(spec);
    let reason = stage.until_over(session).reason();
    assert!(reason.contains("the limit is"), "{reason}");
}
